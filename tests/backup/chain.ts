// A client that does one thing after the other, by turns in the log and in the state: an event, a line that is refused, a verdict. What a
// moment holds of it is a beginning of that sequence, so a copy of two files from two moments is found out.

import assert from "node:assert/strict";
import { paced } from "./folder.ts";

const JUDGED = 60, CLICKS = 50;

/** What was answered so far. */
export interface Done {
  readonly events: number;
  readonly refused: number;
  readonly judged: number;
}

export class Chain {
  #stopping = false;
  #done: Done = { events: 0, refused: 0, judged: 0 };

  constructor(private url: string) {}

  get done(): Done {
    return this.#done;
  }

  /** Makes the sessions that can be judged. */
  async prepare(): Promise<void> {
    const now = Date.now(), lines: string[] = [];
    for (let i = 0; i < CLICKS; i++) {
      for (let s = 0; s < JUDGED; s++) lines.push(JSON.stringify({ session_id: `judged-${s}`, timestamp: now - 5_000 + i, item_id: i }));
    }
    const response = await fetch(`${this.url}/events`, { method: "POST", body: lines.join("\n") });
    assert.deepEqual([response.status, (await response.json()).accepted], [202, CLICKS * JUDGED]);
  }

  /** Goes on until it is told to stop. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      const { events, refused, judged } = this.#done;
      assert.deepEqual(await this.send(events), { accepted: 1, duplicates: 0 });
      this.#done = { ...this.#done, events: events + 1 };
      const bad = await fetch(`${this.url}/events`, { method: "POST", body: `{"session_id":"chain-${refused}"}` });
      await bad.body?.cancel();
      this.#done = { ...this.#done, refused: refused + 1 };
      if (judged < JUDGED && await this.#judge(judged)) this.#done = { ...this.#done, judged: judged + 1 };
      await paced(5);
    }
  }

  stop(): void {
    this.#stopping = true;
  }

  /** Sends event `number` of the chain, now or again, to where it was sent or to another server. */
  async send(number: number, url = this.url): Promise<{ accepted: number; duplicates: number }> {
    const body = JSON.stringify({ session_id: "chain", timestamp: Date.UTC(2026, 0, 4) + number, item_id: number });
    const headers = { "content-type": "application/json", "idempotency-key": `chain/${number}` };
    const response = await fetch(`${url}/events`, { method: "POST", body, headers });
    const { accepted, duplicates } = await response.json();
    assert.equal(response.status, 202);
    return { accepted, duplicates };
  }

  async #judge(number: number): Promise<boolean> {
    const headers = { "content-type": "application/json" }, body = JSON.stringify({ verdict: "bot" });
    const response = await fetch(`${this.url}/sessions/judged-${number}/feedback`, { method: "POST", body, headers });
    await response.body?.cancel();
    return response.status === 200; // or its anomaly is not stored yet
  }
}
