// What a folder's lake must hold after a soak: in each hour of event time as many rows as were acknowledged, none of them twice, and no file
// that nothing lists.

import assert from "node:assert/strict";
import { join } from "node:path";
import { paths } from "../../src/folder.ts";
import { allParts, Duck, readManifest, selectParts, type Table, tables } from "../../src/lake/mod.ts";
import { sealedKv } from "../../src/store/sealed.ts";

const HOUR_MS = 3_600_000;

/** Rows of a table by hour of event time, those that are there twice, and the files that hold them. */
async function lakeOf(data: string, table: Table): Promise<{ hours: Map<number, number>; doubled: number; files: string[] }> {
  const kv = sealedKv(await Deno.openKv(paths.state(data))),
    duck = await Duck.open({ lakeFolder: paths.lake(data), name: "test" });
  try {
    const parts = allParts(await readManifest(kv)).filter((part) => part.table === table), hours = new Map<number, number>();
    let doubled = 0;
    for (const [hour, some] of Map.groupBy(parts, ({ dt, hour }) => Date.parse(dt) / HOUR_MS + hour)) {
      const [{ rows, different }] = await duck.rows(
        `SELECT count(*)::DOUBLE AS rows, count(DISTINCT (session_id, timestamp, item_id))::DOUBLE AS different
         FROM (${selectParts(some, table, paths.lake(data))})`,
      );
      hours.set(hour, rows as number);
      doubled += (rows as number) - (different as number);
    }
    return { hours, doubled, files: parts.map(({ file }) => file) };
  } finally {
    duck.close();
    kv.close();
  }
}

/** Files in the lake's tree, as the manifest names them. */
async function filesBelow(folder: string, path = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(folder, path))) {
    if (isDirectory) found.push(...await filesBelow(folder, `${path}${name}/`));
    else found.push(path + name);
  }
  return found;
}

/** Checks a folder that nobody has open. acknowledged: events by hour of event time. rows: of the whole lake, as the server told. */
export async function checkLake(data: string, acknowledged: ReadonlyMap<number, number>, rows: number): Promise<void> {
  const found = new Map<number, number>(), listed: string[] = [];
  for (const table of tables) {
    const { hours, doubled, files } = await lakeOf(data, table);
    assert.equal(doubled, 0, `${table} has events twice`);
    for (const [hour, count] of hours) found.set(hour, (found.get(hour) ?? 0) + count);
    listed.push(...files);
  }
  assert.equal([...found.values()].reduce((sum, count) => sum + count, 0), rows);
  assert.deepEqual([...found].sort(([a], [b]) => a - b), [...acknowledged].sort(([a], [b]) => a - b), "rows of each hour");
  const kv = sealedKv(await Deno.openKv(paths.state(data)));
  const retired: string[] = [];
  for await (const { value } of kv.list<{ files: string[] }>({ prefix: ["retired"] })) retired.push(...value.files);
  kv.close();
  const known = new Set([...listed, ...retired]), inTree = await filesBelow(paths.lake(data));
  const stray = inTree.filter((file) => !known.has(file) && !/^results\/|^tables\.sql$|^\.hold_\w+$/.test(file));
  assert.deepEqual(stray, [], "files that nothing lists");
  for (const file of listed) assert.ok(inTree.includes(file), file);
}
