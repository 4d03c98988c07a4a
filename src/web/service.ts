// What the routes work with: the running product and what a request needs to know besides. Routes get it as a value; nothing is global.

import type { Days } from "../../jobs/mod.ts";
import type { Clock } from "../clock.ts";
import type { Access } from "../access/access.ts";
import { closedFront, type Front } from "../access/front.ts";
import type { Sessions } from "../access/sessions.ts";
import type { Guardian } from "../guardian.ts";
import { Feed } from "../live/feed.ts";
import type { LogLine } from "../log_line.ts";
import { LocalSink } from "../source/local_sink.ts";
import { Admission } from "./admission.ts";
import type { ConnectionFigures } from "./connections.ts";
import { DashboardFiles } from "./dashboard_files.ts";
import { DayStates } from "./day_states.ts";
import type { SampleSite } from "./sample_site.ts";
import { shownRun } from "./shown_run.ts";

export interface Service {
  readonly guardian: Guardian;
  readonly days: Days;
  readonly dayStates: DayStates;
  readonly clock: Clock;
  readonly logLine: LogLine;
  readonly access: Access;
  /** Who has signed in to the dashboard, or null where nobody can. */
  readonly sessions: Sessions | null;
  readonly admission: Admission;
  readonly dashboard: DashboardFiles;
  /** Proxies, pages of other sites, rates, and headers of every answer, as the settings say. */
  readonly front: Front;
  /** How the server's connections are, or null where there is no server. */
  readonly connections: { readonly figures: ConnectionFigures } | null;
  /** Tells clients what happens; to be closed before the server and the guardian stop. */
  readonly feed: Feed;
  /** Where rows of replayed sources go. */
  readonly replays: LocalSink;
  /** How far ahead of the clock an event may be, ms. */
  readonly futureMs: number;
  /** What is shown while the folder is empty, or null where nothing is. */
  readonly sample: SampleSite | null;
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
  readonly connections?: Service["connections"];
  readonly front?: Front;
  readonly sessions?: Sessions | null;
  readonly sample?: SampleSite;
  readonly dashboard?: DashboardFiles;
}

export function makeService(options: ServiceOptions): Service {
  const {
    guardian,
    days,
    clock,
    admission = new Admission(),
    dashboard = new DashboardFiles(),
    sample = null,
    connections = null,
    front = closedFront,
    sessions = null,
    ...rest
  } = options;
  const dayStates = new DayStates(days), replays = new LocalSink(guardian), startedAt = clock.monotonic();
  const feed = new Feed({ anomalies: guardian.anomalies, clock, figures: () => guardian.shop.brief() });
  days.onRun = (run) => feed.publish("run", shownRun(run));
  const parts = { guardian, days, dayStates, clock, admission, dashboard, feed, sample, replays, connections, front, sessions };
  return { ...rest, ...parts, startedAt, draining: false, underWay: 0 };
}
