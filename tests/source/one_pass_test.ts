import assert from "node:assert/strict";
import { type OnePassOptions, rowsInOnePass } from "../../src/source/one_pass.ts";
import { orderedRows } from "../../src/source/ordered.ts";
import { type Prescan, prescan } from "../../src/source/prescan.ts";
import { Random, type Row, rowsOf, TestFolder } from "./files.ts";

const T = Date.UTC(2014, 3, 7, 10);

interface Read {
  readonly file: Prescan | null;
  readonly rows: Row[];
  readonly rejected: number[];
}

function once(path: string, options: OnePassOptions = {}): Read {
  const rows: Row[] = [], rejected: number[] = [], chunks = rowsInOnePass(path, options);
  for (let next = chunks.next();; next = chunks.next()) {
    if (next.done) return { file: next.value, rows, rejected };
    const { firstRow, columns, rejects, linesRead } = next.value;
    assert.equal(firstRow, rows.length);
    rows.push(...rowsOf(columns));
    rejected.push(...rejects.map(({ line }) => line));
    assert.ok(linesRead >= rows.length + rejected.length);
  }
}

function twice(path: string): Read {
  const file = prescan(path), rows: Row[] = [], rejected: number[] = [];
  for (const { columns, rejects } of orderedRows(file)) {
    rows.push(...rowsOf(columns));
    rejected.push(...rejects.map(({ line }) => line));
  }
  return { file, rows, rejected };
}

/** Rows a tenth of a second apart, each up to `behindMs` behind its place. A hundredth of the lines is no event. */
function content(count: number, behindMs: number, random: Random, form: "clicks" | "buys" | "ndjson"): string {
  const sessions = random.pick([5, 300, 1_000_000]), texts = random.below(2) === 1;
  return Array.from({ length: count }, (_, at) => {
    const time = T + at * 100 - (random.below(10) === 0 ? random.below(behindMs + 1) : 0), bad = random.below(100) === 0 ? "x" : "";
    const session = texts ? `visitor-${random.below(sessions)}` : String(1 + random.below(sessions));
    const iso = new Date(time).toISOString() + bad;
    if (form === "ndjson") return `{"session_id":"${session}","timestamp":"${iso}","item_id":${at},"category":"c${at % 3}"}\n`;
    return `${session},${iso},${at},${form === "clicks" ? random.pick(["S", "0", "7", "", "brand", "2089028791"]) : `${at % 9}.5,1`}\n`;
  }).join("");
}

for (const form of ["clicks", "buys", "ndjson"] as const) {
  Deno.test(`one pass gives the rows, rejects and figures of two passes when a file of ${form} is nearly in order`, () => {
    using folder = new TestFolder();
    const random = new Random();
    for (const count of [1, 2, 100, 3000]) {
      for (const behindMs of [0, 1, 8000, 60_000]) {
        const path = folder.file(content(count, behindMs, random, form) + content(1, 0, random, form).trimEnd());
        const expected = twice(path);
        if (expected.file!.displacementMs > 60_000) continue;
        for (const options of [{}, { chunkRowsMax: 64 }, { chunkRowsMax: 1, sortRowsMax: 8192 }]) {
          assert.deepEqual(once(path, options), expected);
        }
      }
    }
  });
}

Deno.test("one pass gives up when a row is further behind than the reorder buffer mends, by the limit -1, 0, +1", () => {
  using folder = new TestFolder();
  for (const beyond of [-1, 0, 1]) {
    const times = [0, 100_000, 100_000 - 60_000 - beyond, 200_000].map((ms) => new Date(T + ms).toISOString());
    const path = folder.file(times.map((time, at) => `1,${time},${at + 1},S\n`).join(""));
    const { file, rows } = once(path, { chunkRowsMax: 1 });
    if (beyond > 0) assert.equal(file, null);
    else assert.deepEqual({ file, rows, rejected: [] }, twice(path));
  }
});

Deno.test("one pass gives up when more rows may still be preceded than fit in memory", () => {
  using folder = new TestFolder();
  const path = folder.file(content(3000, 0, new Random(), "clicks"));
  assert.equal(once(path, { sortRowsMax: 1024, chunkRowsMax: 64 }).file, null);
  assert.notEqual(once(path, { sortRowsMax: 4096, chunkRowsMax: 64 }).file, null);
});

Deno.test("one pass takes an empty file, and refuses one without a good line as two passes do", () => {
  using folder = new TestFolder();
  const empty = folder.file(""), bad = folder.file("a line\nand another\n");
  assert.deepEqual(once(empty), twice(empty));
  let refusal: unknown;
  try {
    prescan(bad);
  } catch (failure) {
    refusal = failure;
  }
  assert.throws(() => once(bad), refusal as Error);
});
