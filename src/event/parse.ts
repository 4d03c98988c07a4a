// Turns a request body into rows of columns. Total: whatever the bytes are, each event in them either becomes rows or is told as a reject,
// and a bad one never harms its neighbours. Knows nothing of HTTP, the log, or duplicates.

import { GuardianError, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { ColumnBuilder } from "./batch.ts";
import { type BodyForm, cutBody, type PieceSink, type QuickLines, type Spell } from "./body.ts";
import { FlatScan } from "./flat_scan.ts";
import { type JsonShape, measureJson, membersOf, repeatedName } from "./json_text.ts";
import { escapeUnseen, quoted } from "./quoted.ts";
import { type RecordOptions, RecordReader } from "./record.ts";
import type { RejectCode, RejectSink } from "./reject.ts";

export interface ParseOptions extends RecordOptions {
  /** The body broke off while it was received: what lies before the break gets in. */
  readonly truncated?: boolean;
}

/** form: what the body was taken for. events: rows added. rejected: rejects told; a refused order item counts as one. */
export interface ParsedBody {
  readonly form: BodyForm;
  readonly events: number;
  readonly rejected: number;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Bytes that are decoded at one time. */
const WINDOW_BYTES = 64 * 1024;
const HOW = "send one JSON object, a JSON array of objects, or one object a line";
/** Work of one spell, in about ns: a part of a turn. What a piece takes that is no flat line, each byte of it, and each reject. */
const SPELL = 500_000, PIECE_WORK = 2000, BYTE_WORK = 8, REJECT_WORK = 3000;
/** Flat lines that are taken at a time. */
const LINES_AT_ONCE = 4096;

/**
 * Adds the events of a body to `into` and tells `onReject` about each that cannot be taken.
 *
 * The body is one JSON object, a JSON array of objects, or NDJSON, told apart by what it holds; a byte order mark, blank lines and CRLF are
 * taken in stride. Throws `bad_request` when nothing at all is in it.
 */
export function parseBody(bytes: Uint8Array, into: ColumnBuilder, onReject: RejectSink, options: ParseOptions): ParsedBody {
  return new Parsing(bytes, into, onReject, options).goOn(Infinity)!;
}

/** As `parseBody`, in several goes: a body of many MiB takes seconds where nothing in it is right. Several may be under way at a time. */
export class Parsing {
  readonly #into: ColumnBuilder;
  readonly #before: number;
  readonly #spell: Spell = { left: 0 };
  readonly #cutting: Generator<void, BodyForm>;
  #pieces = 0;
  #rejected = 0;

  constructor(bytes: Uint8Array, into: ColumnBuilder, onReject: RejectSink, options: ParseOptions) {
    this.#into = into;
    this.#before = into.count;
    const spell = this.#spell, flat = new FlatScan(into, options);
    // The piece at hand. Its raw bytes are copied once, however many of its order items are refused.
    let from = 0, to = 0, line = 0;
    let raw: Uint8Array | null = null;
    const reject = (code: RejectCode, field: string | null, message: string) => {
      this.#rejected++;
      spell.left -= REJECT_WORK;
      raw ??= bytes.slice(from, Math.min(to, from + limits.deadLetterRawBytesMax));
      onReject({ line, code, field, message, raw, rawBytes: to - from });
    };
    let reader: RecordReader | null = null, texts: PieceTexts | null = null;

    const takePiece: PieceSink = (pieceFrom, pieceTo, pieceLine, whole) => {
      from = pieceFrom;
      to = pieceTo;
      line = pieceLine;
      raw = null;
      this.#pieces++;
      if (!whole) {
        return reject(
          "body_truncated",
          null,
          "Cannot take this event: the body breaks off before its end; send again what comes from here on",
        );
      }
      if (flat.take(bytes, from, to)) return;
      spell.left -= PIECE_WORK + BYTE_WORK * Math.min(to - from, limits.lineBytesMax);
      const record = readObject(bytes, from, to, texts ??= new PieceTexts(bytes), reject);
      if (record !== null) (reader ??= new RecordReader(into, options, reject)).read(record);
    };
    const quick: QuickLines = {
      lines: 0,
      take: (at) => {
        const next = flat.takeLines(bytes, at, into.count + LINES_AT_ONCE);
        if (next > 0) this.#pieces += quick.lines = flat.lines;
        return next;
      },
    };
    this.#cutting = cutBody(bytes, options.truncated ?? false, takePiece, quick, spell);
  }

  /** Goes on for about as much work; null when there is more to do. Throws `bad_request` at the end of a body in which nothing is. */
  goOn(work: number = SPELL): ParsedBody | null {
    this.#spell.left = work;
    const { done, value: form } = this.#cutting.next();
    if (!done) return null;
    if (this.#pieces === 0) throw new GuardianError("bad_request", `Cannot read the body: there is no event in it; ${HOW}`);
    return { form, events: this.#into.count - this.#before, rejected: this.#rejected };
  }
}

const shape: JsonShape = { depth: 0, members: 0 };

/** The object that `bytes[from, to)` is as JSON, or null once `reject` was told why it is none. */
function readObject(
  bytes: Uint8Array,
  from: number,
  to: number,
  texts: PieceTexts,
  reject: (code: RejectCode, field: string | null, message: string) => void,
): Record<string, unknown> | null {
  if (to - from > limits.lineBytesMax) {
    reject(
      "line_too_long",
      null,
      `Cannot take this event: it has ${to - from} bytes, more than ${limits.lineBytesMax}; send a smaller one`,
    );
    return null;
  }
  let text: string;
  try {
    text = texts.between(from, to);
  } catch {
    reject("not_utf8", null, "Cannot take this event: its bytes are not UTF-8; send JSON in UTF-8");
    return null;
  }
  measureJson(bytes, from, to, shape);
  if (shape.depth > limits.jsonDepthMax) {
    const why = `its arrays and objects go ${shape.depth} deep, more than ${limits.jsonDepthMax}; send a flatter one`;
    reject("too_deep", null, `Cannot take this event: ${why}`);
    return null;
  }
  // Most of what is not JSON starts like none, and an error that is thrown is dear.
  if (!MAY_BE_JSON.test(text)) {
    reject("not_json", null, `Cannot read this as JSON: ${jsonFault("", text)}; ${HOW}`);
    return null;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    reject("not_json", null, `Cannot read this as JSON: ${jsonFault(reasonOf(error), text)}; ${HOW}`);
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    reject("not_object", null, `Cannot take this event: it is ${quoted(text)}, not an object; ${HOW}`);
    return null;
  }
  if (membersOf(value) !== shape.members) {
    const name = repeatedName(text);
    reject(
      "duplicate_field",
      name?.slice(0, 120) ?? null,
      `Cannot take this event: ${quoted(name ?? "a name")} is given twice in one object; send it once`,
    );
    return null;
  }
  return value as Record<string, unknown>;
}

/** The texts of the pieces of one body, asked for in order. Decoding many small ones costs more than reading them. */
class PieceTexts {
  readonly #bytes: Uint8Array;
  #from = 0;
  #to = 0;
  /** The text of the window if it is ASCII alone, so that places in it are places in the bytes; else null. */
  #ascii: string | null = null;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Throws when `[from, to)` is not UTF-8. */
  between(from: number, to: number): string {
    if (to > this.#to) this.#move(from, Math.min(Math.max(to, from + WINDOW_BYTES), this.#bytes.length));
    return this.#ascii === null ? decoder.decode(this.#bytes.subarray(from, to)) : this.#ascii.slice(from - this.#from, to - this.#from);
  }

  #move(from: number, to: number): void {
    this.#from = from;
    this.#to = to;
    this.#ascii = null;
    try {
      const text = decoder.decode(this.#bytes.subarray(from, to));
      if (text.length === to - from) this.#ascii = text;
    } catch {
      // A bad byte, or a character that the window cuts: the pieces tell which.
    }
  }
}

const MAY_BE_JSON = /^[{["\-0-9tfn]/;
const POSITION = /at position (\d+)/;

/** What JSON.parse found, without the text that it quotes. message: what it said, if it was asked. */
function jsonFault(message: string, text: string): string {
  if (text === "") return "there is nothing between two commas";
  const position = POSITION.exec(message)?.[1];
  if (position !== undefined) return `it breaks at character ${Number(position) + 1}, near ${quoted(text.slice(Number(position)))}`;
  if (/end of JSON/.test(message)) return "it ends too early";
  return escapeUnseen(`${quoted(text)} is none`);
}
