import assert from "node:assert/strict";
import { entryOf, readEntries, thisMachine, withEntries, writeEntries } from "../../bench/results.ts";

const machine = thisMachine();
const entry = (at: number) => entryOf([{ name: "waits", values: { p50Ms: 1.23456 } }], "deno task bench waits", machine, at);

Deno.test("results have what figures are compared by when a benchmark told events, seconds and CPU seconds", () => {
  const told = [{ name: "replay", events: 2_000_000, wallS: 4, cpuS: 3, peakMib: 99, values: { p99Ms: 12.3456789 } }];
  const { figures, at, command } = entryOf(told, "deno task bench replay", machine, 0);
  const [{ name, ...rest }] = figures as Record<string, unknown>[];
  assert.deepEqual([name, at, command], ["replay", "1970-01-01T00:00:00.000Z", "deno task bench replay"]);
  const want = { events: 2_000_000, wallS: 4, cpuS: 3, eventsPerS: 500_000, cpuSPerMillion: 1.5, peakMib: 99, p99Ms: 12.35 };
  assert.deepEqual(rest, want);
});

Deno.test("results keep the entries of other benchmarks when one is measured again", () => {
  const before = { gone: entry(1), http: entry(1), engine: entry(1) };
  const after = withEntries(before, { http: entry(2) }, ["engine", "http", "days"]);
  assert.deepEqual(Object.keys(after), ["engine", "http"]);
  assert.deepEqual([after.engine, after.http], [entry(1), entry(2)]);
});

Deno.test("results are read as they were written, and as none when there is no file or an old list", async () => {
  const path = new URL(`file://${await Deno.makeTempFile()}`);
  await writeEntries(path, { engine: entry(3) });
  assert.deepEqual(await readEntries(path), { engine: entry(3) });
  await Deno.writeTextFile(path, "[]");
  assert.deepEqual(await readEntries(path), {});
  await Deno.remove(path);
  assert.deepEqual(await readEntries(path), {});
});
