// What a data folder's lake holds, as plain rows, read through the files that its manifest lists.

import { paths } from "../../src/folder.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import { Duck, lakeRows, readManifest, type Table } from "../../src/lake/mod.ts";

/** Every row of a table as a line of text without the columns that say how it got there; sorted. */
export async function lakeLines(data: string, table: Table): Promise<string[]> {
  const kv = sealedKv(await Deno.openKv(paths.state(data)));
  const duck = await Duck.open({ lakeFolder: paths.lake(data), name: "test" });
  try {
    const lines: string[] = [];
    for await (const rows of lakeRows(duck, await readManifest(kv), table)) {
      for (const row of rows) {
        const plain = Object.entries(row).filter(([name]) => !name.startsWith("_"));
        lines.push(plain.map(([name, value]) => `${name}=${value instanceof Date ? value.toISOString() : value}`).join(" "));
      }
    }
    return lines.sort();
  } finally {
    duck.close();
    kv.close();
  }
}
