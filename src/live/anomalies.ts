// What live figures know of anomalies: which sessions of the live stream are flagged, and what the last hour had. Told of every change, and at
// start of what is stored. What always holds: a session is flagged while an anomaly of it stands that is not retracted, unless a person
// called it human, and while it has any at all when a person called it a bot. It must not know the window, nor where anomalies are stored.

import { type Anomaly, type AnomalyStatus, type AnomalyType, anomalyTypes, type FeedbackVerdict } from "../detect/anomaly.ts";
import { severities, type Severity } from "../detect/verdict.ts";
import { LIVE } from "../event/batch.ts";
import { limits } from "../limits.ts";
import type { LastHour } from "./figures.ts";

const HOUR_MS = 3_600_000;

interface Noted {
  readonly session: string;
  readonly start: number;
  readonly type: AnomalyType;
  readonly severity: Severity;
  readonly status: AnomalyStatus;
}

/** Anomalies of one session that are noted, and those of them that are not retracted. */
interface Standing {
  noted: number;
  valid: number;
}

export class LiveAnomalies {
  /** By id, the one that came first first. */
  readonly #noted = new Map<string, Noted>();
  readonly #sessions = new Map<string, Standing>();

  /** `tell` is called with whether a session is flagged, each time that this may have changed. */
  constructor(
    private readonly tell: (session: string, flagged: boolean) => void,
    private readonly verdictOf: (session: string) => FeedbackVerdict | null,
    private readonly most: number = limits.liveAnomaliesMax,
  ) {}

  /** Takes in what is stored, newest first, as far as there is room: what was heard of an anomaly meanwhile is newer, and stays. */
  putOld(stored: readonly Anomaly[]): void {
    const heard = [...this.#noted], old = stored.filter(({ anomaly_id: id }) => !this.#noted.has(id));
    for (const anomaly of old.slice(0, this.most - heard.length).reverse()) this.put(anomaly);
    for (const [id, noted] of heard) {
      this.#noted.delete(id);
      this.#noted.set(id, noted);
    }
  }

  /** Takes in an anomaly as it is now. */
  put(anomaly: Anomaly): void {
    const { anomaly_id: id, session_id, anomaly_type: type, severity, status, lane } = anomaly;
    const before = this.#noted.get(id);
    if (lane !== LIVE) return;
    const noted = { session: String(session_id), start: Date.parse(anomaly.window_start), type, severity, status };
    this.#noted.set(id, noted);
    const standing = this.#sessions.get(noted.session) ?? { noted: 0, valid: 0 };
    this.#sessions.set(noted.session, standing);
    if (before === undefined) standing.noted++;
    standing.valid += isValid(noted) - (before === undefined ? 0 : isValid(before));
    this.judged(noted.session);
    if (this.#noted.size > this.most) this.#forgetFirst();
  }

  /** To be called when a person has judged a session, or taken that back. */
  judged(session: string): void {
    const standing = this.#sessions.get(session), verdict = this.verdictOf(session);
    if (standing !== undefined) this.tell(session, verdict === "bot" || (verdict === null && standing.valid > 0));
  }

  /** Anomalies whose window started in the hour up to `newest`, ms. */
  lastHour(newest: number): LastHour {
    const by_type = Object.fromEntries(anomalyTypes.map((type) => [type, 0])) as LastHour["by_type"];
    const by_severity = Object.fromEntries(severities.map((severity) => [severity, 0])) as LastHour["by_severity"];
    let total = 0, provisional = 0;
    for (const noted of this.#noted.values()) {
      if (isValid(noted) === 0 || noted.start <= newest - HOUR_MS || noted.start > newest) continue;
      total++;
      by_type[noted.type]++;
      by_severity[noted.severity]++;
      if (noted.status === "provisional") provisional++;
    }
    return { total, provisional, by_type, by_severity };
  }

  #forgetFirst(): void {
    const [[id, noted]] = this.#noted;
    this.#noted.delete(id);
    const standing = this.#sessions.get(noted.session)!;
    standing.noted--;
    standing.valid -= isValid(noted);
    if (standing.noted > 0) return this.judged(noted.session);
    this.#sessions.delete(noted.session);
    this.tell(noted.session, false);
  }
}

function isValid({ status }: Noted): 0 | 1 {
  return status === "retracted" ? 0 : 1;
}
