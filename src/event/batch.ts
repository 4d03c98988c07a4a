// The columnar batch: the one form that events have in memory, in the log and towards DuckDB. No event is an object on the hot path.
// All text columns hold codes (code.ts) into the batch's own word list. Column groups that few events have are there only in batches
// that need them. A batch belongs to one lane; partition, offset and arrival are given by the log when it is appended.

import { ABSENT, FIRST_ID, FIRST_ID_SIGNED, FIRST_WORD, ID_PLACES, integerCode, textOf } from "./code.ts";
import { IdTexts } from "./id_texts.ts";
import { WordSlots } from "./word_slots.ts";

/** What a batch carries: events, or a mark that moves the lane's time (its one `eventTime`) or ends the lane. */
/** lost: offsets that the log can no longer read; never stored. */
export type Control = "events" | "time_mark" | "end_mark" | "lost";

/** Lane of events that come in as they happen; every replay source has a lane of its own. */
export const LIVE = "live";

/** price: integers of 1/10,000, NaN where absent; quantity: integers, NaN where absent. */
export interface PurchaseColumns {
  price: Float64Array;
  quantity: Float64Array;
  orderId: Uint32Array;
  currency: Uint32Array;
}

/** Text codes; `ip` is masked before it gets here. */
export interface VisitorColumns {
  userId: Uint32Array;
  ip: Uint32Array;
  userAgent: Uint32Array;
  referrer: Uint32Array;
  platform: Uint32Array;
  page: Uint32Array;
}

/** source: text codes; row: ordinal of the event in its source, -1 where absent; eventId: text codes, or codes of `eventIds`. */
export interface IdentityColumns {
  source: Uint32Array;
  row: Float64Array;
  eventId: Uint32Array;
}

/** The columns of `count` events. eventTime: ms since the epoch. session, item, category, properties: text codes. */
export interface EventColumns {
  readonly count: number;
  readonly words: readonly string[];
  readonly kind: Uint8Array;
  readonly eventTime: Float64Array;
  readonly session: Uint32Array;
  readonly item: Uint32Array;
  readonly category: Uint32Array;
  readonly purchase: Readonly<PurchaseColumns> | null;
  readonly visitor: Readonly<VisitorColumns> | null;
  readonly identity: Readonly<IdentityColumns> | null;
  /** Canonical JSON of the event's `properties`. */
  readonly properties: Uint32Array | null;
  /** Event ids that are no words; not there, or null, where no code is one of them. */
  readonly eventIds?: IdTexts | null;
  /** True where the words of all rows are known to be ASCII. */
  readonly ascii?: boolean;
}

/** Columns with their place in the log. `firstOffset` numbers the first event in its partition, the others follow. */
export interface EventBatch extends EventColumns {
  readonly control: Control;
  readonly lane: string;
  readonly partition: number;
  readonly firstOffset: number;
  /** Wall clock at append, ms since the epoch. */
  readonly arrival: number;
}

/** The columns of a batch that the log has not taken yet. */
export type PendingBatch = Omit<EventBatch, "firstOffset" | "arrival">;

const purchaseTexts = ["orderId", "currency"] as const;
const visitorTexts = ["userId", "ip", "userAgent", "referrer", "platform", "page"] as const;
export { purchaseTexts, visitorTexts };

/** Bytes of one event in the columns that all have. */
const PLAIN_BYTES = 8 + 3 * 4 + 1;
/** Bytes that one event is likely to take in an encoded batch, its words apart. */
const ROW_BYTES = 4 + 1 + 2 * 4 + 1;
const PURCHASE_BYTES = 2 * 8 + 2 * 4;
const VISITOR_BYTES = 6 * 2;
const IDENTITY_BYTES = 1 + 2 * 4;
/** The same at the most: no value is alike, and times lie far apart; and the header with a base for each column. */
const ROW_BYTES_MOST = PLAIN_BYTES;
const PURCHASE_BYTES_MOST = 2 * 8 + 2 * 4;
const VISITOR_BYTES_MOST = 6 * 4;
const IDENTITY_BYTES_MOST = 8 + 2 * 4;
const SOURCED_BYTES_MOST = 8;
const SLACK_BYTES_MOST = 1024;

/** Bytes that an event without groups, of a source or none, takes in an encoded batch at the most, its words apart. */
export const PLAIN_ROW_BYTES_MOST = ROW_BYTES_MOST + SOURCED_BYTES_MOST;

/** A growing set of columns with a word list of its own. Rows are pushed, then their optional columns are set by row number. */
export class ColumnBuilder implements EventColumns {
  count = 0;
  readonly words: string[] = [];
  kind: Uint8Array;
  eventTime: Float64Array;
  session: Uint32Array;
  item: Uint32Array;
  category: Uint32Array;
  purchase: PurchaseColumns | null = null;
  visitor: VisitorColumns | null = null;
  identity: IdentityColumns | null = null;
  properties: Uint32Array | null = null;
  eventIds: IdTexts | null = null;
  /** Where words are, made when somebody first looks for one. */
  #slots: WordSlots | null = null;
  /** Words that are to be found in `#slots`, and are put there when somebody looks for one. */
  #unindexed: number[] = [];
  #wordBytes = 0;
  #ascii = true;
  #capacity: number;
  /** The source of every row, none of which has an event id: then both columns are such as all share. Null else. */
  #oneSource: string | null = null;

  constructor(capacity = 64) {
    this.#capacity = capacity;
    // One piece of memory for all: five are dear where batches are small.
    const { buffer } = new Uint8Array(PLAIN_BYTES * capacity);
    this.eventTime = new Float64Array(buffer, 0, capacity);
    this.session = new Uint32Array(buffer, 8 * capacity, capacity);
    this.item = new Uint32Array(buffer, 12 * capacity, capacity);
    this.category = new Uint32Array(buffer, 16 * capacity, capacity);
    this.kind = new Uint8Array(buffer, 20 * capacity, capacity);
  }

  /** The code of `text`, adding it to the word list where it has to be. */
  code(text: string): number {
    const integer = integerCode(text);
    return integer >= 0 ? integer : this.wordCode(text);
  }

  /** As `code`, for a text that is known not to be a canonical integer below 2^31. bytes: of it as UTF-8. */
  wordCode(text: string, bytes?: number): number {
    const slots = this.#slots ??= new WordSlots(this.words);
    if (this.#unindexed.length > 0) {
      for (const word of this.#unindexed) slots.add(word);
      this.#unindexed = [];
    }
    const place = slots.find(text);
    if (place >= 0) return FIRST_WORD + place;
    const code = this.#addWord(text, bytes);
    slots.add(code - FIRST_WORD);
    return code;
  }

  /** As `wordCode`, for a text that is known not to be here. bytes: of it as UTF-8. */
  newWordCode(text: string, bytes?: number): number {
    const code = this.#addWord(text, bytes);
    this.#unindexed.push(code - FIRST_WORD);
    return code;
  }

  /**
   * As `wordCode`, for an event id, which is expected once: it is not looked for, nor found by who asks for the same text later, so that
   * equal event ids may have different codes.
   */
  eventIdCode(text: string): number {
    const ids = this.#withEventIds(), before = ids.end, place = ids.addText(text);
    this.#wordBytes += 2 + ids.end - before;
    return FIRST_ID + place;
  }

  /** As `eventIdCode`, for the text that bytes [from, to) are as UTF-8. */
  eventIdCodeOf(view: DataView, from: number, to: number): number {
    this.#wordBytes += 2 + to - from;
    return FIRST_ID + this.#withEventIds().add(view, from, to);
  }

  #withEventIds(): IdTexts {
    return this.eventIds ??= new IdTexts(this.#capacity);
  }

  #addWord(text: string, bytes: number = utf8Bytes(text)): number {
    this.#wordBytes += 2 + bytes;
    if (bytes !== text.length) this.#ascii = false;
    return FIRST_WORD + this.words.push(text) - 1;
  }

  /** Whether all words are ASCII. */
  get ascii(): boolean {
    return this.#ascii;
  }

  /** Adds an event and returns its row number. */
  push(kind: number, eventTime: number, session: number, item: number, category: number): number {
    if (this.#oneSource !== null) this.withIdentity();
    if (this.count === this.#capacity) this.#grow(Math.max(8, this.#capacity * 2));
    const row = this.count++;
    this.kind[row] = kind;
    this.eventTime[row] = eventTime;
    this.session[row] = session;
    this.item[row] = item;
    this.category[row] = category;
    return row;
  }

  /** Takes the last row back; words that it added stay. */
  pop(): void {
    this.cut(this.count - 1);
  }

  /** Takes all rows from `count` on back; words that they added stay. */
  cut(count: number): void {
    const before = this.count;
    this.count = count;
    if (this.purchase) clearRows(this.purchase, count, before);
    if (this.visitor) clearRows(this.visitor, count, before);
    if (this.identity) clearRows(this.withIdentity(), count, before);
    if (this.properties) this.properties.fill(ABSENT, count, before);
  }

  /** The purchase columns, made when first asked for. */
  withPurchase(): PurchaseColumns {
    return this.purchase ??= {
      price: new Float64Array(this.#capacity).fill(NaN),
      quantity: new Float64Array(this.#capacity).fill(NaN),
      orderId: absent(this.#capacity),
      currency: absent(this.#capacity),
    };
  }

  /** The visitor columns, made when first asked for. */
  withVisitor(): VisitorColumns {
    return this.visitor ??= {
      userId: absent(this.#capacity),
      ip: absent(this.#capacity),
      userAgent: absent(this.#capacity),
      referrer: absent(this.#capacity),
      platform: absent(this.#capacity),
      page: absent(this.#capacity),
    };
  }

  /** The identity columns, made when first asked for. */
  withIdentity(): IdentityColumns {
    if (this.#oneSource !== null) {
      this.#oneSource = null;
      const { source, row, eventId } = this.identity!;
      this.identity = { source: grown(source, this.#capacity), row, eventId: grown(eventId, this.#capacity) };
      this.identity.source.fill(ABSENT, this.count);
      row.fill(-1, this.count);
    }
    return this.identity ??= {
      source: absent(this.#capacity),
      row: new Float64Array(this.#capacity).fill(-1),
      eventId: absent(this.#capacity),
    };
  }

  /** The properties column, made when first asked for. */
  withProperties(): Uint32Array {
    return this.properties ??= absent(this.#capacity);
  }

  /** Bytes that these columns are likely to take in an encoded batch. */
  get bytesLikely(): number {
    const row = ROW_BYTES + (this.purchase ? PURCHASE_BYTES : 0) + (this.visitor ? VISITOR_BYTES : 0) +
      (this.identity ? IDENTITY_BYTES : 0) + (this.properties ? 4 : 0);
    return 1024 + this.count * row + this.#wordBytes;
  }

  /** Bytes that these columns take in an encoded batch at the most. */
  get bytesMost(): number {
    const row = ROW_BYTES_MOST + (this.purchase ? PURCHASE_BYTES_MOST : 0) + (this.visitor ? VISITOR_BYTES_MOST : 0) +
      (this.#oneSource !== null ? SOURCED_BYTES_MOST : this.identity ? IDENTITY_BYTES_MOST : 0) + (this.properties ? 4 : 0);
    return SLACK_BYTES_MOST + this.count * row + this.#wordBytes;
  }

  /** Adds a row of columns that have no group, as `copyRow` does. memo: null where words are looked up. */
  copyPlainRow(from: EventColumns, row: number, memo: Uint32Array | null): void {
    if (this.#oneSource !== null) this.withIdentity();
    if (this.count === this.#capacity) this.#grow(Math.max(8, this.#capacity * 2));
    const at = this.count++;
    const session = from.session[row], item = from.item[row], category = from.category[row];
    this.kind[at] = from.kind[row];
    this.eventTime[at] = from.eventTime[row];
    this.session[at] = session < FIRST_WORD ? session : this.#translated(from, session, memo);
    this.item[at] = item < FIRST_WORD ? item : this.#translated(from, item, memo);
    this.category[at] = category < FIRST_WORD ? category : this.#translated(from, category, memo);
  }

  /**
   * Adds rows `rows[first]` to `rows[last]` (exclusive) of columns that have no group but event ids, as `copyRow` does, but column by column.
   * guesses: by word of `from`, a place where it may be here; as long as `from.words`, kept from one call to the next.
   * source: what the rows are of, row 0 of `from` being its row `firstRow`.
   */
  copyPlainRows(
    from: EventColumns,
    rows: Uint32Array,
    first: number,
    last: number,
    guesses: Uint32Array,
    source?: string,
    firstRow = 0,
  ): void {
    const at = this.count, count = last - first;
    if (this.#oneSource !== null && this.#oneSource !== source) this.withIdentity();
    if (at + count > this.#capacity) this.#grow(Math.max(at + count, this.#capacity * 2));
    if (source !== undefined) {
      const into = this.#identityOf(source, count, from.identity === null);
      for (let place = first, row = at; place < last; place++) into[row++] = firstRow + rows[place];
    }
    this.count = at + count;
    pick(from.kind, rows, first, last, this.kind, at);
    pick(from.eventTime, rows, first, last, this.eventTime, at);
    for (const name of ["session", "item", "category"] as const) {
      if (from.words.length === 0) pick(from[name], rows, first, last, this[name], at);
      else this.#pickTexts(from, from[name], rows, first, last, this[name], at, guesses);
    }
    if (from.identity !== null) this.#pickIds(from, from.identity.eventId, rows, first, last, at);
  }

  /** Copies event ids. */
  #pickIds(from: EventColumns, column: Uint32Array, rows: Uint32Array, first: number, last: number, at: number): void {
    const { eventId } = this.withIdentity(), { eventIds } = from;
    if (places.length < last - first) places = new Uint32Array(2 * (last - first));
    // Those that are bytes are copied together, once their codes are given.
    let count = 0;
    const texts = this.eventIds?.count ?? 0;
    for (let place = first; place < last; place++, at++) {
      // Signed, words and event ids are below 0 and none is -1: so no code is looked at as a double.
      const code = column[rows[place]] | 0;
      if (code >= -1) eventId[at] = code;
      else if (code >= FIRST_ID_SIGNED) {
        eventId[at] = FIRST_ID + texts + count;
        places[count++] = code & ID_PLACES;
      } else eventId[at] = this.wordCode(from.words[code & ID_PLACES]);
    }
    if (count === 0) return;
    const ids = this.#withEventIds(), before = ids.end;
    ids.addAll(eventIds!, places, count);
    this.#wordBytes += 2 * count + ids.end - before;
  }

  /** The code here of an event id of `from` that is no integer. code: signed. */
  #copiedId({ eventIds, words }: EventColumns, code: number): number {
    if (code < FIRST_ID_SIGNED) return this.eventIdCode(words[code & ID_PLACES]);
    const place = code & ID_PLACES;
    return this.eventIdCodeOf(eventIds!.view, eventIds!.startOf(place), eventIds!.ends[place]);
  }

  /** Makes the next `count` rows ones of `source`, and returns the column of their rows in it. alone: whether none of them has an event id. */
  #identityOf(source: string, count: number, alone: boolean): Float64Array {
    if (alone && this.#oneSource === source) return this.identity!.row;
    const code = this.code(source);
    if (!alone || this.count > 0 || this.identity !== null) {
      const { row, source: sources } = this.withIdentity();
      sources.fill(code, this.count, this.count + count);
      return row;
    }
    this.#oneSource = source;
    const row = new Float64Array(this.#capacity);
    this.identity = { source: alike(code, this.#capacity), row, eventId: alike(ABSENT, this.#capacity) };
    return row;
  }

  #pickTexts(
    from: EventColumns,
    column: Uint32Array,
    rows: Uint32Array,
    first: number,
    last: number,
    into: Uint32Array,
    at: number,
    guesses: Uint32Array,
  ): void {
    const { words } = this, { words: fromWords, ascii } = from;
    for (let place = first; place < last; place++, at++) {
      // Signed, words are below 0 and none is -1: so no code is looked at as a double.
      const code = column[rows[place]] | 0;
      if (code >= -1) {
        into[at] = code;
        continue;
      }
      const word = code & 0x7fff_ffff, text = fromWords[word], guess = guesses[word];
      if (guess < words.length && words[guess] === text) into[at] = FIRST_WORD + guess;
      else guesses[word] = (into[at] = this.wordCode(text, ascii ? text.length : undefined)) - FIRST_WORD;
    }
  }

  /** Copies one row of `from`. `memo` maps words of `from` to codes here: all 0 at first, as long as `from.words`, one per pair. */
  copyRow(from: EventColumns, row: number, memo: Uint32Array): number {
    const at = this.push(
      from.kind[row],
      from.eventTime[row],
      this.#translated(from, from.session[row], memo),
      this.#translated(from, from.item[row], memo),
      this.#translated(from, from.category[row], memo),
    );
    if (from.purchase !== null && !isNaN(from.purchase.price[row])) {
      const to = this.withPurchase();
      to.price[at] = from.purchase.price[row];
      to.quantity[at] = from.purchase.quantity[row];
      for (const name of purchaseTexts) to[name][at] = this.#translated(from, from.purchase[name][row], memo);
    }
    if (from.visitor !== null) {
      const to = this.withVisitor();
      for (const name of visitorTexts) to[name][at] = this.#translated(from, from.visitor[name][row], memo);
    }
    if (from.identity !== null) {
      const to = this.withIdentity();
      to.source[at] = this.#translated(from, from.identity.source[row], memo);
      to.row[at] = from.identity.row[row];
      const id = from.identity.eventId[row] | 0;
      to.eventId[at] = id >= -1 ? id : this.#copiedId(from, id);
    }
    if (from.properties !== null) this.withProperties()[at] = this.#translated(from, from.properties[row], memo);
    return at;
  }

  #translated(from: EventColumns, given: number, memo: Uint32Array | null): number {
    if (given < FIRST_WORD || given === ABSENT) return given;
    const at = given - FIRST_WORD;
    return memo === null ? this.wordCode(from.words[at]) : memo[at] ||= this.wordCode(from.words[at]);
  }

  #grow(capacity: number): void {
    if (this.#oneSource !== null) this.withIdentity();
    this.#capacity = capacity;
    this.kind = grown(this.kind, capacity);
    this.eventTime = grown(this.eventTime, capacity);
    this.session = grown(this.session, capacity);
    this.item = grown(this.item, capacity);
    this.category = grown(this.category, capacity);
    for (const group of [this.purchase, this.visitor, this.identity] as (Record<string, Float64Array | Uint32Array> | null)[]) {
      for (const name in group) {
        const from = group[name].length;
        group[name] = grown(group[name], capacity);
        group[name].fill(name === "row" ? -1 : group[name] instanceof Float64Array ? NaN : ABSENT, from);
      }
    }
    if (this.properties) {
      const from = this.properties.length;
      this.properties = grown(this.properties, capacity);
      this.properties.fill(ABSENT, from);
    }
  }
}

function absent(capacity: number): Uint32Array {
  return new Uint32Array(capacity).fill(ABSENT);
}

/** Places of event ids that are copied together. */
let places = new Uint32Array(0);

const sharedColumns = new Map<number, Uint32Array>();

/** A column that says `code` in every row. Those of the first word and of none are shared by all that ask, and nobody writes to them. */
function alike(code: number, count: number): Uint32Array {
  if (code !== FIRST_WORD && code !== ABSENT) return new Uint32Array(count).fill(code);
  let column = sharedColumns.get(code);
  if (column === undefined || column.length < count) sharedColumns.set(code, column = new Uint32Array(count).fill(code));
  return column.subarray(0, count);
}

function pick<T extends Uint8Array | Uint32Array | Float64Array>(
  from: T,
  rows: Uint32Array,
  first: number,
  last: number,
  into: T,
  at: number,
): void {
  for (let place = first; place < last; place++) into[at++] = from[rows[place]];
}

function clearRows(group: object, from: number, to: number): void {
  for (const [name, column] of Object.entries(group) as [string, Float64Array | Uint32Array][]) {
    column.fill(name === "row" ? -1 : column instanceof Float64Array ? NaN : ABSENT, from, to);
  }
}

function grown<T extends Uint8Array | Float64Array | Uint32Array>(column: T, capacity: number): T {
  const larger = new (column.constructor as new (length: number) => T)(capacity);
  larger.set(column as never);
  return larger;
}

/** A batch that carries no event but a mark at `time` for one lane of one partition. It takes one offset. */
export function markBatch(control: "time_mark" | "end_mark", lane: string, partition: number, time: number): PendingBatch {
  const columns = new ColumnBuilder(1);
  columns.push(0, time, ABSENT, ABSENT, ABSENT);
  return pendingBatch(columns, lane, partition, control);
}

/** The columns as a batch for one lane and partition; they are shared, not copied. */
export function pendingBatch(columns: EventColumns, lane: string, partition: number, control: Control = "events"): PendingBatch {
  const { count, words, kind, eventTime, session, item, category, purchase, visitor, identity, properties, eventIds } = columns;
  return {
    count,
    words,
    kind,
    eventTime,
    session,
    item,
    category,
    purchase,
    visitor,
    identity,
    properties,
    eventIds,
    lane,
    partition,
    control,
  };
}

/** The text of `column[row]`, or null. */
export function columnText(batch: EventColumns, column: Uint32Array | undefined, row: number): string | null {
  if (column === undefined) return null;
  const code = column[row];
  return code >= FIRST_ID && code !== ABSENT ? batch.eventIds!.text(code - FIRST_ID) : textOf(batch.words, code);
}

/** Bytes of a text in UTF-8; a few more where it has pairs of surrogates. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char > 0x7f) bytes += char > 0x7ff ? 2 : 1;
  }
  return bytes;
}
