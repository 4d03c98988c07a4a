// Clients of a simulated shop and the network between: requests and answers get lost, come late and come twice, and clients repeat what they
// may until they are answered. Keeps the account of every event: what a client was told, and no more than that.
// What always holds: a request without any identity is sent once; rows of a source are sent in order, one request under way.

import type { Dice } from "./dice.ts";
import { nameOf, type Request, type ShopEvent } from "./traffic.ts";
import type { World } from "./world.ts";

/** unknown: sent, and never answered for good. */
export type Fate = "unsent" | "unknown" | "acknowledged" | "refused";

/** What answers requests at present; null: nothing does. */
export interface Server {
  answer(path: string, init: RequestInit): Promise<Response> | null;
}

export interface NetworkPlan {
  readonly lostRequests: number;
  readonly lostAnswers: number;
  readonly twice: number;
  /** Tries after which a client gives up. */
  readonly tries: number;
}

const ANSWER_MS = 30_000;
/** Statuses after which a client sends the same again. */
const AGAIN = new Set([408, 409, 429, 500, 502, 503, 504]);

/** What an answer said, or that there was none. */
type Heard = { readonly status: number; readonly body: { accepted?: number; duplicates?: number; rejected?: number } } | null;

export class Clients {
  readonly fates = new Map<string, { event: ShopEvent; fate: Fate; lane: string }>();
  /** Dead letters that there must be, and may be at the most; and of each key that was answered how many. */
  readonly letters = { least: 0, most: 0, ofKey: new Map<string, number>() };
  /** Sources whose end was answered, told and not answered. */
  readonly ends = new Map<string, "told" | "answered">();
  readonly counts = { requests: 0, repeated: 0, lostRequests: 0, lostAnswers: 0, twice: 0, gaveUp: 0 };
  /** What a client was answered last that made it send again. */
  lastAnswer = "";
  #left: number;

  constructor(
    private readonly world: World,
    private readonly dice: Dice,
    private readonly server: Server,
    private plan: NetworkPlan,
    private readonly requests: readonly Request[],
  ) {
    const all = new Set(requests.map(({ client }) => client));
    this.#left = all.size;
    for (const { events, source } of requests) {
      const lane = source === undefined ? "live" : `replay-${source.slice(0, 16)}`;
      for (const event of events) this.fates.set(nameOf(event), { event, fate: "unsent", lane });
    }
  }

  get done(): boolean {
    return this.#left === 0;
  }

  start(): void {
    for (const own of Map.groupBy(this.requests, ({ client }) => client).values()) {
      this.#work(own).finally(() => this.#left--);
    }
  }

  /** From now on the network loses nothing. */
  calm(): void {
    this.plan = { lostRequests: 0, lostAnswers: 0, twice: 0, tries: Infinity };
  }

  async #work(requests: readonly Request[]): Promise<void> {
    for (const request of requests) {
      if (request.due > this.world.now) await this.world.sleep(request.due - this.world.now);
      if (!await this.#deliver(request) && request.identity === "rows") return; // what follows would come out of order
      if (request.last) await this.#end(request.source!);
    }
  }

  /** Sends until it is answered for good. Returns whether it was. */
  async #deliver(request: Request): Promise<boolean> {
    const { identity, bad } = request;
    const init = bodyOf(request);
    const path = identity === "rows" ? `/events?source=${request.source}&row=${request.row}` : "/events";
    this.letters.most += bad * (request.refused ? 0 : 1);
    for (let tries = 0; tries < this.plan.tries; tries++) {
      if (tries > 0) this.counts.repeated++;
      if (!request.refused) this.#note(request, "unknown");
      const heard = await this.#send(path, init, identity !== "none");
      if (heard !== null && !AGAIN.has(heard.status)) return this.#settle(request, heard);
      this.lastAnswer = JSON.stringify(heard);
      if (identity === "none") return true;
      await this.world.sleep(200 + this.dice.below(2_000));
    }
    this.counts.gaveUp++;
    return false;
  }

  #settle(request: Request, { status, body }: NonNullable<Heard>): true {
    const { events, bad, refused, identity, key } = request;
    if (refused !== (status === 415) || (!refused && status !== 202)) {
      throw new Error(`${nameOf(events[0])}: a request was answered with ${status} ${JSON.stringify(body)}`);
    }
    if (refused) {
      for (const event of events) this.#fateOf(event).fate = this.#fateOf(event).fate === "unsent" ? "refused" : this.#fateOf(event).fate;
      return true;
    }
    if (body.accepted! + body.duplicates! !== events.length || body.rejected !== bad) {
      throw new Error(`${nameOf(events[0])}: ${events.length} events and ${bad} bad lines were answered with ${JSON.stringify(body)}`);
    }
    this.#note(request, "acknowledged");
    this.letters.least += bad;
    if ((identity === "key" || identity === "both") && bad > 0) this.letters.ofKey.set(key, bad);
    return true;
  }

  #fateOf(event: ShopEvent): { fate: Fate } {
    return this.fates.get(nameOf(event))!;
  }

  #note({ events }: Request, fate: Fate): void {
    for (const event of events) {
      const known = this.#fateOf(event);
      if (known.fate !== "acknowledged") known.fate = fate;
    }
  }

  async #end(source: string): Promise<void> {
    this.ends.set(source, "told");
    for (let tries = 0; tries < 10 * this.plan.tries; tries++) {
      const heard = await this.#send(`/sources/${source}/end`, { method: "POST", body: "{}" }, true);
      if (heard?.status === 200) return void this.ends.set(source, "answered");
      await this.world.sleep(500 + this.dice.below(2_000));
    }
  }

  /** One try. safe: to deliver it twice does no harm. */
  async #send(path: string, init: RequestInit, safe: boolean): Promise<Heard> {
    const { world, dice, plan } = this;
    this.counts.requests++;
    await world.sleep(1 + dice.below(dice.chance(0.02) ? 4_000 : 30));
    if (dice.chance(plan.lostRequests)) {
      this.counts.lostRequests++;
      await world.sleep(1_000);
      return null;
    }
    if (safe && dice.chance(plan.twice)) {
      this.counts.twice++;
      // Some come minutes later, behind restarts; once the network is calm, none.
      world.sleep(dice.below(dice.chance(0.3) ? 240_000 : 10_000)).then(() => {
        if (this.plan.twice > 0) this.server.answer(path, init)?.catch(() => {});
      });
    }
    const answer = this.server.answer(path, init);
    if (answer === null) return null;
    const heard = await Promise.race([answer.then(heardOf, () => null), world.sleep(ANSWER_MS).then(() => null)]);
    if (dice.chance(plan.lostAnswers)) {
      this.counts.lostAnswers++;
      return null;
    }
    await world.sleep(1 + dice.below(20));
    return heard;
  }
}

async function heardOf(response: Response): Promise<Heard> {
  return { status: response.status, body: await response.json() };
}

function bodyOf(request: Request): RequestInit {
  const { events, bad, identity, refused, key } = request;
  const withIds = identity === "ids" || identity === "both";
  const lines = events.map((event) => JSON.stringify(lineOf(event, withIds)));
  for (let n = 0; n < bad; n++) lines.splice((n * 7) % (lines.length + 1), 0, `{"session_id":"${n}","timestamp":"never"}`);
  const headers: Record<string, string> = { "Content-Type": refused ? "image/png" : "application/x-ndjson" };
  if (identity === "key" || identity === "both") headers["Idempotency-Key"] = key;
  return { method: "POST", body: lines.join("\n") + "\n", headers };
}

function lineOf(event: ShopEvent, withId: boolean): object {
  const { session, time, kind, item, category, cents, quantity } = event;
  return {
    session_id: session,
    timestamp: time,
    item_id: item,
    ...kind === "click" ? {} : { kind },
    ...category === null ? {} : { category },
    ...cents === null ? {} : { price: cents / 100, quantity },
    ...withId ? { event_id: `e${time}` } : {},
  };
}
