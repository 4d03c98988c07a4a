// Many lines in one go, as long as each is laid out like the one before: its values go from the bytes straight into the columns.
// One long function on purpose: it is where most of the time of reading NDJSON goes, and values handed over cost more than to read them.
// What always holds: a line that it takes becomes the very row that flat_scan.ts makes of it; at any other it stops, and adds nothing of it.

import { limits } from "../limits.ts";
import type { ColumnBuilder } from "./batch.ts";
import { ABSENT } from "./code.ts";
import { PURCHASE } from "./kind.ts";
import { CATEGORY, EVENT_ID, ITEM, type Layout, SESSION, textEnd, TIME_BYTES, TIMESTAMP, viewOf } from "./line_fields.ts";
import { idIsPlain, kindAt, SMALL_DIGITS, textCode } from "./plain_values.ts";
import { parseTimestampBytes } from "./timestamp.ts";

const QUOTE = 0x22, ZERO = 0x30, NEWLINE = 0x0a, RETURN = 0x0d;

export class LineRun {
  /** Lines that the last `take` took. */
  lines = 0;

  /** latest: the largest event time that is taken, ms. withEventIds: whether event ids get into the columns. */
  constructor(private readonly into: ColumnBuilder, private readonly latest: number, private readonly withEventIds: boolean) {}

  /** Adds the events on the lines from `at` on that look like `layout`, up to `rowsMax`. Returns where it stopped: at the start of a line, or the end. */
  take(layout: Layout, bytes: Uint8Array, at: number, rowsMax: number): number {
    this.lines = 0;
    if (!layout.isUsual) return at;
    const { count, marks, fields, texts, tail } = layout, { into, latest } = this, view = viewOf(bytes), most = bytes.length;
    const hasIds = this.withEventIds && layout.has(EVENT_ID);
    let eventIds: Uint32Array | null = null;
    const { kind: kinds, eventTime, session: sessions, item: items, category: categories } = into,
      rowMax = Math.min(rowsMax, eventTime.length);
    let row = into.count, lineAt = at;
    lines: while (row < rowMax && lineAt < most) {
      let from = lineAt, time = NaN, kind = 0, session = ABSENT, item = ABSENT, category = ABSENT;
      // Where texts lie, which get their codes once the whole line is seen to be right: words that nobody uses would stay.
      let sessionFrom = 0, sessionTo = 0, itemFrom = 0, itemTo = 0, categoryFrom = 0, categoryTo = 0, idFrom = 0, idTo = 0;
      for (let i = 0; i < count; i++) {
        const mark = marks[i], field = fields[i];
        if (from + mark.length > most || !mark.standsAt(view, from)) break lines;
        const start = from += mark.length;
        if (field === TIMESTAMP) {
          if (start + TIME_BYTES >= most || bytes[start + TIME_BYTES] !== QUOTE) break lines;
          time = parseTimestampBytes(bytes, start, TIME_BYTES);
          from = start + TIME_BYTES;
        } else if (texts[i] === 1) {
          from = textEnd(bytes, start, Math.min(most, start + limits.lineBytesMax));
          if (from < 0) break lines;
          if (field === CATEGORY) {
            categoryFrom = start;
            categoryTo = from;
          } else if (field === SESSION) {
            sessionFrom = start;
            sessionTo = from;
          } else if (field === ITEM) {
            itemFrom = start;
            itemTo = from;
          } else if (field === EVENT_ID) {
            idFrom = start;
            idTo = from;
          } else kind = kindAt(bytes, start, from);
        } else {
          let number = 0;
          for (let digit; from < most && (digit = bytes[from] - ZERO) >= 0 && digit <= 9; from++) number = 10 * number + digit;
          const digits = from - start;
          if (digits === 0 || digits > SMALL_DIGITS || (digits > 1 && bytes[start] === ZERO)) break lines;
          if (field === SESSION) session = number;
          else if (field === ITEM) item = number;
          else category = number;
        }
      }
      if (from + tail.length > most || !tail.standsAt(view, from)) break;
      from += tail.length;
      if (from - lineAt > limits.lineBytesMax || !(time >= limits.eventTimeMin && time <= latest) || kind < 0 || kind === PURCHASE) break;
      if (sessionTo > 0 && !idIsPlain(bytes, sessionFrom, sessionTo)) break;
      if (itemTo > 0 && !idIsPlain(bytes, itemFrom, itemTo)) break;
      if (categoryTo - categoryFrom > limits.shortTextBytesMax || idTo - idFrom > limits.shortTextBytesMax) break;
      if (from < most) {
        if (bytes[from] === RETURN) from++;
        if (bytes[from++] !== NEWLINE) break;
      }
      kinds[row] = kind;
      eventTime[row] = time;
      sessions[row] = sessionTo > 0 ? textCode(into, bytes, sessionFrom, sessionTo, false) : session;
      items[row] = itemTo > 0 ? textCode(into, bytes, itemFrom, itemTo, false) : item;
      categories[row] = categoryTo > 0 ? textCode(into, bytes, categoryFrom, categoryTo, false) : category;
      if (hasIds) (eventIds ??= into.withIdentity().eventId)[row] = textCode(into, bytes, idFrom, idTo, true);
      row++;
      lineAt = from;
    }
    this.lines = row - into.count;
    into.count = row;
    return lineAt;
  }
}
