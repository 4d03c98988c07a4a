// The fields of one line of CSV, as spans of bytes. A line with quotes is read by csv-parse, and its fields laid out as bytes again.
// What always holds: spans are valid until the next split.

import { parse } from "csv-parse/sync";
import type { RejectCode } from "../event/reject.ts";
import { COLUMNS_MAX } from "./layout.ts";
import { utf8Text } from "../event/text_of_bytes.ts";

const COMMA = 44, QUOTE = 34;

const encoder = new TextEncoder();

/** Splits lines, one at a time. */
export class Fields {
  bytes: Uint8Array = new Uint8Array(0);
  count = 0;
  readonly starts = new Int32Array(COLUMNS_MAX);
  readonly ends = new Int32Array(COLUMNS_MAX);

  /** Splits bytes [from, to); where that cannot be done, says why. */
  split(bytes: Uint8Array, from: number, to: number): { code: RejectCode; message: string } | null {
    this.bytes = bytes;
    let count = 0, start = from;
    for (let at = from; at < to; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) return this.#splitQuoted(bytes, from, to);
      if (byte !== COMMA) continue;
      if (count < COLUMNS_MAX) {
        this.starts[count] = start;
        this.ends[count] = at;
      }
      count++;
      start = at + 1;
    }
    if (count < COLUMNS_MAX) {
      this.starts[count] = start;
      this.ends[count] = to;
    }
    this.count = count + 1;
    return null;
  }

  #splitQuoted(bytes: Uint8Array, from: number, to: number): { code: RejectCode; message: string } | null {
    this.count = 0;
    const line = utf8Text(bytes, from, to);
    if (line === null) return { code: "not_utf8", message: "it is not UTF-8; send text in UTF-8" };
    let records: string[][];
    try {
      records = parse(line, { relax_column_count: true, record_delimiter: "\n" });
    } catch {
      return {
        code: "invalid_value",
        message: 'its quotes do not pair; put a field with a comma in quotes, and write a quote in it as ""',
      };
    }
    const fields = records[0] ?? [""];
    const parts = fields.map((field) => encoder.encode(field));
    this.bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    parts.forEach((part, column) => {
      this.bytes.set(part, at);
      if (column < COLUMNS_MAX) {
        this.starts[column] = at;
        this.ends[column] = at + part.length;
      }
      at += part.length;
    });
    this.count = parts.length;
    return null;
  }

  length(column: number): number {
    return this.ends[column] - this.starts[column];
  }

  /** Whether a field reads as the name of a column: a letter or underscore, then letters, digits, spaces and the like. */
  isName(column: number): boolean {
    if (column >= COLUMNS_MAX || this.length(column) > 64) return false;
    const text = this.text(column);
    return text !== null && /^[\p{L}_][\p{L}\p{N}_ .:-]*$/u.test(text.trim());
  }

  /** The field as text, or null where it is not UTF-8. */
  text(column: number): string | null {
    return utf8Text(this.bytes, this.starts[column], this.ends[column]);
  }
}
