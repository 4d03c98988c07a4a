// The binary form of a batch: what the log stores. One version byte, one checksum over all of it, columns packed by what they hold.
// What always holds: decode(encode(batch)) equals the batch; damaged bytes never decode, they throw.

import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import { GuardianError } from "../errors.ts";
import { ABSENT, FIRST_ID, FIRST_ID_SIGNED, FIRST_WORD, ID_PLACES } from "./code.ts";
import { type Control, type EventBatch, type IdentityColumns, type PendingBatch, visitorTexts } from "./batch.ts";
import { IdTexts } from "./id_texts.ts";
import { COLUMN_SLACK_BYTES, type ColumnIn, type ColumnOut, putBytes, putF64, putU32, takeF64, takeU32 } from "./column_codec.ts";

/** Version of the layout below. A reader refuses a larger one. Version 2 has narrow and rising columns; all else is as in version 1. */
export const CODEC_VERSION = 2;

// Header, little endian: 0 version, 1 control, 2 groups, 3 lane bytes, 4 checksum u32, 8 count u32, 12 words u32, 16 first offset f64,
// 24 arrival f64, 32 partition u32, 36 bytes of all words u32, 40 bytes of the partition's log before this batch f64, 48 lane, then word
// lengths (u16 each), words, columns.
const HEADER_BYTES = 48;
const CHECKSUM_AT = 4;
const OFFSET_AT = 16;
const ARRIVAL_AT = 24;
const BYTES_BEFORE_AT = 40;

const controls: readonly Control[] = ["events", "time_mark", "end_mark"];
const PURCHASE_GROUP = 1, VISITOR_GROUP = 2, IDENTITY_GROUP = 4, PROPERTIES_GROUP = 8;

/** What no word has; a row with all groups; and the lane, the modes and bases, and what a column touches while it is written. */
const WORD_BYTES = 65_536, ROW_BYTES_MAX = 89, SLACK_BYTES = 1024 + COLUMN_SLACK_BYTES;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

let scratch = new Uint8Array(256 * 1024);
let view = new DataView(scratch.buffer);
let out: ColumnOut = { bytes: scratch, view };

/** Encodes a batch; `sealed` later gives it its offset and arrival. The bytes are the caller's own. */
export function encode(batch: PendingBatch): Uint8Array<ArrayBuffer> {
  const { count, words } = batch, eventIds = batch.eventIds ?? noIds, wordCount = words.length + eventIds.count;
  let bytesMax = HEADER_BYTES + SLACK_BYTES + count * ROW_BYTES_MAX + 2 * eventIds.count + eventIds.end;
  for (const word of words) bytesMax += 2 + 3 * word.length;
  if (bytesMax > scratch.length) {
    scratch = new Uint8Array(2 * bytesMax);
    view = new DataView(scratch.buffer);
    out = { bytes: scratch, view };
  }
  const lane = encoder.encode(batch.lane);
  assert(lane.length < 256, "a lane's name has fewer than 256 bytes");
  scratch[0] = CODEC_VERSION;
  scratch[1] = controls.indexOf(batch.control);
  scratch[2] = (batch.purchase ? PURCHASE_GROUP : 0) | (batch.visitor ? VISITOR_GROUP : 0) | (batch.identity ? IDENTITY_GROUP : 0) |
    (batch.properties ? PROPERTIES_GROUP : 0);
  scratch[3] = lane.length;
  view.setUint32(8, count, true);
  view.setUint32(12, wordCount, true);
  view.setFloat64(OFFSET_AT, 0, true);
  view.setFloat64(ARRIVAL_AT, 0, true);
  view.setFloat64(BYTES_BEFORE_AT, 0, true);
  view.setUint32(32, batch.partition, true);
  let at = HEADER_BYTES;
  scratch.set(lane, at);
  at += lane.length;
  const wordsAt = at + 2 * wordCount;
  at = putIds(at + 2 * words.length, putWords(at, wordsAt, words), eventIds);
  view.setUint32(36, at - wordsAt, true);
  at = putBytes(out, at, batch.kind, count);
  at = putF64(out, at, batch.eventTime, count);
  at = putU32(out, at, batch.session, count, false);
  at = putU32(out, at, batch.item, count, false);
  at = putU32(out, at, batch.category, count, true);
  if (batch.purchase) {
    at = putF64(out, at, batch.purchase.price, count);
    at = putF64(out, at, batch.purchase.quantity, count);
    at = putU32(out, at, batch.purchase.orderId, count, true);
    at = putU32(out, at, batch.purchase.currency, count, true);
  }
  if (batch.visitor) {
    for (const name of visitorTexts) at = putU32(out, at, batch.visitor[name], count, true);
  }
  if (batch.identity) {
    at = putU32(out, at, batch.identity.source, count, true);
    at = putF64(out, at, batch.identity.row, count);
    at = putU32(out, at, idCodes(batch.identity, count, words.length, eventIds), count, false);
  }
  if (batch.properties) at = putU32(out, at, batch.properties, count, true);
  return scratch.slice(0, at);
}

/** In place of event ids where there are none. */
const noIds = new IdTexts(0);
let idColumn = new Uint32Array(0);

/** The codes of event ids as they are stored, where event ids are words behind the others. Valid until the next call. */
function idCodes({ eventId }: IdentityColumns, count: number, words: number, { count: ids }: IdTexts): Uint32Array {
  if (ids === 0) return eventId;
  if (idColumn.length < count) idColumn = new Uint32Array(2 * count);
  for (let row = 0; row < count; row++) {
    // Signed, event ids are between words and none, which is -1.
    const code = eventId[row] | 0;
    idColumn[row] = code < -1 && code >= FIRST_ID_SIGNED ? FIRST_WORD + words + (code & ID_PLACES) : code;
  }
  return idColumn;
}

/** Writes the lengths of event ids and the event ids; returns the end of these. */
function putIds(lengthAt: number, at: number, { count, ends, bytes, end }: IdTexts): number {
  for (let place = 0, before = 0; place < count; place++, lengthAt += 2) {
    const length = ends[place] - before;
    assert(length < WORD_BYTES, "a word has fewer than 65,536 bytes");
    view.setUint16(lengthAt, length, true);
    before = ends[place];
  }
  scratch.set(bytes.subarray(0, end), at);
  return at + end;
}

/** Writes the lengths of words to `lengthAt` and on, and the words to `at` and on; returns the end of these. */
function putWords(lengthAt: number, at: number, words: readonly string[]): number {
  let chars = 0;
  if (words.length >= WORDS_TOGETHER) {
    for (let i = 0; i < words.length; i++) {
      const { length } = words[i];
      view.setUint16(lengthAt + 2 * i, length, true);
      chars += length;
    }
    // As many bytes as characters: they are ASCII.
    const { written } = encoder.encodeInto(words.join(""), scratch.subarray(at));
    if (written === chars && words.every(({ length }) => length < WORD_BYTES)) return at + written;
  }
  for (const word of words) {
    const written = putText(at, word);
    assert(written < WORD_BYTES, "a word has fewer than 65,536 bytes");
    view.setUint16(lengthAt, written, true);
    lengthAt += 2;
    at += written;
  }
  return at;
}

/** Words from which on they are written in one go, if they are ASCII. */
const WORDS_TOGETHER = 16;

/** Characters of a word that is tried as ASCII first: for the short ones the encoder is dear. */
const SHORT_CHARS = 48;

/** Writes a text as UTF-8 and returns its bytes. */
function putText(at: number, text: string): number {
  const { length } = text;
  let i = 0;
  if (length <= SHORT_CHARS) {
    for (; i < length; i++) {
      const char = text.charCodeAt(i);
      if (char > 0x7f) break;
      scratch[at + i] = char;
    }
    if (i === length) return length;
  }
  return encoder.encodeInto(text, scratch.subarray(at)).written;
}

/** Writes a batch's place in the log into its encoded bytes, and the checksum over the whole. */
export function seal(bytes: Uint8Array, firstOffset: number, arrival: number, bytesBefore = 0): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setFloat64(OFFSET_AT, firstOffset, true);
  view.setFloat64(ARRIVAL_AT, arrival, true);
  view.setFloat64(BYTES_BEFORE_AT, bytesBefore, true);
  view.setUint32(CHECKSUM_AT, checksum(bytes), true);
}

function checksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(CHECKSUM_AT + 4), crc32(bytes.subarray(0, CHECKSUM_AT)));
}

/** Where an encoded batch stands in its log. bytesBefore: bytes of the partition's batches before it, trimmed ones too. */
export interface Place {
  readonly count: number;
  readonly firstOffset: number;
  readonly arrival: number;
  readonly bytesBefore: number;
}

/** Reads the place of an encoded batch without its columns. Throws as `decode`. */
export function placeOf(bytes: Uint8Array): Place {
  const view = checkedView(bytes);
  return {
    count: view.getUint32(8, true),
    firstOffset: view.getFloat64(OFFSET_AT, true),
    arrival: view.getFloat64(ARRIVAL_AT, true),
    bytesBefore: view.getFloat64(BYTES_BEFORE_AT, true),
  };
}

function checkedView(bytes: Uint8Array): DataView {
  if (bytes.length < HEADER_BYTES) {
    throw new GuardianError("corrupt", `Cannot read a batch: ${bytes.length} bytes are less than its header`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // First, as a damaged version is no newer one: every version has its checksum here.
  if (view.getUint32(CHECKSUM_AT, true) !== checksum(bytes)) {
    throw new GuardianError("corrupt", "Cannot read a batch: its checksum does not match");
  }
  if (bytes[0] > CODEC_VERSION) {
    throw new GuardianError("newer_format", `Cannot read a batch of version ${bytes[0]}: this program reads up to ${CODEC_VERSION}`);
  }
  return view;
}

/** Decodes what `encode` and `seal` made. Throws `corrupt` on damage and `newer_format` on a version to come. */
export function decode(bytes: Uint8Array): EventBatch {
  const view = checkedView(bytes);
  const count = view.getUint32(8, true), wordCount = view.getUint32(12, true), groups = bytes[2];
  let at = HEADER_BYTES;
  const lane = decoder.decode(bytes.subarray(at, at += bytes[3]));
  const wordsAt = at, wordBytes = view.getUint32(36, true);
  const source: ColumnIn = { bytes, view, at: wordsAt + 2 * wordCount + wordBytes };
  const kind = new Uint8Array(takeU32(source, count));
  const columns: Omit<EventBatch, "words"> = {
    control: controls[bytes[1]],
    lane,
    partition: view.getUint32(32, true),
    firstOffset: view.getFloat64(OFFSET_AT, true),
    arrival: view.getFloat64(ARRIVAL_AT, true),
    count,
    kind,
    eventTime: takeF64(source, count),
    session: takeU32(source, count),
    item: takeU32(source, count),
    category: takeU32(source, count),
    purchase: groups & PURCHASE_GROUP
      ? {
        price: takeF64(source, count),
        quantity: takeF64(source, count),
        orderId: takeU32(source, count),
        currency: takeU32(source, count),
      }
      : null,
    visitor: groups & VISITOR_GROUP
      ? {
        userId: takeU32(source, count),
        ip: takeU32(source, count),
        userAgent: takeU32(source, count),
        referrer: takeU32(source, count),
        platform: takeU32(source, count),
        page: takeU32(source, count),
      }
      : null,
    identity: groups & IDENTITY_GROUP
      ? { source: takeU32(source, count), row: takeF64(source, count), eventId: takeU32(source, count) }
      : null,
    properties: groups & PROPERTIES_GROUP ? takeU32(source, count) : null,
  };
  assert(source.at === bytes.length, "a batch is read to its end");
  const { identity } = columns, first = identity === null ? wordCount : firstId(columns, identity.eventId, wordCount);
  const idsAt = wordsAt + 2 * wordCount + endOf(view, wordsAt, first);
  return {
    ...columns,
    words: readWords(bytes, view, wordsAt, wordsAt + 2 * wordCount, first, idsAt),
    eventIds: first < wordCount ? readIds(bytes, view, wordsAt + 2 * first, wordCount - first, idsAt, identity!.eventId, first) : null,
  };
}

/** The first of the words from which on they are words of event ids alone; all of them where no event id is one of these. */
function firstId(columns: Omit<EventBatch, "words">, eventId: Uint32Array, wordCount: number): number {
  const { count, purchase, visitor, identity, properties } = columns;
  let most = FIRST_WORD - 1;
  const see = (column: Uint32Array) => {
    for (let row = 0; row < count; row++) if (column[row] > most && column[row] !== ABSENT) most = column[row];
  };
  see(eventId);
  if (most < FIRST_WORD) return wordCount;
  most = FIRST_WORD - 1;
  for (const column of [columns.session, columns.item, columns.category, identity!.source]) see(column);
  if (purchase !== null) [purchase.orderId, purchase.currency].forEach(see);
  if (visitor !== null) Object.values(visitor).forEach(see);
  if (properties !== null) see(properties);
  return most + 1 - FIRST_WORD;
}

/** Bytes of the first `count` words. */
function endOf(view: DataView, lengthAt: number, count: number): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += view.getUint16(lengthAt + 2 * i, true);
  return bytes;
}

/** The words from number `first` on as event ids, which share the batch's bytes; their codes in `eventId` become those of event ids. */
function readIds(
  bytes: Uint8Array,
  view: DataView,
  lengthAt: number,
  count: number,
  at: number,
  eventId: Uint32Array,
  first: number,
): IdTexts {
  const ends = new Uint32Array(count);
  let end = 0;
  for (let i = 0; i < count; i++) ends[i] = end += view.getUint16(lengthAt + 2 * i, true);
  const firstCode = FIRST_WORD + first, toIds = FIRST_ID - firstCode;
  for (let row = 0; row < eventId.length; row++) if (eventId[row] >= firstCode && eventId[row] !== ABSENT) eventId[row] += toIds;
  return IdTexts.within(bytes.subarray(at, at + end), ends);
}

/** `wordCount` words, which end at `end`. */
function readWords(bytes: Uint8Array, view: DataView, at: number, from: number, wordCount: number, end: number): string[] {
  const words: string[] = new Array(wordCount);
  // Words of ASCII alone are cut from one decoded text; else each is decoded by itself.
  const all = decoder.decode(bytes.subarray(from, end));
  const ascii = all.length === end - from;
  for (let i = 0, char = 0; i < wordCount; i++) {
    const length = view.getUint16(at + 2 * i, true);
    words[i] = ascii ? all.slice(char, char + length) : decoder.decode(bytes.subarray(from, from + length));
    char += length;
    from += length;
  }
  return words;
}
