import assert from "node:assert/strict";
import { limits } from "../../src/limits.ts";
import { orderedRows, type OrderOptions } from "../../src/source/ordered.ts";
import { timeOrder } from "../../src/source/order.ts";
import { prescan } from "../../src/source/prescan.ts";
import { Random, readAll, realFile, type Row, rowsOf, TestFolder } from "./files.ts";

const T = Date.UTC(2014, 3, 7, 10);

function inOrder(path: string, options: OrderOptions = {}): { rows: Row[]; rejectedLines: number[]; heldMax: number } {
  const rows: Row[] = [], rejectedLines: number[] = [];
  let heldMax = 0;
  for (const chunk of orderedRows(prescan(path), { ...options, onHeld: (held) => heldMax = Math.max(heldMax, held) })) {
    assert.equal(chunk.firstRow, rows.length);
    rows.push(...rowsOf(chunk.columns));
    rejectedLines.push(...chunk.rejects.map(({ line }) => line));
  }
  return { rows, rejectedLines, heldMax };
}

/** What the order has to be: a stable sort of all rows. */
function expectedOf(path: string): { rows: Row[]; rejectedLines: number[] } {
  const { rows, rejects } = readAll(path);
  return { rows: rows.sort((a, b) => a.time - b.time), rejectedLines: rejects.map(({ line }) => line) };
}

/** The item numbers the lines, so that rows of one time can be told apart. */
function content(times: number[], random: Random, kind: "clicks" | "buys", session: (at: number) => string): string {
  return times.map((time, at) => {
    const bad = random.below(100) === 0 ? "x" : "";
    const rest = kind === "clicks" ? random.pick(["S", "0", "2089028791", "brand"]) : `${random.below(100)}.5,1`;
    return `${session(at)},${new Date(time).toISOString()}${bad},${at},${rest}\n`;
  }).join("");
}

/** Shapes of disorder, by the times of their rows. */
const shapes: Record<string, (count: number, random: Random) => number[]> = {
  "in order": (count) => Array.from({ length: count }, (_, at) => T + at * 100),
  "all at one time": (count) => Array.from({ length: count }, () => T),
  "slightly late": (count, random) =>
    Array.from({ length: count }, (_, at) => T + at * 100 - (random.below(50) === 0 ? random.below(8000) : 0)),
  "some ahead": (count, random) =>
    Array.from({ length: count }, (_, at) => T + at * 100 + (random.below(50) === 0 ? random.below(50_000) : 0)),
  "many ties": (count, random) => Array.from({ length: count }, (_, at) => T + Math.floor(at / 40) * 1000 - 1000 * random.below(5)),
  "at random": (count, random) => Array.from({ length: count }, () => T + random.below(1_000_000_000)),
  "backwards": (count) => Array.from({ length: count }, (_, at) => T - at * 1000),
  "a run and its repetition": (count) => Array.from({ length: count }, (_, at) => T + (at % (count / 2)) * 1000),
  "years apart": (count, random) => Array.from({ length: count }, () => random.below(2) * 200_000_000_000_000 + 1e12 + random.below(1e9)),
};

const ways: Record<string, OrderOptions> = {
  "all limits as they are": {},
  "little memory": { sortRowsMax: 96, chunkRejectsMax: 1 },
  "the least memory": { sortRowsMax: 8 },
  "little memory, all sorted": { sortRowsMax: 200, reorderMs: -1 },
  "little memory, all carried": { sortRowsMax: 64, reorderMs: Infinity },
};

for (const [shape, timesOf] of Object.entries(shapes)) {
  Deno.test(`ordered rows are those of a stable sort on every way when rows are ${shape}`, () => {
    using folder = new TestFolder();
    const random = new Random();
    for (const count of [1, 2, 50, 400, 3000]) {
      const kind = random.pick(["clicks", "buys"] as const), texts = random.below(2) === 1;
      const times = timesOf(count, random);
      const path = folder.file(
        content(times, random, kind, (at) => texts ? `visitor-${at % 300}` : String(at % 300)) +
          `1,${new Date(T).toISOString()},last,1${kind === "buys" ? ",1" : ""}`,
        "shape.csv",
      );
      const expected = expectedOf(path);
      for (const [way, options] of Object.entries(ways)) {
        const { rows, rejectedLines, heldMax } = inOrder(path, { ...options, spillFolder: folder.path });
        assert.deepEqual({ rows, rejectedLines }, expected, way);
        assert.ok(heldMax <= (options.sortRowsMax ?? limits.sortRowsMax), `${way} held ${heldMax} rows`);
        assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["shape.csv"], `${way} left a file behind`);
      }
    }
  });
}

Deno.test("ordered rows hold no more than the limit in memory at the limit -1, 0, +1 of what one sort takes", () => {
  using folder = new TestFolder();
  const random = new Random();
  // Of 80 rows that may be held, 70 can be sorted at once.
  for (const count of [69, 70, 71, 79, 80, 81, 700]) {
    const path = folder.file(content(shapes["at random"](count, random), random, "clicks", String), "random.csv");
    const { rows, rejectedLines, heldMax } = inOrder(path, { sortRowsMax: 80, spillFolder: folder.path });
    assert.deepEqual({ rows, rejectedLines }, expectedOf(path));
    assert.ok(heldMax <= 80);
  }
});

Deno.test("ordered rows take a file displaced by up to 60 s without a sort on disk at the limit -1, 0, and sort it at +1", () => {
  using folder = new TestFolder();
  for (const over of [-1, 0, 1]) {
    const late = T + 3_600_000 - limits.reorderMs - over;
    const times = [...shapes["in order"](4000, new Random(1)), T + 3_600_000, late];
    const path = folder.file(content(times, new Random(1), "clicks", String), "late.csv");
    const spill = `${folder.path}/missing`;
    const run = () => inOrder(path, { sortRowsMax: 3000, spillFolder: spill });
    if (over === 1) assert.throws(run, { code: "folder_unusable" });
    else assert.equal(run().rows.at(-1)!.time, T + 3_600_000);
  }
});

Deno.test("ordered rows delete what they spilled when the reader stops early or fails", () => {
  using folder = new TestFolder();
  const random = new Random();
  const path = folder.file(content(shapes["at random"](2000, random), random, "clicks", String), "random.csv");
  let seen = 0;
  for (const { columns } of orderedRows(prescan(path), { sortRowsMax: 100, spillFolder: folder.path })) {
    if (columns.count > 0 && ++seen === 2) break;
  }
  assert.equal(seen, 2);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["random.csv"]);
});

Deno.test("ordered rows come in chunks with few rejects when a file is full of them", () => {
  using folder = new TestFolder();
  const path = folder.file(`1,${new Date(T).toISOString()},5,0\n` + "bad\n".repeat(1000));
  const sizes = [...orderedRows(prescan(path))].map(({ rejects }) => rejects.length);
  assert.equal(Math.max(...sizes), 128);
  assert.equal(sizes.reduce((a, b) => a + b), 1000);
});

Deno.test("ordered rows fail when the file changed since it was scanned", () => {
  using folder = new TestFolder();
  const row = (time: number) => `1,${new Date(time).toISOString()},5,0\n`;
  const path = folder.file(row(T) + row(T + 1000), "file.csv");
  const scanned = prescan(path);
  for (const content of [row(T), row(T) + row(T + 1000) + row(T + 2000), row(T + 1000) + row(T), ""]) {
    folder.file(content, "file.csv");
    assert.throws(() => [...orderedRows(scanned)], { code: "input_unreadable", message: /changed while it was read/ });
  }
});

Deno.test("time order is none when times ascend, and drops a single time that is far ahead instead of all that follow", () => {
  assert.equal(timeOrder(new Float64Array([1, 1, 2, 3]), 4), null);
  assert.equal(timeOrder(new Float64Array([]), 0), null);
  assert.equal(timeOrder(new Float64Array([5, 4]), 1), null);
  assert.deepEqual([...timeOrder(new Float64Array([1, 9, 2, 3, 9, 4]), 6)!], [0, 2, 3, 5, 1, 4]);
});

for (const name of ["clicks-head-1000.dat", "clicks-2014-09-raw.dat"]) {
  Deno.test(`ordered rows of the real file ${name} are those of a stable sort`, () => {
    const path = realFile(name);
    if (path === null) return;
    const expected = expectedOf(path);
    for (const options of [{}, { sortRowsMax: 100 }]) {
      const { rows, rejectedLines } = inOrder(path, options);
      assert.deepEqual({ rows, rejectedLines }, expected);
    }
  });
}
