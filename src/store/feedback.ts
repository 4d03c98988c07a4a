// What people say of sessions: human, or bot. All of it is in memory, so that everybody who shows or counts sessions can ask at once.
// What always holds: a verdict and the counters by which days learn of it are one commit, so after a crash both are there or neither; a
// verdict that changes nothing moves no counter. It knows no days and no figures: an hour's number says that they have to look again.

import type { Clock } from "../clock.ts";
import type { FeedbackVerdict } from "../detect/anomaly.ts";
import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { AnomalyStore } from "./anomalies.ts";
import { commit } from "./commit.ts";
import { stateKeys } from "./keys.ts";
import { Turns } from "./turns.ts";

/** A verdict and when it was given, ms. */
export interface Feedback {
  readonly verdict: FeedbackVerdict;
  readonly at: number;
}

/** feedback: what holds now. changed: false when it held before. */
export interface FeedbackSet {
  readonly feedback: Feedback | null;
  readonly changed: boolean;
}

const HOUR_MS = 3_600_000, DAY_MS = 24 * HOUR_MS;
const KEYS_PER_READ = 10;
/** Counters in one commit, beside the verdict. */
export const HOURS_PER_VERDICT_MAX = limits.commitMutationsMax - 1;

export class FeedbackStore {
  readonly #given = new Map<string, Feedback>();
  /** A session of whose last verdict nobody knows whether it landed. */
  #doubtful: string | null = null;
  readonly #turns = new Turns();

  private constructor(private readonly kv: Deno.Kv, private readonly clock: Clock, private readonly most: number) {}

  static async open(kv: Deno.Kv, clock: Clock, most: number = limits.feedbackMax): Promise<FeedbackStore> {
    const store = new FeedbackStore(kv, clock, most);
    for await (const { key, value } of kv.list<Feedback>({ prefix: stateKeys.allFeedback() }, { batchSize: 500 })) {
      store.#given.set(key[1] as string, value);
    }
    return store;
  }

  /** Sessions that have a verdict. */
  get count(): number {
    return this.#given.size;
  }

  /** What a person has said of a session, or null. */
  verdictOf(session: string): FeedbackVerdict | null {
    return this.#given.get(session)?.verdict ?? null;
  }

  /**
   * Resolves when no verdict is on its way and memory has what KV has. Who reads counters and then asks for verdicts calls this in
   * between, so that the verdicts are no older than the counters. Throws `storage_failing`.
   */
  settled(): Promise<void> {
    return this.#turns.take(() => this.#settle());
  }

  /**
   * Notes a verdict, or takes it back with null, and raises the counters of `hours`: HOURS_PER_VERDICT_MAX at the most. Throws
   * `overloaded` at the limit, and `storage_failing`: then it may have landed, and to send it again does no harm.
   */
  set(session: string, verdict: FeedbackVerdict | null, hours: readonly number[]): Promise<FeedbackSet> {
    return this.#turns.take(async () => {
      await this.#settle();
      const before = this.#given.get(session) ?? null;
      if ((before?.verdict ?? null) === verdict) return { feedback: before, changed: false };
      if (before === null && this.#given.size >= this.most) throw full(this.most);
      const feedback = verdict === null ? null : { verdict, at: this.clock.now() };
      const sets = await this.#raised(hours);
      const key = stateKeys.feedback(session);
      this.#doubtful = session;
      await commit(this.kv, feedback === null ? { sets, deletes: [key] } : { sets: [...sets, { key, value: feedback }] });
      this.#doubtful = null;
      this.#remember(session, feedback);
      return { feedback, changed: true };
    });
  }

  async #raised(hours: readonly number[]): Promise<{ key: Deno.KvKey; value: number }[]> {
    const sets: { key: Deno.KvKey; value: number }[] = [];
    for (let from = 0; from < hours.length; from += KEYS_PER_READ) {
      const keys = hours.slice(from, from + KEYS_PER_READ).map(stateKeys.feedbackHour);
      for (const { key, value } of await this.kv.getMany<number[]>(keys)) sets.push({ key, value: (value ?? 0) + 1 });
    }
    return sets;
  }

  async #settle(): Promise<void> {
    if (this.#doubtful === null) return;
    const { value } = await this.kv.get<Feedback>(stateKeys.feedback(this.#doubtful));
    this.#remember(this.#doubtful, value);
    this.#doubtful = null;
  }

  #remember(session: string, feedback: Feedback | null): void {
    if (feedback === null) this.#given.delete(session);
    else this.#given.set(session, feedback);
  }
}

/**
 * The hours whose counters a verdict on a session has to raise: those in which windows of its anomalies start. Where they are more than one
 * commit takes, the first and the last hour of each of those UTC days stand for them, newest days first: the days that leave a session out
 * look at two local days at the least, so whoever looks at an hour looks at one of these too. Beyond that, days stay as they were counted.
 */
export async function hoursOfVerdict(anomalies: Pick<AnomalyStore, "startsOf">, session: string): Promise<number[]> {
  const hours = await anomalies.startsOf(session, HOUR_MS, HOURS_PER_VERDICT_MAX + 1);
  if (hours.length <= HOURS_PER_VERDICT_MAX) return hours;
  const days = await anomalies.startsOf(session, DAY_MS, Math.floor(HOURS_PER_VERDICT_MAX / 2));
  return days.flatMap((day) => [day + DAY_MS - HOUR_MS, day]);
}

function full(most: number): GuardianError {
  const why = `${most} sessions have a verdict, and to forget one would change figures unseen`;
  return new GuardianError("overloaded", `Cannot keep this verdict: ${why}; take back one that is no longer needed`);
}
