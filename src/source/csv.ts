// Rows of a CSV file, from bytes straight into columns. Nearly all lines have the plain form that `#plainRows` takes at a few
// nanoseconds a field; whatever it does not know (other spellings of time, quotes, faults) goes line by line through `#line`.
// What always holds: both ways give the same row for the same line; content never throws, a line that is no event becomes a reject.

import { ABSENT, FIRST_WORD } from "../event/code.ts";
import type { ColumnBuilder } from "../event/batch.ts";
import { PURCHASE } from "../event/kind.ts";
import type { RejectCode, RejectSink } from "../event/reject.ts";
import { formatTimestamp, parseTimestampBytes } from "../event/timestamp.ts";
import { checkValue, Fault as ValueFault, wanted } from "../event/value.ts";
import type { ValueKind } from "../event/names.ts";
import { PRICE_UNITS } from "../event/price.ts";
import { limits } from "../limits.ts";
import { Fields } from "./fields.ts";
import { BUYS, CLICKS, type ColumnIndexes, type CsvLayout, layoutFor, layoutText } from "./layout.ts";
import type { LineReader } from "./lines.ts";
import type { RowReader } from "./row_reader.ts";
import { type Texts, WordTable } from "./word_table.ts";

const COLON = 58, SPACE = 32, COMMA = 44, DOT = 46, QUOTE = 34, LF = 10, CR = 13, ZERO = 48, DEL = 127, T = 84, Z = 90;

/** `:00.` and `000Z` in little endian: taken away bit by bit, they leave digits as 0 to 9, marks as 0, and more of anything else. */
const COLON_00_POINT = 0x2e30303a, ZERO_ZERO_ZERO_Z = 0x5a303030;

const INTEGER_MAX = FIRST_WORD - 1, TENTH_OF_INTEGERS = Math.floor(INTEGER_MAX / 10);

/** What `#plainRows` takes, below the limits of both: a longer category, or amounts of more digits, go through `#line`. */
const PLAIN_CATEGORY_BYTES_MAX = 16, PLAIN_AMOUNT_MAX = 100_000_000;

/** Why a line is no event: a code of rejects, the field, a sentence. */
interface Fault {
  readonly code: RejectCode;
  readonly field: string | null;
  readonly message: string;
}

/**
 * Reads the rows of one file. `report` gets every reject, in file order. `layout`: null to have the first good line settle it, out of the
 * known ones or what `indexes` says. texts: who gives texts their codes.
 */
export class CsvReader implements RowReader {
  /** Lines that became no row. */
  rejected = 0;
  readonly #lines: LineReader;
  readonly #report: RejectSink;
  readonly #indexes: ColumnIndexes | null;
  #layout: CsvLayout | null;
  readonly #texts: Texts;
  readonly #fields = new Fields();
  readonly #view: DataView;
  /** Whether the layout is one that `#plainRows` knows. */
  #plain = false;
  #first = true;
  #fault: Fault | null = null;
  // The month and the minute of the latest time stamp in ms since the epoch, and the 16 characters `YYYY-MM-` and `DDTHH:MM` that they go
  // by, as two doubles: NaN equals nothing. Rows that follow each other mostly share them.
  #month = 0;
  #monthDays = 0;
  #minute = 0;
  #minuteHead = NaN;
  #minuteTail = NaN;

  constructor(
    lines: LineReader,
    layout: CsvLayout | null,
    report: RejectSink,
    indexes: ColumnIndexes | null = null,
    texts: Texts = new WordTable(lines.bytes),
  ) {
    this.#lines = lines;
    this.#texts = texts;
    this.#report = report;
    this.#indexes = indexes;
    this.#layout = layout;
    this.#plain = layout !== null && hasPlainRows(layout);
    this.#view = new DataView(lines.bytes.buffer, lines.bytes.byteOffset, lines.bytes.byteLength);
  }

  /** The layout of the file; null until a good line was seen. */
  get layout(): CsvLayout | null {
    return this.#layout;
  }

  /** Adds rows until `into` has `rowsMax`, or `rejectsMax` lines were refused; false at the end of the file. */
  fill(into: ColumnBuilder, rowsMax: number, rejectsMax = Infinity): boolean {
    const rejectedMax = this.rejected + rejectsMax;
    while (into.count < rowsMax && this.rejected < rejectedMax) {
      if (this.#plain && !this.#first) this.#plainRows(into, rowsMax, this.#layout!.kind);
      if (into.count >= rowsMax) break;
      if (!this.#lines.next()) return false;
      this.#line(into);
    }
    return true;
  }

  /**
   * Takes lines of the plain form as long as they come: ids and a category of printable ASCII without blanks and quotes,
   * `YYYY-MM-DDTHH:MM:SS.mmmZ`, price and quantity without surprises. It may look past the end of what is read, and takes no row that ends there.
   * One long function on purpose: fields taken by functions of their own, which must return both a value and a place, cost twice as much.
   */
  #plainRows(into: ColumnBuilder, rowsMax: number, kind: CsvLayout["kind"]): void {
    const lines = this.#lines, bytes = lines.bytes, view = this.#view, end = lines.end, texts = this.#texts;
    const { kind: kinds, eventTime, session: sessions, item: items, category: categories } = into;
    const purchase = kind === PURCHASE ? into.withPurchase() : null;
    // Columns grow in `push` alone, which the next line that is not plain goes through.
    const first = into.count, rowMax = Math.min(rowsMax, eventTime.length);
    let row = first, lineAt = lines.at, head = this.#minuteHead, tail = this.#minuteTail, minute = this.#minute;
    while (row < rowMax && lineAt < end) {
      let at = lineAt, digit = bytes[at] - ZERO, session = 0, four = -1;
      if (digit > 0 && digit <= 9) {
        four = fourDigits(view, at);
        if (four >= 0) {
          session = four;
          at += 4;
        }
        for (digit = bytes[at] - ZERO; digit >= 0 && digit <= 9 && session <= TENTH_OF_INTEGERS; digit = bytes[++at] - ZERO) {
          session = session * 10 + digit;
        }
      }
      if (at === lineAt || session > INTEGER_MAX || bytes[at] !== COMMA) {
        at = plainEnd(bytes, view, lineAt, limits.idBytesMax);
        if (at === lineAt || bytes[at] !== COMMA) break;
        session = integerIn(bytes, lineAt, at);
        if (session < 0) texts.put(into, sessions, row, lineAt, at);
      }
      at++;

      if (view.getFloat64(at, true) !== head || view.getFloat64(at + 8, true) !== tail) {
        if (!this.#takeMinute(at)) break;
        head = this.#minuteHead;
        tail = this.#minuteTail;
        minute = this.#minute;
      }
      const seconds = view.getInt32(at + 16, true) ^ COLON_00_POINT, fraction = view.getInt32(at + 20, true) ^ ZERO_ZERO_ZERO_Z;
      const s1 = seconds >> 8 & 255, s0 = seconds >> 16 & 255;
      const f2 = fraction & 255, f1 = fraction >> 8 & 255, f0 = fraction >> 16 & 255;
      if ((seconds & 0xff0000ff) !== 0 || fraction >>> 24 !== 0 || s1 > 5 || s0 > 9 || f2 > 9 || f1 > 9 || f0 > 9) break;
      const time = minute + ((s1 * 10 + s0) * 1000 + f2 * 100 + f1 * 10 + f0);
      at += 24;
      if (bytes[at++] !== COMMA) break;

      const itemAt = at;
      let item = 0;
      digit = bytes[at] - ZERO;
      if (digit > 0 && digit <= 9) {
        four = fourDigits(view, at);
        if (four >= 0) {
          item = four;
          four = fourDigits(view, at += 4);
          if (four >= 0) {
            item = item * 10_000 + four;
            at += 4;
          }
        }
        for (digit = bytes[at] - ZERO; digit >= 0 && digit <= 9 && item <= TENTH_OF_INTEGERS; digit = bytes[++at] - ZERO) {
          item = item * 10 + digit;
        }
      }
      if (at === itemAt || item > INTEGER_MAX || bytes[at] !== COMMA) {
        at = plainEnd(bytes, view, itemAt, limits.idBytesMax);
        if (at === itemAt || bytes[at] !== COMMA) break;
        item = integerIn(bytes, itemAt, at);
        if (item < 0) texts.put(into, items, row, itemAt, at);
      }
      at++;

      if (purchase !== null) {
        let price = 0, quantity = 0, units = PRICE_UNITS;
        const priceAt = at;
        for (digit = bytes[at] - ZERO; digit >= 0 && digit <= 9 && price < PLAIN_AMOUNT_MAX; digit = bytes[++at] - ZERO) {
          price = price * 10 + digit;
        }
        if (at === priceAt) break;
        if (bytes[at] === DOT) {
          for (digit = bytes[++at] - ZERO; digit >= 0 && digit <= 9 && units > 1; digit = bytes[++at] - ZERO) {
            price = price * 10 + digit;
            units /= 10;
          }
          if (units === PRICE_UNITS) break;
        }
        if (bytes[at++] !== COMMA) break;
        const quantityAt = at;
        for (digit = bytes[at] - ZERO; digit >= 0 && digit <= 9 && quantity < PLAIN_AMOUNT_MAX; digit = bytes[++at] - ZERO) {
          quantity = quantity * 10 + digit;
        }
        if (at === quantityAt) break;
        purchase.price[row] = price * units;
        purchase.quantity[row] = quantity;
        categories[row] = ABSENT;
      } else {
        digit = bytes[at] - ZERO;
        if (bytes[at + 1] === LF && plainBytes[bytes[at]] === 1) {
          categories[row] = digit >= 0 && digit <= 9 ? digit : texts.code(into, at, at + 1);
          at++;
        } else {
          const categoryAt = at;
          at = plainEnd(bytes, view, at, PLAIN_CATEGORY_BYTES_MAX);
          categories[row] = categoryAt === at ? ABSENT : this.#plainCode(into, bytes, categoryAt, at);
        }
      }
      if (bytes[at] === CR) at++;
      if (bytes[at] !== LF || at >= end) break;
      eventTime[row] = time;
      if (session >= 0) sessions[row] = session;
      if (item >= 0) items[row] = item;
      row++;
      lineAt = at + 1;
    }
    texts.settle(into);
    kinds.fill(kind, first, row);
    into.count = row;
    lines.at = lineAt;
    lines.line += row - first;
  }

  /** Notes the minute of a time stamp in the plain form at `at`; false where it has another form or is out of range. */
  #takeMinute(at: number): boolean {
    const { bytes } = this.#lines, view = this.#view;
    if (bytes[at + 10] !== T || bytes[at + 13] !== COLON || bytes[at + 23] !== Z) return false;
    if (view.getFloat64(at, true) !== this.#minuteHead && !this.#takeMonth(at)) return false;
    const day = twoDigits(bytes, at + 8), hour = twoDigits(bytes, at + 11), minute = twoDigits(bytes, at + 14);
    // Written so that NaN fails each comparison.
    if (!(day >= 1 && day <= this.#monthDays && hour <= 23 && minute <= 59)) return false;
    this.#minute = this.#month + (((day - 1) * 24 + hour) * 60 + minute) * 60_000;
    this.#minuteTail = view.getFloat64(at + 8, true);
    return true;
  }

  /** As `#takeMinute`, for the month. In a file that is grouped by session the minute changes with each row, and the month does not. */
  #takeMonth(at: number): boolean {
    const time = parseTimestampBytes(this.#lines.bytes, at, 24);
    // Both bounds are the edges of months, so that what holds for one time holds for its month.
    if (!(time >= limits.eventTimeMin && time <= limits.eventTimeMax)) return false;
    const date = new Date(time), year = date.getUTCFullYear(), month = date.getUTCMonth();
    this.#month = Date.UTC(year, month, 1);
    this.#monthDays = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    this.#minuteHead = this.#view.getFloat64(at, true);
    this.#minuteTail = NaN;
    return true;
  }

  /** Takes the line that `lines` is at, whatever its form. */
  #line(into: ColumnBuilder): void {
    const lines = this.#lines;
    this.#fault = null;
    if (lines.tooLong) {
      this.#refuse(
        "line_too_long",
        null,
        `it has ${lines.lineBytes} bytes, more than ${limits.lineBytesMax}; it may have lost its line end`,
      );
    } else {
      const split = this.#fields.split(lines.bytes, lines.lineStart, lines.lineEnd);
      if (split !== null) this.#refuse(split.code, null, split.message);
      else if (this.#first && this.#isHeader()) {
        this.#refuse("header_line", null, "it holds the names of columns and is no event, so that nothing is lost by skipping it");
      } else this.#laidOut(into, this.#fields.count);
    }
    this.#first = false;
    // Read back through a call: the calls above set it.
    const fault = this.#takeFault();
    if (fault === null) return;
    this.rejected++;
    this.#report({ line: lines.line, ...fault, raw: lines.copyLine(), rawBytes: lines.lineBytes });
  }

  /** Takes the fields as the layout says, which the first good line settles. */
  #laidOut(into: ColumnBuilder, columns: number): void {
    const layout = this.#layout ?? layoutFor(columns, this.#indexes);
    if (layout === null || layout.columns !== columns) {
      this.#refuse("wrong_columns", null, `it has ${columns} columns, expected ${expectedColumns(layout, this.#indexes)}`);
      return;
    }
    this.#row(into, layout);
    if (this.#layout !== null || this.#fault !== null) return;
    this.#layout = layout;
    this.#plain = hasPlainRows(layout);
  }

  #row(into: ColumnBuilder, layout: CsvLayout): void {
    const session = this.#code(into, layout.session, "session_id", limits.idBytesMax);
    const time = this.#fault === null ? this.#time(layout.timestamp) : NaN;
    const item = this.#fault === null ? this.#code(into, layout.item, "item_id", limits.idBytesMax) : ABSENT;
    let category = ABSENT, price = NaN, quantity = NaN;
    if (this.#fault === null && layout.category >= 0 && this.#fields.length(layout.category) > 0) {
      category = this.#code(into, layout.category, "category", limits.shortTextBytesMax);
    }
    if (this.#fault === null && layout.kind === PURCHASE) {
      price = this.#number(layout.price, "price", "price");
      if (this.#fault === null) quantity = this.#number(layout.quantity, "quantity", "quantity");
    }
    if (this.#fault !== null) return;
    const place = into.push(layout.kind, time, session, item, category);
    if (layout.kind !== PURCHASE) return;
    const purchase = into.withPurchase();
    purchase.price[place] = price;
    purchase.quantity[place] = quantity;
  }

  #code(into: ColumnBuilder, column: number, field: string, bytesMax: number): number {
    const { bytes, starts, ends } = this.#fields, from = starts[column], to = ends[column];
    let plain = to > from && to - from <= bytesMax;
    for (let at = from; plain && at < to; at++) plain = bytes[at] >= SPACE && bytes[at] < DEL;
    if (plain) return this.#plainCode(into, bytes, from, to);
    const value = this.#checked(column, field, "id", bytesMax);
    return typeof value === "string" ? into.wordCode(value) : value;
  }

  /** The code of the text in [from, to), which is printable ASCII. */
  #plainCode(into: ColumnBuilder, bytes: Uint8Array, from: number, to: number): number {
    const integer = integerIn(bytes, from, to);
    if (integer >= 0) return integer;
    // A line with quotes was laid out anew, in bytes of its own.
    return bytes === this.#lines.bytes ? this.#texts.code(into, from, to) : into.code(asciiText(bytes, from, to));
  }

  #time(column: number): number {
    const fields = this.#fields;
    let time = parseTimestampBytes(fields.bytes, fields.starts[column], fields.length(column));
    if (isNaN(time)) time = this.#number(column, "timestamp", "time");
    if (this.#fault !== null || (time >= limits.eventTimeMin && time <= limits.eventTimeMax)) return time;
    const early = time < limits.eventTimeMin, bound = formatTimestamp(early ? limits.eventTimeMin : limits.eventTimeMax);
    return this.#refuseValue("out_of_range", "timestamp", `is ${early ? "earlier" : "later"} than ${bound}; send the time of the event`);
  }

  #number(column: number, field: string, kind: ValueKind): number {
    return this.#checked(column, field, kind, 0) as number;
  }

  /** The value of a field that has to be there, checked as one in JSON is. */
  #checked(column: number, field: string, kind: ValueKind, bytesMax: number): number | string {
    const fields = this.#fields;
    if (fields.length(column) === 0) return this.#refuseValue("missing_field", field, `is empty; send ${wanted[kind]}`);
    const text = fields.text(column);
    if (text === null) return this.#refuseValue("not_utf8", field, "is not UTF-8; send text in UTF-8");
    const checked = checkValue(kind, text, bytesMax);
    if (checked instanceof ValueFault) return this.#refuseValue(checked.code, field, checked.problem);
    return checked!;
  }

  /** Whether the line is made of names: no time where the time should be, and each field a word. */
  #isHeader(): boolean {
    const fields = this.#fields, timestamp = (this.#layout ?? this.#indexes ?? CLICKS).timestamp;
    if (timestamp < fields.count && !isNaN(parseTimestampBytes(fields.bytes, fields.starts[timestamp], fields.length(timestamp)))) {
      return false;
    }
    for (let column = 0; column < fields.count; column++) if (!fields.isName(column)) return false;
    return true;
  }

  /** Notes what is wrong with a field. Returns a number that no caller uses. */
  #refuseValue(code: RejectCode, field: string, problem: string): number {
    this.#refuse(code, field, `"${field}" ${problem}`);
    return NaN;
  }

  #refuse(code: RejectCode, field: string | null, why: string): void {
    this.#fault = { code, field, message: `Cannot take this line: ${why}` };
  }

  #takeFault(): Fault | null {
    return this.#fault;
  }
}

/** The canonical integer below 2^31 in [from, to), or -1. */
function integerIn(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length === 0 || length > 10 || (length > 1 && bytes[from] === ZERO)) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at] - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value < FIRST_WORD ? value : -1;
}

function asciiText(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode.apply(null, bytes.subarray(from, to) as unknown as number[]);
}

function hasPlainRows(layout: CsvLayout): boolean {
  const text = layoutText(layout);
  return text === layoutText(CLICKS) || text === layoutText(BUYS);
}

function expectedColumns(layout: CsvLayout | null, indexes: ColumnIndexes | null): string {
  if (layout !== null) return `${layout.columns} columns as in the file's first good line`;
  if (indexes !== null) return `at least ${Math.max(...Object.values(indexes)) + 1} columns`;
  return "4 columns (session_id,timestamp,item_id,category) or 5 (session_id,timestamp,item_id,price,quantity)";
}

/** The number that four digits at `at` make, or -1 where they are not four digits. All four are looked at in one go. */
function fourDigits(view: DataView, at: number): number {
  const four = view.getInt32(at, true) ^ 0x30303030;
  if ((((four + 0x76767676) | four) & 0x80808080) !== 0) return -1;
  const pairs = (Math.imul(four, 10) + (four >>> 8)) & 0x00ff00ff;
  return (pairs & 0xff) * 100 + (pairs >>> 16);
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at] - ZERO, ones = bytes[at + 1] - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
}

/** 1 for bytes of a text that needs no second look: printable, no blank, comma or quote. */
const plainBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte > SPACE && byte < DEL && byte !== COMMA && byte !== QUOTE ? 1 : 0);

/** Where plain bytes from `from` on end, `bytesMax` of them at the most. Four letters, digits or the like are looked at in one go. */
function plainEnd(bytes: Uint8Array, view: DataView, from: number, bytesMax: number): number {
  const stop = from + bytesMax;
  let at = from;
  while (at + 4 <= stop && fourPlain(view.getInt32(at, true))) at += 4;
  while (at < stop && plainBytes[bytes[at]] === 1) at++;
  return at;
}

/** Whether four bytes are all between `-` and `~`: adding takes a smaller one no further than 127, and a larger one beyond it. */
function fourPlain(four: number): boolean {
  return ((four + 0x53535353) & ~four & ~(four + 0x01010101) & 0x80808080) === HIGH_BITS;
}

/** The highest bit of each of four bytes. */
const HIGH_BITS = 0x80808080 | 0;
