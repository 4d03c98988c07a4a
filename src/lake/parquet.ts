// Writes rows of batches as one Parquet file: each column straight from the batches' own columns, no row ever an object.
// Its own writer because a part file has twenty columns of which most say the same in every row: handed to DuckDB they cost the same as
// any other, here next to nothing. What always holds: all columns optional, Snappy, UTC microseconds; every row group's numbers have ends.
// Source: apache/parquet-format, parquet.thrift.

import { createHash } from "node:crypto";
import type { EventBatch } from "../event/batch.ts";
import { kindNames } from "../event/kind.ts";
import type { InPieces } from "../pieces.ts";
import { inTurns, standBack } from "../turn.ts";
import { encodeIds, hasIdTexts } from "./encode_ids.ts";
import { encodeNumbers, type NumberShape, type NumbersOf } from "./encode_numbers.ts";
import { encodeTexts, type TextsOf } from "./encode_texts.ts";
import { Bytes, type EncodedColumn, PIECE_ROWS, PLAIN, RLE } from "./page.ts";
import type { Run } from "./gather.ts";
import { columnsOf, type Table } from "./schema.ts";
import { compress, compressedBytesMax } from "./snappy.ts";
import { type Fields, type Thrift, thriftBytes } from "./thrift.ts";

/** Rows of a row group, as DuckDB makes them. */
const ROW_GROUP_ROWS = 122_880;
/** Bytes that are hashed and written at a time. */
const WRITE_BYTES = 256 * 1024;
const MAGIC = new TextEncoder().encode("PAR1");

const INT32 = 1, INT64 = 2, BYTE_ARRAY = 6;
const OPTIONAL = 1, SNAPPY = 1;
const DATA_PAGE = 0, DICTIONARY_PAGE = 2;

/** What a DuckDB type is in Parquet: physical type, old and new logical type. */
const physical: Record<string, { type: number; converted: number; logical: Fields; scale?: number; precision?: number }> = {
  "VARCHAR": { type: BYTE_ARRAY, converted: 0, logical: [[1, { struct: [] }]] },
  "INTEGER": { type: INT32, converted: 17, logical: [[10, { struct: [[1, { i8: 32 }], [2, { flag: true }]] }]] },
  "BIGINT": { type: INT64, converted: 18, logical: [[10, { struct: [[1, { i8: 64 }], [2, { flag: true }]] }]] },
  "DECIMAL(18,4)": {
    type: INT64,
    converted: 5,
    logical: [[5, { struct: [[1, { i32: 4 }], [2, { i32: 18 }]] }]],
    scale: 4,
    precision: 18,
  },
  "TIMESTAMP WITH TIME ZONE": {
    type: INT64,
    converted: 10,
    logical: [[8, { struct: [[1, { flag: true }], [2, { struct: [[2, { struct: [] }]] }]] }]],
  },
};

const codes = (column: (batch: EventBatch) => Uint32Array | null | undefined): TextsOf => (batch) => {
  const values = column(batch);
  return values === null || values === undefined ? undefined : { codes: values, words: batch.words };
};

const textColumns: Record<string, TextsOf> = {
  kind: (batch) => ({ codes: batch.kind, words: kindNames }),
  session_id: codes((batch) => batch.session),
  item_id: codes((batch) => batch.item),
  category: codes((batch) => batch.category),
  order_id: codes((batch) => batch.purchase?.orderId),
  currency: codes((batch) => batch.purchase?.currency),
  event_id: codes((batch) => batch.identity?.eventId),
  user_id: codes((batch) => batch.visitor?.userId),
  ip: codes((batch) => batch.visitor?.ip),
  user_agent: codes((batch) => batch.visitor?.userAgent),
  referrer: codes((batch) => batch.visitor?.referrer),
  platform: codes((batch) => batch.visitor?.platform),
  page: codes((batch) => batch.visitor?.page),
  properties: codes((batch) => batch.properties),
  _lane: (batch) => batch.lane,
  _source: codes((batch) => batch.identity?.source),
};

const whole: NumberShape = { scale: 1, bytes: 8, absent: NaN, counting: false };
const time: NumberShape = { ...whole, scale: 1000 };
const numberColumns: Record<string, [NumbersOf, NumberShape]> = {
  timestamp: [(batch) => batch.eventTime, time],
  price: [(batch) => batch.purchase?.price, whole],
  quantity: [(batch) => batch.purchase?.quantity, whole],
  _partition: [(batch) => batch.partition, { ...whole, bytes: 4 }],
  _offset: [(batch) => batch.firstOffset, { ...whole, counting: true }],
  _arrival: [(batch) => batch.arrival, time],
  _row: [(batch) => batch.identity?.row, { ...whole, absent: -1 }],
};

/** What was written. */
export interface WrittenFile {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  /** Least and largest event time, ms since the epoch. */
  readonly minTime: number;
  readonly maxTime: number;
}

/** Buffers for row groups, one for each file that is written at a time. */
const spareBytes: Bytes[] = [];

/** Writes the rows of `runs` (at least one) to a new file at `path`, and syncs it. */
export async function writeParquet(path: string, table: Table, runs: readonly Run[]): Promise<WrittenFile> {
  const file = new HashedFile(await Deno.open(path, { write: true, create: true, truncate: true }));
  const pages = spareBytes.pop() ?? new Bytes();
  try {
    await file.write(MAGIC);
    const rowGroups: Thrift[] = [];
    let rows = 0, minTime = Infinity, maxTime = -Infinity;
    for (const { runs: some, rows: count } of rowGroupsOf(runs)) {
      const start = file.bytes;
      const { meta, least, most } = await inTurn(() => inTurns(encodeRowGroup(start, pages, table, some, count), standBack));
      await file.write(pages.done());
      rowGroups.push(meta);
      rows += count;
      minTime = Math.min(minTime, least);
      maxTime = Math.max(maxTime, most);
    }
    const footer = footerOf(table, rows, rowGroups);
    const length = Uint8Array.of(footer.length, footer.length >>> 8, footer.length >>> 16, footer.length >>> 24);
    await file.write(joined([footer, length, MAGIC]));
    await file.sync();
    return { ...file.sum(), minTime, maxTime };
  } finally {
    spareBytes.push(pages);
    file.close();
  }
}

/** What is encoded last: one row group at a time, as encoding uses shared buffers and gives way in the middle. */
let encoding: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = encoding.then(work);
  encoding = done.catch(() => {});
  return done;
}

class HashedFile {
  bytes = 0;
  readonly #hash = createHash("sha256");

  constructor(private readonly file: Deno.FsFile) {}

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0, hashed = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + WRITE_BYTES);
      if (at === hashed) this.#hash.update(piece);
      hashed = Math.max(hashed, at + piece.length);
      at += await this.file.write(piece);
    }
    this.bytes += bytes.length;
  }

  async sync(): Promise<void> {
    await this.file.sync();
  }

  sum(): { bytes: number; sha256: string } {
    return { bytes: this.bytes, sha256: this.#hash.digest("hex") };
  }

  close(): void {
    this.file.close();
  }
}

/** Runs of at most a piece, in row groups. */
function* rowGroupsOf(runs: readonly Run[]): Generator<{ runs: Run[]; rows: number }> {
  let group: Run[] = [], rows = 0;
  for (const { batch, from, to } of runs) {
    for (let at = from; at < to;) {
      const stop = Math.min(to, at + PIECE_ROWS, at + ROW_GROUP_ROWS - rows);
      group.push({ batch, from: at, to: stop });
      rows += stop - at;
      at = stop;
      if (rows < ROW_GROUP_ROWS) continue;
      yield { runs: group, rows };
      group = [];
      rows = 0;
    }
  }
  if (rows > 0) yield { runs: group, rows };
}

interface EncodedGroup {
  readonly meta: Thrift;
  /** Ends of event time, ms since the epoch. */
  readonly least: number;
  readonly most: number;
}

/** Encodes a row group, which is to begin at byte `start` of its file, into `pages`. */
function* encodeRowGroup(start: number, pages: Bytes, table: Table, runs: readonly Run[], rows: number): InPieces<EncodedGroup> {
  const chunks: Thrift[] = [];
  let bytes = 0, least = Infinity, most = -Infinity;
  pages.length = 0;
  for (const [name, type] of columnsOf[table]) {
    const column = yield* name === "event_id" && hasIdTexts(runs)
      ? encodeIds(runs, rows)
      : name in textColumns
      ? encodeTexts(runs, rows, textColumns[name])
      : encodeNumbers(runs, rows, ...numberColumns[name]);
    if (name === "timestamp") {
      least = Number(column.least! / 1000n);
      most = Number(column.most! / 1000n);
    }
    const at = start + pages.length, chunk = yield* putPages(pages, column, rows);
    chunks.push(chunkMeta(name, type, column, rows, at, chunk));
    bytes += chunk.plainBytes;
    yield;
  }
  const meta: Thrift = {
    struct: [[1, { list: chunks }], [2, { i64: bytes }], [3, { i64: rows }], [5, { i64: start }], [6, { i64: pages.length }]],
  };
  return { meta, least, most };
}

interface Pages {
  readonly bytes: number;
  /** Bytes of headers and pages before compression. */
  readonly plainBytes: number;
  readonly dictionaryBytes: number;
}

/** Adds the pages of a column, compressed. */
function* putPages(pages: Bytes, column: EncodedColumn, rows: number): InPieces<Pages> {
  const { dictionary, data, encoding } = column;
  const start = pages.length;
  let plainBytes = 0;
  function* add(type: number, plain: Uint8Array, header: Fields): InPieces<void> {
    const body = yield* compressed(plain);
    const head = thriftBytes([[1, { i32: type }], [2, { i32: plain.length }], [3, { i32: body.length }], ...header]);
    pages.put(head);
    pages.put(body);
    plainBytes += head.length + plain.length;
  }
  if (dictionary !== null) {
    yield* add(DICTIONARY_PAGE, dictionary.bytes, [[7, { struct: [[1, { i32: dictionary.count }], [2, { i32: PLAIN }]] }]]);
  }
  const dictionaryBytes = pages.length - start;
  yield* add(DATA_PAGE, data, [[5, { struct: [[1, { i32: rows }], [2, { i32: encoding }], [3, { i32: RLE }], [4, { i32: RLE }]] }]]);
  return { bytes: pages.length - start, plainBytes, dictionaryBytes };
}

let room = new Uint8Array(1 << 16);

/** Compressed bytes; valid until the next call. */
function* compressed(plain: Uint8Array): InPieces<Uint8Array> {
  const most = compressedBytesMax(plain.length);
  if (room.length < most) room = new Uint8Array(2 * most);
  return room.subarray(0, yield* compress(plain, room, 0));
}

function chunkMeta(name: string, type: string, column: EncodedColumn, rows: number, at: number, pages: Pages): Thrift {
  const { dictionary, encoding, nulls, least, most } = column;
  const end = (value: bigint | null): Thrift | undefined =>
    value === null ? undefined : { binary: littleEndian(value, physical[type].type === INT32 ? 4 : 8) };
  const encodings = [RLE, encoding, ...dictionary === null ? [] : [PLAIN]].map((i32) => ({ i32 }));
  const meta: Fields = [
    [1, { i32: physical[type].type }],
    [2, { list: encodings }],
    [3, { list: [{ binary: name }] }],
    [4, { i32: SNAPPY }],
    [5, { i64: rows }],
    [6, { i64: pages.plainBytes }],
    [7, { i64: pages.bytes }],
    [9, { i64: at + pages.dictionaryBytes }],
    [11, dictionary === null ? undefined : { i64: at }],
    [12, { struct: [[3, { i64: nulls }], [5, end(most)], [6, end(least)]] }],
  ];
  return { struct: [[2, { i64: at }], [3, { struct: meta }]] };
}

function footerOf(table: Table, rows: number, rowGroups: readonly Thrift[]): Uint8Array {
  const columns = columnsOf[table].map(([name, type]): Thrift => {
    const { type: stored, converted, logical, scale, precision } = physical[type];
    return {
      struct: [
        [1, { i32: stored }],
        [3, { i32: OPTIONAL }],
        [4, { binary: name }],
        [6, { i32: converted }],
        [7, scale === undefined ? undefined : { i32: scale }],
        [8, precision === undefined ? undefined : { i32: precision }],
        [10, { struct: logical }],
      ],
    };
  });
  const root: Thrift = { struct: [[4, { binary: "schema" }], [5, { i32: columns.length }]] };
  const byType: Thrift = { struct: [[1, { struct: [] }]] };
  return thriftBytes([
    [1, { i32: 1 }],
    [2, { list: [root, ...columns] }],
    [3, { i64: rows }],
    [4, { list: rowGroups }],
    [6, { binary: "clickstream-guardian" }],
    [7, { list: columns.map(() => byType) }],
  ]);
}

function littleEndian(value: bigint, bytes: number): Uint8Array {
  const whole = new Uint8Array(8);
  new DataView(whole.buffer).setBigInt64(0, value, true);
  return whole.subarray(0, bytes);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
