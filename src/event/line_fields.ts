// The fields of one flat line: where the value of each lies in the bytes, and how the last line was laid out, for lines of one sender look
// alike, and to compare with what is known is quicker than to read. It knows what fields are called; what they mean is for flat_scan.ts.
// What always holds: whatever a layout finds, a scan byte by byte would have found in the same places.

const QUOTE = 0x22, SPACE = 0x20, BACKSLASH = 0x5c, ZERO = 0x30, ZULU = 0x5a;

export const names = ["session_id", "timestamp", "item_id", "category", "kind", "event_id"];
export const SESSION = 0, TIMESTAMP = 1, ITEM = 2, CATEGORY = 3, KIND = 4, EVENT_ID = 5;
/** Their names as bytes. */
export const encoded = names.map((name) => new TextEncoder().encode(name));
/** Fields that are usual as a number too. */
const MAY_BE_NUMBER = new Set([SESSION, ITEM, CATEGORY]);
/** Bytes of the usual point in time. */
export const TIME_BYTES = 24;

/** Where the value of each field of the line at hand lies, its quotes apart; textual: whether it had any. End 0: not given. */
export const starts = new Int32Array(names.length), ends = new Int32Array(names.length), textual = new Uint8Array(names.length);
/** The numbers that those without quotes are, exact up to 15 digits. And the one read last. */
export const numbers = new Float64Array(names.length);
let lastNumber = 0;

/** Notes where the value lies that was just read. */
export function setField(name: number, start: number, end: number, text: number): void {
  starts[name] = start;
  ends[name] = end;
  textual[name] = text;
  numbers[name] = lastNumber;
}

/** Bytes that are compared four at a time, the last four of them once more where they are not a multiple of four. */
export class Mark {
  readonly length: number;
  readonly #words: Int32Array;
  /** All bytes of one that has fewer than four. */
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.length = bytes.length;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const few = bytes.length < 4;
    this.#words = few ? new Int32Array(0) : Int32Array.from(
      { length: Math.ceil(bytes.length / 4) },
      (_, i) => view.getInt32(Math.min(4 * i, bytes.length - 4)),
    );
    this.#bytes = few ? bytes : new Uint8Array(0);
  }

  /** Whether these bytes stand in a view at `at`, and the view goes on for as long. */
  standsAt(view: DataView, at: number): boolean {
    const words = this.#words, last = words.length - 1;
    if (last < 0) {
      for (let i = 0; i < this.#bytes.length; i++) if (view.getUint8(at + i) !== this.#bytes[i]) return false;
      return true;
    }
    for (let i = 0; i < last; i++) if (view.getInt32(at + 4 * i) !== words[i]) return false;
    return view.getInt32(at + this.length - 4) === words[last];
  }
}

// The body at hand as a view, for which four bytes are one load.
let lastBytes: Uint8Array = new Uint8Array(0), lastView: DataView = new DataView(lastBytes.buffer);

/** A body as a view. */
export function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== lastBytes) {
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    lastBytes = bytes;
  }
  return lastView;
}

/** What lies around the values of a line: the bytes in front of each, its quote among them, and those behind the last one. */
export class Layout {
  /** Fields there are; 0 while no line was scanned to its end. */
  count = 0;
  /** Whether it has what most events have, each in the form that it mostly has. */
  isUsual = false;
  #added = 0;
  readonly marks: Mark[] = [];
  /** Which field each value is, and whether it is in quotes. */
  readonly fields = new Uint8Array(names.length);
  readonly texts = new Uint8Array(names.length);
  tail = new Mark(new Uint8Array(0));

  begin(): void {
    this.count = this.#added = 0;
    this.isUsual = false;
  }

  has(field: number): boolean {
    return this.fields.lastIndexOf(field, this.count - 1) >= 0;
  }

  /** The next value starts at `to`; the one before ended at `from`. */
  add(bytes: Uint8Array, from: number, to: number, field: number, text: number): void {
    this.marks[this.#added] = new Mark(bytes.slice(from, to));
    this.fields[this.#added] = field;
    this.texts[this.#added++] = text;
  }

  end(bytes: Uint8Array, from: number, to: number): void {
    this.tail = new Mark(bytes.slice(from, to));
    this.count = this.#added;
    this.isUsual = this.count > 0 && this.has(SESSION) && this.has(TIMESTAMP) && this.has(ITEM) &&
      this.texts.every((text, i) => i >= this.count || text === 1 || MAY_BE_NUMBER.has(this.fields[i]));
  }

  /** Finds the values of an object that starts at `from` and looks like this. Returns the place behind it, or -1. */
  find(bytes: Uint8Array, from: number, most: number): number {
    const count = this.count;
    if (count === 0) return -1;
    // Fields that are not of this layout have no end since it was taken.
    const view = viewOf(bytes);
    let at = from;
    for (let i = 0; i < count; i++) {
      const mark = this.marks[i];
      if (at + mark.length > most || !mark.standsAt(view, at)) return -1;
      const start = at + mark.length, field = this.fields[i], text = this.texts[i];
      // Of the usual time every byte is looked at when it is read.
      if (field === TIMESTAMP && text === 1 && isUsualTime(bytes, start, most)) at = start + TIME_BYTES;
      else at = text === 1 ? textEnd(bytes, start, most) : numberEnd(bytes, start, most);
      if (at < 0) return -1;
      setField(field, start, at, text);
    }
    const end = at + this.tail.length;
    return end <= most && this.tail.standsAt(view, at) ? end : -1;
  }
}

/** Where the plain text that starts at `from` ends; -1 when it is empty, or not plain. */
export function textEnd(bytes: Uint8Array, from: number, most: number): number {
  for (let at = from; at < most; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at === from ? -1 : at;
    if (byte < SPACE || byte > 0x7e || byte === BACKSLASH) return -1;
  }
  return -1;
}

/** Where the digits that start at `from` end; -1 when there are none, or a 0 before others. */
export function numberEnd(bytes: Uint8Array, from: number, most: number): number {
  let at = from, value = 0;
  for (; at < most; at++) {
    const digit = bytes[at] - ZERO;
    if (digit < 0 || digit > 9) break;
    value = 10 * value + digit;
  }
  lastNumber = value;
  return at === from || (bytes[from] === ZERO && at > from + 1) ? -1 : at;
}

/** Whether text that looks like the usual point in time ends where that does. */
function isUsualTime(bytes: Uint8Array, from: number, most: number): boolean {
  return from + TIME_BYTES < most && bytes[from + TIME_BYTES] === QUOTE && bytes[from + TIME_BYTES - 1] === ZULU;
}
