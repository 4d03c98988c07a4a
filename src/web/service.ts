// What the routes work with: the running product and what a request needs to know besides. Routes get it as a value; nothing is global.

import type { Days } from "../../jobs/mod.ts";
import type { Clock } from "../clock.ts";
import type { Guardian } from "../guardian.ts";
import type { LogLine } from "../log_line.ts";
import { LocalSink } from "../source/local_sink.ts";
import { Admission } from "./admission.ts";
import type { Access } from "./access.ts";
import { DayStates } from "./day_states.ts";

export interface Service {
  readonly guardian: Guardian;
  readonly days: Days;
  readonly dayStates: DayStates;
  readonly clock: Clock;
  readonly logLine: LogLine;
  readonly access: Access;
  readonly admission: Admission;
  /** Where rows of replayed sources go. */
  readonly replays: LocalSink;
  /** How far ahead of the clock an event may be, ms. */
  readonly futureMs: number;
  /** Monotonic time of the start, ms. */
  readonly startedAt: number;
  /** From when it is true, new requests are turned away. */
  draining: boolean;
  /** Requests that are being answered. */
  underWay: number;
}

export interface ServiceOptions {
  readonly guardian: Guardian;
  readonly days: Days;
  readonly clock: Clock;
  readonly logLine: LogLine;
  readonly access: Access;
  readonly futureMs: number;
  readonly admission?: Admission;
}

export function makeService({ guardian, days, clock, admission = new Admission(), ...rest }: ServiceOptions): Service {
  const dayStates = new DayStates(days), replays = new LocalSink(guardian);
  return { guardian, days, dayStates, clock, admission, ...rest, replays, startedAt: clock.monotonic(), draining: false, underWay: 0 };
}
