// The lake: every event as Parquet, by table and UTC hour, listed in a manifest. This is the folder's face.

export { Archiver, type ArchiverOptions, type ArchiverState } from "./archiver.ts";
export { type Compacted, compactLake, type CompactOptions, deleteRetired } from "./compact.ts";
export { Duck, type DuckOptions, literal, type Row } from "./duckdb.ts";
export { hold } from "./hold.ts";
export {
  allParts,
  changeManifest,
  type Day,
  type DayParts,
  entriesOf,
  type Manifest,
  readManifest,
  readRoot,
  type Root,
  type Totals,
} from "./manifest.ts";
export { hasSize, isWhole, type OffsetSpan, type Part } from "./part.ts";
export { lakeRows } from "./rows.ts";
export { readSessionEvents, type SessionEvent, type SessionEvents, type SessionQuery, type SessionSource } from "./session_events.ts";
export { columnsOf, hourOf, type Table, tables } from "./schema.ts";
export { selectParts, TABLES_FILE, writeTables } from "./tables.ts";
export { type Finding, type Verified, verifyLake, type VerifyOptions } from "./verify.ts";
