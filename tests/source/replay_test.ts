import assert from "node:assert/strict";
import type { EventColumns } from "../../src/event/batch.ts";
import type { Reject } from "../../src/event/reject.ts";
import { limits } from "../../src/limits.ts";
import { prescan, sourceId } from "../../src/source/prescan.ts";
import { type Refused, replay, type ReplayOptions, type ReplayResult, type ReplaySink } from "../../src/source/replay.ts";
import { Random, readAll, type Row, rowsOf, TestFolder } from "./files.ts";

const T = Date.UTC(2014, 3, 7, 10);
const click = (time: number, item: string | number = 5) => `1,${new Date(time).toISOString()},${item},0\n`;
const buy = (time: number, item: string | number = 5) => `1,${new Date(time).toISOString()},${item},10,1\n`;

/** A clock that sleeping moves. */
class TestClock {
  ms = 1000;
  readonly sleeps: number[] = [];
  now = () => this.ms;
  monotonic = () => this.ms;
  sleep = (ms: number): Promise<void> => {
    this.sleeps.push(ms);
    this.ms += ms;
    return Promise.resolve();
  };
}

/** Keeps what it gets, and knows rows again by their ordinals. */
class TestSink implements ReplaySink {
  readonly rows = new Map<string, Row[]>();
  readonly steps: { wall: number; source: string; firstRow: number; rows: Row[] }[] = [];
  refused = 0;
  readonly rejects: { source: string; name: string; rejects: readonly Reject[] }[] = [];
  readonly ended: string[] = [];
  inFlight = 0;
  inFlightMax = 0;
  /** Called in each submit. */
  onSubmit: (() => void | Promise<void>) | null = null;

  constructor(readonly clock: TestClock) {}

  async submit(source: string, firstRow: number, columns: EventColumns): Promise<{ accepted: number; duplicates: number }> {
    this.inFlightMax = Math.max(this.inFlightMax, ++this.inFlight);
    const rows = rowsOf(columns);
    this.steps.push({ wall: this.clock.ms, source, firstRow, rows });
    const known = this.rows.get(source) ?? [];
    this.rows.set(source, known);
    const duplicates = Math.max(0, Math.min(rows.length, known.length - firstRow));
    assert.ok(firstRow <= known.length, "no row is left out");
    assert.deepEqual(rows.slice(0, duplicates), known.slice(firstRow, firstRow + duplicates));
    known.push(...rows.slice(duplicates));
    await this.onSubmit?.();
    this.inFlight--;
    return { accepted: rows.length - duplicates, duplicates };
  }

  reject(source: string, name: string, { first, rejects, beyond }: Refused): Promise<void> {
    // A file that is replayed again brings its refused lines from the first one on.
    assert.ok(first === 0 || first === this.refused, "refused lines are numbered");
    this.refused = first + rejects.length + beyond;
    this.rejects.push({ source, name, rejects });
    return Promise.resolve();
  }

  end(source: string): Promise<void> {
    assert.equal(this.inFlight, 0, "a source is ended behind its rows");
    this.ended.push(source);
    return Promise.resolve();
  }
}

function run(paths: string[], sink: TestSink, options: Partial<ReplayOptions> = {}): Promise<ReplayResult> {
  const { clock } = sink;
  return replay({ files: paths.map((path) => prescan(path)), sink, clock, sleep: clock.sleep, ...options });
}

function sorted(path: string): Row[] {
  return readAll(path).rows.sort((a, b) => a.time - b.time);
}

Deno.test("replay hands over all rows in order and ends the source", async () => {
  using folder = new TestFolder();
  const path = folder.file(click(T + 5) + "bad\n" + click(T) + click(T + 9), "a.csv");
  const sink = new TestSink(new TestClock()), source = sourceId(prescan(path), 0);
  assert.deepEqual(await run([path], sink), { events: 4, accepted: 3, duplicates: 0, rejected: 1, seconds: 0, finished: true });
  assert.deepEqual([...sink.rows], [[source, sorted(path)]]);
  assert.deepEqual(sink.rejects.map(({ source, name, rejects }) => [source, name, rejects.length]), [[source, "a.csv", 1]]);
  assert.deepEqual(sink.ended, [source]);
});

Deno.test("replay counts all as duplicates when a finished file is replayed again", async () => {
  using folder = new TestFolder();
  const path = folder.file(click(T) + click(T) + "bad\n");
  const sink = new TestSink(new TestClock());
  await run([path], sink);
  assert.deepEqual(await run([path], sink), { events: 3, accepted: 0, duplicates: 2, rejected: 1, seconds: 0, finished: true });
});

Deno.test("replay takes the first events of the whole input at maxEvents -1, 0, +1, and only ends what ended", async () => {
  using folder = new TestFolder();
  const clicks = folder.file(click(T, 1) + click(T + 2, 2) + click(T + 4, 3) + click(T + 6, 4));
  const buys = folder.file(buy(T + 1, "b1") + buy(T + 3, "b2") + buy(T + 5, "b3"));
  const items = ["1", "b1", "2", "b2", "3", "b3", "4"];
  for (let maxEvents = 0; maxEvents <= 8; maxEvents++) {
    const sink = new TestSink(new TestClock());
    const result = await run([clicks, buys], sink, { maxEvents });
    assert.equal(result.events, Math.min(maxEvents, 7));
    assert.equal(result.finished, maxEvents >= 7);
    assert.deepEqual([...sink.rows.values()].flat().map(({ item }) => item).sort(), items.slice(0, maxEvents).sort());
    assert.equal(sink.ended.length, maxEvents >= 7 ? 2 : maxEvents === 6 ? 1 : 0);
  }
});

Deno.test("replay counts refused lines towards maxEvents", async () => {
  using folder = new TestFolder();
  const path = folder.file(click(T) + "bad\n".repeat(5) + click(T + 1));
  for (const maxEvents of [3, 5, 6, 7]) {
    const sink = new TestSink(new TestClock());
    const { events, rejected, finished } = await run([path], sink, { maxEvents });
    assert.deepEqual([events, rejected, finished], [maxEvents, Math.min(maxEvents, 5), maxEvents === 7]);
  }
});

Deno.test("replay ends a source at its true end when the last lines of a file are refused", async () => {
  using folder = new TestFolder();
  const path = folder.file(click(T) + "bad\n".repeat(200));
  for (const maxEvents of [129, 200, 201, 202]) {
    const sink = new TestSink(new TestClock());
    const { events, finished } = await run([path], sink, { maxEvents });
    assert.deepEqual([events, finished, sink.ended.length], [Math.min(maxEvents, 201), maxEvents >= 201, maxEvents >= 201 ? 1 : 0]);
  }
});

Deno.test("replay is not finished when it is aborted behind the last row", async () => {
  using folder = new TestFolder();
  const sink = new TestSink(new TestClock()), stop = new AbortController();
  sink.onSubmit = () => stop.abort();
  const { finished, accepted } = await run([folder.file(click(T))], sink, { signal: stop.signal });
  assert.deepEqual([finished, accepted, sink.ended], [false, 1, []]);
});

Deno.test("replay goes on with the same rows when it was cut short", async () => {
  using folder = new TestFolder();
  const random = new Random();
  const path = folder.file(Array.from({ length: 3000 }, (_, at) => click(T + random.below(1_000_000_000), at)).join(""));
  const sink = new TestSink(new TestClock());
  for (const [maxEvents, sortRowsMax] of [[700, 100], [10, 4000], [1900, 64], [3000, 500]]) {
    await run([path], sink, { maxEvents, order: { sortRowsMax, spillFolder: folder.path } });
  }
  assert.deepEqual([...sink.rows.values()], [sorted(path)]);
});

Deno.test("replay merges files by time when their rows interleave", async () => {
  using folder = new TestFolder();
  const random = new Random();
  const times = (count: number) => Array.from({ length: count }, () => T + random.below(100_000)).sort((a, b) => a - b);
  const paths = [folder.file(times(2000).map((time) => click(time)).join("")), folder.file(times(100).map((time) => buy(time)).join(""))];
  const sink = new TestSink(new TestClock());
  const order = { chunkRowsMax: 50 };
  await run(paths, sink, { order });
  assert.deepEqual([...sink.rows.values()].map((rows) => rows.length).sort(), [100, 2000]);
  // No step begins after a later one ended before it, by more than one chunk of the denser file.
  let latest = -Infinity;
  for (const { rows } of sink.steps) {
    assert.ok(rows[0].time >= latest - 5000);
    latest = Math.max(latest, rows.at(-1)!.time);
  }
});

Deno.test("replay shifts event times, and the shift is part of the source", async () => {
  using folder = new TestFolder();
  const path = folder.file(click(T));
  const sink = new TestSink(new TestClock());
  await run([path], sink, { shiftMs: 86_400_000 });
  assert.deepEqual([...sink.rows].map(([source, [row]]) => [source, row.time]), [[sourceId(prescan(path), 86_400_000), T + 86_400_000]]);
  await assert.rejects(run([path], sink, { shiftMs: -1e12 }), { code: "usage" });
});

Deno.test("replay keeps two submits under way at the most", async () => {
  using folder = new TestFolder();
  const path = folder.file(Array.from({ length: 1000 }, (_, at) => click(T + at)).join(""));
  const sink = new TestSink(new TestClock());
  sink.onSubmit = () => new Promise((resolve) => setTimeout(resolve, 0));
  await run([path], sink, { order: { chunkRowsMax: 100 } });
  assert.equal(sink.inFlightMax, 2);
});

Deno.test("replay paces events by their time when it has a speed", async () => {
  using folder = new TestFolder();
  const path = folder.file(Array.from({ length: 600 }, (_, at) => click(T + at * 100)).join(""));
  const clock = new TestClock(), sink = new TestSink(clock);
  const { seconds } = await run([path], sink, { replaySpeed: 10 });
  // 59.9 s of event time at ten times the speed.
  assert.ok(Math.abs(seconds - 5.99) < 0.26, `${seconds} s`);
  for (const { wall, rows } of sink.steps.slice(1)) {
    assert.ok(Math.abs(wall - 1000 - (rows.at(-1)!.time - T) / 10) < 1);
    assert.ok(rows.at(-1)!.time - rows[0].time <= 2500);
  }
});

Deno.test("replay passes what the sink has already without waiting, and paces from the first new event on", async () => {
  using folder = new TestFolder();
  const path = folder.file(Array.from({ length: 20_000 }, (_, at) => click(T + at * 1000, at)).join(""));
  const clock = new TestClock(), sink = new TestSink(clock);
  await run([path], sink, { maxEvents: 17_000 });
  const before = sink.steps.length;
  const { accepted, duplicates, seconds } = await run([path], sink, { replaySpeed: 100 });
  assert.deepEqual([accepted, duplicates], [3000, 17_000]);
  const isOld = ({ firstRow, rows }: TestSink["steps"][number]) => firstRow + rows.length <= 17_000;
  const again = sink.steps.slice(before), old = again.filter(isOld);
  assert.ok(old.length < 40 && old.every(({ wall }) => wall === 1000));
  assert.ok(seconds > 19 && seconds <= 30.3, `${seconds} s for the 3,000 s that are new`);
});

Deno.test("replay stops without an end when it is aborted while it sends", async () => {
  using folder = new TestFolder();
  const path = folder.file(Array.from({ length: 1000 }, (_, at) => click(T + at)).join(""));
  const clock = new TestClock(), sink = new TestSink(clock), stop = new AbortController();
  let submits = 0;
  sink.onSubmit = () => {
    if (++submits === 3) stop.abort();
  };
  const { finished, accepted } = await run([path], sink, { signal: stop.signal, order: { chunkRowsMax: 100 } });
  assert.equal(finished, false);
  assert.equal(accepted, [...sink.rows.values()].flat().length);
  assert.ok(accepted >= 300 && accepted < 1000);
  assert.deepEqual(sink.ended, []);
});

Deno.test("replay stops without an end when it is aborted while it waits, or the sink throws because of that", async () => {
  using folder = new TestFolder();
  const path = folder.file(click(T) + click(T + 10_000));
  const clock = new TestClock(), stop = new AbortController(), sink = new TestSink(clock);
  const sleep = () => (stop.abort(), Promise.reject(stop.signal.reason));
  const waiting = await run([path], sink, { signal: stop.signal, replaySpeed: 1, sleep });
  assert.deepEqual([waiting.finished, waiting.accepted, sink.ended], [false, 1, []]);
  const stopAgain = new AbortController(), failing = new TestSink(clock);
  failing.onSubmit = () => (stopAgain.abort(), Promise.reject(new Error("aborted")));
  assert.equal((await run([path], failing, { signal: stopAgain.signal })).finished, false);
});

Deno.test("replay throws what the sink throws, and leaves nothing behind", async () => {
  using folder = new TestFolder();
  const path = folder.file(Array.from({ length: 2000 }, (_, at) => click(T - at * 1000)).join(""), "a.csv");
  const sink = new TestSink(new TestClock());
  let submits = 0;
  sink.onSubmit = () => ++submits === 2 ? Promise.reject(new Error("full")) : undefined;
  const order = { sortRowsMax: 100, spillFolder: folder.path };
  await assert.rejects(run([path], sink, { order }), { message: "full" });
  assert.deepEqual(sink.ended, []);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["a.csv"]);
});

Deno.test("replay passes on refused lines up to the limit -1, 0, +1 and counts the rest", async () => {
  using folder = new TestFolder();
  const most = limits.deadLettersPerSourceMax;
  for (const count of [most - 1, most, most + 1]) {
    const sink = new TestSink(new TestClock());
    const { rejected } = await run([folder.file(click(T) + "bad\n".repeat(count))], sink);
    assert.equal(rejected, count);
    const passed = sink.rejects.flatMap(({ rejects }) => rejects.map(({ line }) => line));
    assert.deepEqual(passed, Array.from({ length: Math.min(count, most) }, (_, at) => at + 2));
    assert.ok(sink.rejects.every(({ rejects }) => rejects.length <= 128));
  }
});

Deno.test("replay takes an empty file for finished without a word to the sink", async () => {
  using folder = new TestFolder();
  const sink = new TestSink(new TestClock());
  assert.equal((await run([folder.file("")], sink)).finished, true);
  assert.deepEqual([sink.steps, sink.ended], [[], []]);
});

Deno.test("replay tells its progress up to all of it", async () => {
  using folder = new TestFolder();
  const path = folder.file("bad\n" + Array.from({ length: 2000 }, (_, at) => click(T - at * 1000)).join(""));
  for (const sortRowsMax of [100, 4000]) {
    const told: [number, number, number][] = [];
    const onProgress = (...progress: [number, number, number]) => void told.push(progress);
    await run([path], new TestSink(new TestClock()), { onProgress, order: { sortRowsMax, spillFolder: folder.path } });
    assert.ok(told.every(([done], at) => at === 0 || done >= told[at - 1][0]));
    assert.deepEqual(told.at(-1), [4002, 4002, 2001]);
  }
});

Deno.test("replay refuses options without sense and a file given twice", async () => {
  using folder = new TestFolder();
  const [one, same] = [folder.file(click(T)), folder.file(click(T))], sink = new TestSink(new TestClock());
  for (
    const options of [{ replaySpeed: 0 }, { replaySpeed: -1 }, { replaySpeed: Infinity }, { maxEvents: -1 }, { maxEvents: 1.5 }, {
      maxEvents: NaN,
    }]
  ) {
    await assert.rejects(run([one], sink, options), { code: "usage" });
  }
  await assert.rejects(run([one, same], sink), { code: "usage", message: /holds the same as/ });
});
