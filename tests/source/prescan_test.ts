import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { BUYS, CLICKS } from "../../src/source/layout.ts";
import { prescan, sourceId } from "../../src/source/prescan.ts";
import { Random, TestFolder } from "./files.ts";

const line = (time: number, rest = "5,0") => `1,${new Date(time).toISOString()},${rest}`;
const T = Date.UTC(2014, 3, 7, 10);

Deno.test("prescan tells hash, size, rows, refused lines, layout, bounds and displacement of a file", () => {
  using folder = new TestFolder();
  const content = ["header,of,four,names", line(T + 5000), line(T), "bad", line(T + 9000), line(T + 2000), line(T + 9000)].join("\n");
  assert.deepEqual(prescan(folder.file(content, "some.csv")), {
    path: `${folder.path}/some.csv`,
    name: "some.csv",
    sha256: createHash("sha256").update(content).digest("hex"),
    bytes: content.length,
    layout: CLICKS,
    rows: 5,
    rejected: 2,
    firstTime: T,
    lastTime: T + 9000,
    displacementMs: 7000,
  });
});

Deno.test("prescan knows buys by their five columns", () => {
  using folder = new TestFolder();
  const { layout, rows } = prescan(folder.file(`${line(T, "5,0,0")}\n`));
  assert.deepEqual([layout, rows], [BUYS, 1]);
});

Deno.test("prescan takes an empty file for one without rows", () => {
  using folder = new TestFolder();
  for (const content of ["", "\n\n"]) {
    const { layout, rows, rejected, firstTime, lastTime, displacementMs } = prescan(folder.file(content));
    assert.deepEqual([layout, rows, rejected, firstTime, lastTime, displacementMs], [null, 0, 0, NaN, NaN, 0]);
  }
});

Deno.test("prescan shows the first lines and the layouts when no line is good", () => {
  using folder = new TestFolder();
  const expected = { code: "input_unreadable", message: /line 1 is "\{}", line 2 is "second".*session, time, item, category/ };
  assert.throws(() => prescan(folder.file("{}\nsecond\n")), expected);
  assert.throws(() => prescan(folder.file("session_id,timestamp,item_id,category\n")), { code: "input_unreadable" });
});

Deno.test("prescan says what is wrong when there is no file, a folder, or no right to read", () => {
  using folder = new TestFolder();
  assert.throws(() => prescan(`${folder.path}/none`), { code: "input_unreadable", message: /no such file/ });
  assert.throws(() => prescan(folder.path), { code: "input_unreadable", message: /is a folder/ });
});

Deno.test("prescan refuses impossible columns", () => {
  using folder = new TestFolder();
  const path = folder.file("1\n");
  assert.throws(() => prescan(path, { indexes: { session: 0, timestamp: 0, item: 1 } }), { code: "usage" });
  assert.throws(() => prescan(path, { indexes: { session: 0, timestamp: -1, item: 1 } }), { code: "usage" });
  assert.throws(() => prescan(path, { indexes: { session: 0, timestamp: 1024, item: 1 } }), { code: "usage" });
  assert.throws(() => prescan(path, { indexes: { session: 0, timestamp: 1, item: 2, price: 3 } }), { code: "usage" });
});

Deno.test("prescan agrees with a recount on random files", () => {
  using folder = new TestFolder();
  const random = new Random();
  for (let round = 0; round < 30; round++) {
    const times = Array.from({ length: 1 + random.below(9000) }, (_, at) => T + at * 10 - random.below(random.pick([1, 1000, 1_000_000])));
    let newest = -Infinity, displacementMs = 0;
    for (const time of times) {
      newest = Math.max(newest, time);
      displacementMs = Math.max(displacementMs, newest - time);
    }
    const found = prescan(folder.file(times.map((time, at) => line(time, `item-${at},0`)).join("\n"), "random.csv"));
    assert.deepEqual(
      [found.rows, found.firstTime, found.lastTime, found.displacementMs],
      [times.length, times.reduce((a, b) => Math.min(a, b)), newest, displacementMs],
    );
  }
});

Deno.test("source id differs where bytes, layout or shift differ, and for nothing else", () => {
  const file = { sha256: "ab", layout: CLICKS };
  assert.equal(sourceId(file, 0), sourceId({ ...file, layout: { ...CLICKS } }, 0));
  assert.match(sourceId(file, 0), /^[0-9a-f]{64}$/);
  const ids = [sourceId(file, 0), sourceId(file, 1), sourceId({ ...file, sha256: "ac" }, 0), sourceId({ ...file, layout: BUYS }, 0)];
  assert.equal(new Set(ids).size, 4);
});
