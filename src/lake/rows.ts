// Reading the lake's rows back: through DuckDB, over the files that the manifest lists and no others.

import type { Duck, Row } from "./duckdb.ts";
import { allParts, type Manifest } from "./manifest.ts";
import type { Table } from "./schema.ts";
import { selectParts } from "./tables.ts";

/** The rows of a table in the order of partition and offset, in chunks of objects; times as Date, BIGINT as bigint, DECIMAL as a text. */
export async function* lakeRows(duck: Duck, manifest: Manifest, table: Table): AsyncGenerator<Row[]> {
  const parts = allParts(manifest).filter((part) => part.table === table);
  yield* duck.stream(`${selectParts(parts, table, duck.lakeFolder)} ORDER BY _partition, _offset`);
}
