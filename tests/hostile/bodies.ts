// Sends hostile bodies to a whole product and holds what must come: the answer, its counts and reasons, and what is in the log afterwards.

import assert from "node:assert/strict";
import { columnText } from "../../src/event/batch.ts";
import { limits } from "../../src/limits.ts";
import type { Lab } from "../web/lab.ts";
import { verdictOf } from "./bodies_oracle.ts";
import { type Expected, neighbour } from "./body_wholes.ts";

/** Characters that a sentence to a client has at the most. */
const SENTENCE_MAX = 700;
const HOUR_MS = 3_600_000;
const encoder = new TextEncoder();

export interface Sent {
  readonly name: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
  readonly expected: Expected;
}

/** What an answer to events tells. */
interface Answer {
  accepted: number;
  duplicates: number;
  rejected: number;
  rejected_not_kept?: number;
  errors: { line: number; code: string; field: string | null; message: string }[];
}

/** Counts over all that was sent. */
export class Tally {
  accepted = 0;
  rejected = 0;
  refusedWhole = 0;
  /** Sessions that are in the log, each once; and those that may be. */
  readonly inLog = new Set<string>();
  readonly maybe = new Set<string>();
  rssMost = 0;
  /** What did not come as it must. */
  readonly faults: string[] = [];

  async send(lab: Lab, sent: Sent): Promise<void> {
    try {
      await this.#send(lab, sent);
    } catch (fault) {
      this.faults.push(`${sent.name}: ${(fault as Error).message.split("\n")[0]}`);
    }
  }

  async #send({ post, fetch }: Lab, { path, headers = {}, bytes, expected }: Sent): Promise<void> {
    const body = bytes as BodyInit;
    const response = path === undefined ? await post(body, headers) : await fetch(path, { method: "POST", body, headers });
    const text = await response.text();
    this.rssMost = Math.max(this.rssMost, Deno.memoryUsage().rss);
    assert.ok(text.length <= limits.errorsInAnswerMax * 1000, `an answer of ${text.length} characters`);
    const told = JSON.parse(text);
    assert.ok(expected.status === 0 ? response.status < 500 : response.status === expected.status, `${response.status} ${text}`);
    if (response.status !== 202) return this.#refused(told, expected);
    this.#taken(told, expected);
  }

  #refused({ code, detail }: { code: string; detail: string }, expected: Expected): void {
    this.refusedWhole++;
    if ("code" in expected) assert.equal(code, expected.code);
    assert.match(detail, /^Cannot /);
    assert.ok(detail.length <= SENTENCE_MAX, detail);
  }

  #taken({ accepted, duplicates, rejected, errors }: Answer, expected: Expected): void {
    this.accepted += accepted;
    this.rejected += rejected;
    assert.equal(errors.length, Math.min(rejected, limits.errorsInAnswerMax));
    for (const { message, field } of errors) {
      assert.match(message, /^Cannot [^\p{Cc}]+$/u);
      assert.ok(message.length <= SENTENCE_MAX && (field?.length ?? 0) < 200, message);
    }
    if (!("inLog" in expected)) return;
    for (const session of expected.inLog) this.inLog.add(session);
    const codes = errors.map(({ code }) => code), { refused } = expected;
    assert.equal(rejected, refused.length, `${codes}, not ${refused.slice(0, 5).join(" ")}`);
    codes.forEach((code, i) => assert.ok(refused[i].includes(code), `${code}, not ${refused[i]}`));
    if ("rows" in expected) assert.equal(accepted + duplicates, expected.rows, "events");
  }

  /** Holds that the log has each event that must be in it once, and no other neighbour of a hostile line. */
  async hold({ guardian, lines }: Lab): Promise<void> {
    assert.equal(this.faults.length, 0, `${this.faults.length} faults:\n${this.faults.slice(0, 30).join("\n")}`);
    const found = new Map<string, number>();
    for (let p = 0; p < guardian.log.partitions; p++) {
      let from = guardian.log.start(p);
      for (let batches = await guardian.log.read(p, from); batches.length > 0; batches = await guardian.log.read(p, from)) {
        for (const batch of batches) {
          for (let row = 0; row < batch.count; row++) {
            const session = columnText(batch, batch.session, row)!;
            if (/^n\d+$/.test(session)) found.set(session, (found.get(session) ?? 0) + 1);
          }
          from = batch.firstOffset + batch.count;
        }
      }
    }
    for (const [session, times] of found) assert.equal(times, 1, `${session} is in the log ${times} times`);
    for (const session of this.inLog) assert.ok(found.delete(session), `${session} was lost`);
    for (const session of found.keys()) assert.ok(this.maybe.has(session), `${session} got in`);
    assert.equal(guardian.deadLetters.refused, this.rejected, "each refused line is counted once");
    assert.equal(guardian.intake.accepted, this.accepted);
    assert.deepEqual(lines.filter(({ event }) => event === "request_failed"), []);
  }
}

/** What must come of lines between two good ones, by the oracle. */
export function between(line: Uint8Array): { bytes: Uint8Array; expected: Expected & { rows: number } } {
  const [a, b] = [neighbour(), neighbour()], latest = Date.now() + 24 * HOUR_MS;
  const bytes = joined(encoder.encode(a.json + "\n"), line, encoder.encode("\n" + b.json));
  const verdicts = linesOf(line).map((each) => verdictOf(each, latest)).filter((verdict) => verdict !== null);
  const refused = verdicts.flatMap(({ refusals }) => refusals.map((codes) => [...codes]));
  const rows = 2 + verdicts.reduce((sum, verdict) => sum + verdict.rows, 0);
  return { bytes, expected: { status: 202, inLog: [a.session, b.session], refused, rows } };
}

/** As `between`, as elements of an array; null for what is no JSON, as that may go on into its neighbours. */
export function betweenElements(line: Uint8Array): ReturnType<typeof between> | null {
  const verdict = verdictOf(line, Date.now() + 24 * HOUR_MS);
  const codes = verdict?.refusals.flatMap((some) => [...some]) ?? [];
  if (verdict === null || codes.some((code) => ["not_json", "not_utf8", "too_deep", "line_too_long"].includes(code))) return null;
  const [a, b] = [neighbour(), neighbour()], refused = verdict.refusals.map((some) => [...some]);
  const bytes = joined(encoder.encode(`[${a.json},`), line, encoder.encode(`,${b.json}]`));
  return { bytes, expected: { status: 202, inLog: [a.session, b.session], refused, rows: 2 + verdict.rows } };
}

export function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0; from <= bytes.length;) {
    const end = bytes.indexOf(10, from), to = end < 0 ? bytes.length : end;
    lines.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return lines;
}

export function joined(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
