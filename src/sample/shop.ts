// The sample shop: a made-up shop whose visitors never stop. Any stretch of time can be asked for, and comes out the same whether it is made
// alone or as a part of a longer one, so that days of the past and a live continuation fit together without a seam.
// What always holds: the same options give the same events; events come in event-time order; who is a bot is known of every session.

import { assert } from "../assert.ts";
import { ColumnBuilder } from "../event/batch.ts";
import { ABSENT } from "../event/code.ts";
import { PAGE_VIEW, PURCHASE, SEARCH } from "../event/kind.ts";
import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { items } from "./catalogue.ts";
import {
  addresses,
  botAgents,
  browsers,
  type Context,
  drawBot,
  drawPerson,
  expectedVisitors,
  platforms,
  referrers,
  searches,
  SLOT_MS,
} from "./crowd.ts";
import { Random, seedOf } from "./random.ts";
import { numberOf, ownerOf, ringOf, Schedule, SESSIONS_MAX, SLOTS_AHEAD, type SlotSteps } from "./schedule.ts";
import { botWeights, FREE, FRONT_PAGE, ITEM_PAGE, visit, type VisitorKind, visitorKinds } from "./visits.ts";

/** Visitors a day at the most: what an hour of them takes in memory stays below a gigabyte. */
export const VISITORS_PER_DAY_MAX = 10_000_000;

/** Rows of one chunk. */
const CHUNK_ROWS_MAX = 16_384;

/** Rows that a slot can have: a row's number is its slot and its place there. */
const SLOT_ROWS = 2 ** 24;

/** What a shop is made from. seed: an integer below 2^32. visitorsPerDay: 1 to VISITORS_PER_DAY_MAX, averaged over a week. botShare: 0 to 1. */
export interface SampleOptions {
  readonly seed?: number;
  readonly visitorsPerDay?: number;
  readonly botShare?: number;
}

export const sampleDefaults = { seed: 1, visitorsPerDay: 20_000, botShare: 0.01 };

/**
 * Events in event-time order. firstRow: the number of the first one in the shop's whole stream, the others follow; numbers rise with time and
 * have gaps, and an event has the same one whatever stretch it is made in.
 */
export interface SampleChunk {
  readonly firstRow: number;
  readonly columns: ColumnBuilder;
}

/** A session of a bot. Times in ms since the epoch; events and clicks are all that it makes, wherever a stretch ends. */
export interface BotSession {
  readonly session: number;
  readonly kind: VisitorKind;
  readonly firstTime: number;
  readonly lastTime: number;
  readonly events: number;
  readonly clicks: number;
}

/** Visitors that came in one slot: what all events of a session share, and the session's code in the chunk at hand. */
class Visitors {
  count = 0;
  slot = -1;
  agent = new Uint8Array(0);
  platform = new Uint8Array(0);
  address = new Uint16Array(0);
  referrer = new Int8Array(0);
  user = new Uint32Array(0);
  code = new Uint32Array(0);
  /** Number of the chunk that `code` is of. */
  codeOf = new Uint32Array(0);

  reset(slot: number, count: number): void {
    this.slot = slot;
    this.count = count;
    if (count > this.agent.length) {
      const room = Math.ceil(count * 1.25);
      this.agent = new Uint8Array(room);
      this.platform = new Uint8Array(room);
      this.address = new Uint16Array(room);
      this.referrer = new Int8Array(room);
      this.user = new Uint32Array(room);
      this.code = new Uint32Array(room);
      this.codeOf = new Uint32Array(room);
    }
    this.codeOf.fill(0, 0, count);
  }

  set(number: number, { agent, platform, address, referrer, user }: Context): void {
    this.agent[number] = agent;
    this.platform[number] = platform;
    this.address[number] = address;
    this.referrer[number] = referrer;
    this.user[number] = user;
  }
}

export class SampleShop {
  readonly seed: number;
  readonly visitorsPerDay: number;
  readonly botShare: number;
  readonly #random = new Random(0);

  /** Throws `usage` for options that no shop can have. */
  constructor(options: SampleOptions = {}) {
    const { seed, visitorsPerDay, botShare } = { ...sampleDefaults, ...options };
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff) {
      throw new GuardianError("usage", `Cannot make a sample shop of seed ${seed}: give a whole number from 0 to ${0xffff_ffff}`);
    }
    if (!Number.isInteger(visitorsPerDay) || visitorsPerDay < 1 || visitorsPerDay > VISITORS_PER_DAY_MAX) {
      const why = `give a whole number from 1 to ${VISITORS_PER_DAY_MAX}`;
      throw new GuardianError("usage", `Cannot make a sample shop of ${visitorsPerDay} visitors a day: ${why}`);
    }
    if (!(botShare >= 0 && botShare <= 1)) {
      throw new GuardianError("usage", `Cannot make a sample shop of which ${botShare} are bots: give a share from 0 to 1`);
    }
    this.seed = seed;
    this.visitorsPerDay = visitorsPerDay;
    this.botShare = botShare;
  }

  /** A name that differs where the events differ. */
  get id(): string {
    return `sample-${this.seed}-${this.visitorsPerDay}-${this.botShare}`;
  }

  /**
   * The events of [from, to), ms since the epoch. eventIds: whether each gets an event id, made of the seed and its row; where rows tell
   * events apart none is needed. Throws `usage` for times that no event can have.
   */
  *chunks(from: number, to: number, { eventIds = false } = {}): Generator<SampleChunk> {
    checkStretch(from, to);
    if (from >= to) return;
    const first = Math.floor(from / SLOT_MS), last = Math.floor((to - 1) / SLOT_MS);
    const schedule = new Schedule(first), ring = Array.from({ length: SLOTS_AHEAD }, () => new Visitors());
    const writer = new ChunkWriter(ring);
    for (let slot = first - SLOTS_AHEAD + 1; slot <= last; slot++) {
      this.#play(slot, ring[slot % SLOTS_AHEAD], schedule);
      if (slot < first) continue;
      const steps = schedule.of(slot);
      for (const chunk of writer.chunks(steps, slot, from, to)) {
        if (eventIds) this.#nameEvents(chunk);
        yield chunk;
      }
      steps.count = 0;
    }
  }

  /** The beginning of the slot that a row is in, ms since the epoch: the rows of earlier slots have smaller numbers. */
  static slotStart(row: number): number {
    return Math.floor(row / SLOT_ROWS) * SLOT_MS;
  }

  /** The sessions of bots that have an event in [from, to), by their beginning. */
  *bots(from: number, to: number): Generator<BotSession> {
    checkStretch(from, to);
    for (let slot = Math.floor(from / SLOT_MS) - SLOTS_AHEAD + 1; slot <= Math.floor((to - 1) / SLOT_MS); slot++) {
      const visitors = this.#visitorsIn(slot);
      for (let number = 0; number < visitors; number++) {
        const session = this.#botSession(slot, number, from, to);
        if (session !== null) yield session;
      }
    }
  }

  /** What a session of this shop is, or null where it has no such session. */
  truthOf(session: number | string): VisitorKind | null {
    const id = Number(session), slot = Math.floor(id / SESSIONS_MAX), number = id % SESSIONS_MAX;
    if (!Number.isSafeInteger(id) || String(id) !== String(session) || slot < FIRST_SLOT || number >= this.#visitorsIn(slot)) return null;
    return visitorKinds[this.#begin(slot, number)];
  }

  #nameEvents({ firstRow, columns }: SampleChunk): void {
    const { eventId } = columns.withIdentity();
    for (let row = 0; row < columns.count; row++) eventId[row] = columns.wordCode(`${this.seed}-${firstRow + row}`);
  }

  #visitorsIn(slot: number): number {
    this.#random.reseed(seedOf(this.seed, slot));
    return Math.min(this.#random.arrivals(expectedVisitors(slot, this.visitorsPerDay)), SESSIONS_MAX);
  }

  /** Sets the random stream to a session, and returns what kind of visitor it is. */
  #begin(slot: number, number: number): number {
    const random = this.#random;
    random.reseed(seedOf(this.seed, slot, number));
    if (random.share() >= this.botShare) return 0;
    let draw = random.below(100), kind = 0;
    while (draw >= 0) draw -= botWeights[++kind];
    return kind;
  }

  /** Plays the visits that begin in a slot. */
  #play(slot: number, visitors: Visitors, schedule: Schedule): void {
    const random = this.#random, context: Context = { agent: 0, platform: 0, address: 0, referrer: 0, user: 0 };
    const day = { seed: this.seed, day: Math.floor(slot * SLOT_MS / DAY_MS) };
    let owner = 0;
    const step = (time: number, kind: number, item: number, detail: number) => schedule.add(time, kind, item, detail, owner);
    visitors.reset(slot, this.#visitorsIn(slot));
    for (let number = 0; number < visitors.count; number++) {
      const kind = this.#begin(slot, number);
      const start = slot * SLOT_MS + random.below(SLOT_MS);
      if (kind === 0) drawPerson(random, this.visitorsPerDay, context);
      else drawBot(random, context);
      visitors.set(number, context);
      owner = ownerOf(slot, number);
      visit(kind, random, start, day, step);
    }
  }

  #botSession(slot: number, number: number, from: number, to: number): BotSession | null {
    const kind = this.#begin(slot, number);
    if (kind === 0) return null;
    let firstTime = Infinity, lastTime = -Infinity, events = 0, clicks = 0, within = false;
    const start = slot * SLOT_MS + this.#random.below(SLOT_MS);
    drawBot(this.#random, { agent: 0, platform: 0, address: 0, referrer: 0, user: 0 });
    visit(kind, this.#random, start, { seed: this.seed, day: Math.floor(slot * SLOT_MS / DAY_MS) }, (time, step) => {
      firstTime = Math.min(firstTime, time);
      lastTime = Math.max(lastTime, time);
      events++;
      if (step === 0) clicks++;
      within ||= time >= from && time < to;
    });
    return within ? { session: sessionId(slot, number), kind: visitorKinds[kind], firstTime, lastTime, events, clicks } : null;
  }
}

const DAY_MS = 86_400_000;

/** Whose visitors can have an event at the earliest time that one may have. */
const FIRST_SLOT = Math.floor(limits.eventTimeMin / SLOT_MS) - SLOTS_AHEAD + 1;

/** The id of a session: an integer that tells its slot and its number there. */
function sessionId(slot: number, number: number): number {
  return slot * SESSIONS_MAX + number;
}

function checkStretch(from: number, to: number): void {
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= limits.eventTimeMin && to <= limits.eventTimeMax) return;
  throw new GuardianError("usage", `Cannot make events from ${from} to ${to} ms: give whole ms in the years 2000 to 9999`);
}

/** Texts that events share, in one list, and where each sort of them begins. */
const agentsAt = 0;
const agents = [...browsers.map(({ userAgent }) => userAgent), ...botAgents];
const platformsAt = agentsAt + agents.length;
const addressesAt = platformsAt + platforms.length;
const referrersAt = addressesAt + addresses.length;
const searchesAt = referrersAt + referrers.length;
const pagesAt = searchesAt + searches.length;
/** The front page, twelve categories, the page of search results. */
const SEARCH_PAGE = 13;
const itemPagesAt = pagesAt + SEARCH_PAGE + 1;
const namesAt = itemPagesAt + items.length;
const currencyAt = namesAt + items.length, offerAt = currencyAt + 1;

const texts: readonly string[] = [
  ...agents,
  ...platforms,
  ...addresses,
  ...referrers,
  ...searches.map((query) => JSON.stringify({ query })),
  "/",
  ...Array.from({ length: SEARCH_PAGE - 1 }, (_, at) => `/categories/${at + 1}`),
  "/search",
  ...items.map(({ id }) => `/items/${id}`),
  ...items.map(({ name }) => JSON.stringify({ name })),
  "EUR",
  "S",
];

/** Categories as codes; the special offer is a text. */
const categoryCodes = Uint32Array.from(items, ({ category }) => category === "S" ? ABSENT : category);

/** Turns steps into columns. */
class ChunkWriter {
  readonly #ring: readonly Visitors[];
  /** Codes of `texts` in the chunk at hand; 0 where not known. */
  readonly #codes = new Uint32Array(texts.length);
  #chunk = 0;

  constructor(ring: readonly Visitors[]) {
    this.#ring = ring;
  }

  *chunks(steps: SlotSteps, slot: number, from: number, to: number): Generator<SampleChunk> {
    assert(steps.count < SLOT_ROWS, "the steps of a slot can be numbered");
    const order = steps.order(slot);
    let place = 0, end = order.length;
    while (place < end && steps.time[order[place]] < from) place++;
    while (end > place && steps.time[order[end - 1]] >= to) end--;
    for (; place < end; place += CHUNK_ROWS_MAX) {
      const columns = this.#columns(steps, order.subarray(place, Math.min(end, place + CHUNK_ROWS_MAX)));
      yield { firstRow: slot * SLOT_ROWS + place, columns };
    }
  }

  #columns(steps: SlotSteps, order: Uint32Array): ColumnBuilder {
    const into = new ColumnBuilder(order.length);
    this.#codes.fill(0);
    this.#chunk++;
    const { userId, ip, userAgent, referrer, platform, page } = into.withVisitor(), properties = into.withProperties();
    for (const at of order) {
      const owner = steps.owner[at], visitors = this.#ring[ringOf(owner)], number = numberOf(owner);
      const kind = steps.kind[at], place = steps.item[at], detail = steps.detail[at];
      const hasItem = place >= 0 && kind !== PAGE_VIEW;
      const row = into.push(
        kind,
        steps.time[at],
        this.#session(into, visitors, number),
        hasItem ? items[place].id : ABSENT,
        hasItem ? this.#category(into, place) : ABSENT,
      );
      if (visitors.user[number] !== 0) userId[row] = visitors.user[number];
      ip[row] = this.#code(into, addressesAt + visitors.address[number]);
      userAgent[row] = this.#code(into, agentsAt + visitors.agent[number]);
      platform[row] = this.#code(into, platformsAt + visitors.platform[number]);
      if (visitors.referrer[number] >= 0) referrer[row] = this.#code(into, referrersAt + visitors.referrer[number]);
      if (hasItem) properties[row] = this.#code(into, namesAt + place);
      else if (kind === SEARCH) {
        properties[row] = this.#code(into, searchesAt + detail);
        page[row] = this.#code(into, pagesAt + SEARCH_PAGE);
      } else page[row] = this.#code(into, detail === ITEM_PAGE ? itemPagesAt + place : pagesAt + FRONT_PAGE + detail);
      if (kind === PURCHASE) this.#purchase(into, row, place, detail, visitors, number);
    }
    return into;
  }

  #purchase(into: ColumnBuilder, row: number, place: number, detail: number, visitors: Visitors, number: number): void {
    const purchase = into.withPurchase();
    purchase.price[row] = detail >= FREE ? 0 : items[place].price;
    purchase.quantity[row] = detail % FREE;
    purchase.orderId[row] = into.wordCode(`o-${sessionId(visitors.slot, number)}`);
    purchase.currency[row] = this.#code(into, currencyAt);
  }

  #session(into: ColumnBuilder, visitors: Visitors, number: number): number {
    if (visitors.codeOf[number] !== this.#chunk) {
      visitors.codeOf[number] = this.#chunk;
      visitors.code[number] = into.wordCode(String(sessionId(visitors.slot, number)));
    }
    return visitors.code[number];
  }

  #category(into: ColumnBuilder, place: number): number {
    const code = categoryCodes[place];
    return code === ABSENT ? this.#code(into, offerAt) : code;
  }

  #code(into: ColumnBuilder, text: number): number {
    return this.#codes[text] ||= into.wordCode(texts[text]);
  }
}
