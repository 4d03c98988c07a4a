// Intake over a real log: what is accepted, what is a duplicate, and what a failure or a restart at any point leaves behind.

import assert from "node:assert/strict";
import { ColumnBuilder, columnText, LIVE } from "../../src/event/batch.ts";
import { ABSENT, integerCode } from "../../src/event/code.ts";
import { PURCHASE } from "../../src/event/kind.ts";
import { limits } from "../../src/limits.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import { keyHashes } from "../../src/log/keys_seen.ts";
import { silent } from "../../src/log_line.ts";
import { Intake } from "../../src/source/intake.ts";
import { sliced } from "../../src/source/slice.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { random } from "../engine/oracle.ts";
import { TestClock } from "../support/clock.ts";
import { failingKv, type Faults } from "../support/failing_kv.ts";

interface Shop {
  clock: TestClock;
  faults: Faults;
  stateFaults: Faults;
  open(lingerMs?: number): Promise<{ intake: Intake; log: KvLog }>;
  /** Records of sources in the state file. */
  sources(): Promise<number>;
  close(): Promise<void>;
}

async function shop(partitions = 3): Promise<Shop> {
  const folder = await Deno.makeTempDir();
  const clock = new TestClock();
  const faults: Faults = { fail: "no" }, stateFaults: Faults = { fail: "no" };
  const state = failingKv(await Deno.openKv(`${folder}/state.kv`), stateFaults);
  let logFile: Deno.Kv | null = null;
  return {
    clock,
    faults,
    stateFaults,
    async open(lingerMs) {
      logFile?.close();
      logFile = await Deno.openKv(`${folder}/log.kv`);
      const log = await KvLog.open(failingKv(logFile, faults), partitions, clock);
      return { log, intake: await Intake.open(log, state, clock, [], silent, lingerMs) };
    },
    async sources() {
      return (await Array.fromAsync(state.list({ prefix: stateKeys.sources() }))).length;
    },
    async close() {
      logFile?.close();
      state.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** One click per [session, event id or null]; times go up by 1 ms. */
function clicks(rows: readonly (readonly [string, string | null])[], time = 1_400_000_000_000): ColumnBuilder {
  const columns = new ColumnBuilder();
  for (const [session, eventId] of rows) {
    const row = columns.push(0, time++, columns.code(session), columns.code("item"), ABSENT);
    if (eventId !== null) {
      columns.withIdentity().eventId[row] = integerCode(eventId) >= 0 ? integerCode(eventId) : columns.eventIdCode(eventId);
    }
  }
  return columns;
}

/** What the log holds: session and event id, or session and source row, sorted. */
async function held(log: KvLog): Promise<string[]> {
  const all: string[] = [];
  for (let p = 0; p < log.partitions; p++) {
    for (let at = log.start(p); at < log.end(p);) {
      for (const batch of await log.read(p, at)) {
        at = batch.firstOffset + batch.count;
        if (batch.control !== "events") continue;
        for (let row = 0; row < batch.count; row++) {
          const session = columnText(batch, batch.session, row);
          const id = columnText(batch, batch.identity?.eventId, row);
          all.push(`${session} ${id ?? batch.identity?.row[row] ?? "-"}`);
        }
      }
    }
  }
  return all.sort();
}

Deno.test("intake keeps every event without an identity, however equal", async () => {
  const here = await shop();
  const { intake, log } = await here.open();
  const rows = clicks([["a", null], ["a", null], ["b", null]]);
  assert.deepEqual(await intake.submit({ columns: rows, lane: "live" }), { accepted: 3, duplicates: 0 });
  assert.deepEqual(await intake.submit({ columns: rows, lane: "live" }), { accepted: 3, duplicates: 0 });
  assert.equal((await held(log)).length, 6);
  await here.close();
});

Deno.test("intake drops an event id that its session had, also within one request, over a restart and with the checkpoint behind", async () => {
  const here = await shop();
  let { intake, log } = await here.open();
  assert.deepEqual(await intake.submit({ columns: clicks([["a", "1"], ["a", "1"], ["b", "1"]]), lane: "live" }), {
    accepted: 2,
    duplicates: 1,
  });
  await intake.checkpoint();
  assert.deepEqual(await intake.submit({ columns: clicks([["a", "2"]]), lane: "live" }), { accepted: 1, duplicates: 0 });
  ({ intake, log } = await here.open());
  assert.deepEqual(await intake.submit({ columns: clicks([["a", "1"], ["a", "2"], ["b", "1"], ["b", "2"]]), lane: "live" }), {
    accepted: 1,
    duplicates: 3,
  });
  assert.deepEqual(await held(log), ["a 1", "a 2", "b 1", "b 2"]);
  await here.close();
});

Deno.test("intake takes a keyed request once, refuses the key for another body, and knows it after a restart", async () => {
  const here = await shop();
  let { intake, log } = await here.open();
  const key = keyHashes("order 17", new TextEncoder().encode("body"));
  const other = keyHashes("order 17", new TextEncoder().encode("another body"));
  const columns = clicks([["a", null], ["b", null]]);
  assert.deepEqual(await intake.submit({ columns, lane: "live", key }), { accepted: 2, duplicates: 0 });
  assert.deepEqual(await intake.submit({ columns, lane: "live", key }), { accepted: 0, duplicates: 2 });
  await assert.rejects(intake.submit({ columns, lane: "live", key: other }), { code: "key_reused" });
  ({ intake, log } = await here.open());
  assert.deepEqual(await intake.submit({ columns, lane: "live", key }), { accepted: 0, duplicates: 2 });
  await assert.rejects(intake.submit({ columns, lane: "live", key: other }), { code: "key_reused" });
  assert.equal((await held(log)).length, 2);
  here.clock.pass(25 * 3_600_000);
  await intake.checkpoint();
  assert.deepEqual(
    await intake.submit({ columns, lane: "live", key }),
    { accepted: 2, duplicates: 0 },
    "a day later the key is free again",
  );
  await here.close();
});

Deno.test("intake refuses a key whose request is still running", async () => {
  const here = await shop();
  const { intake } = await here.open();
  const key = keyHashes("k", new Uint8Array());
  const first = intake.submit({ columns: clicks([["a", null]]), lane: "live", key });
  await assert.rejects(intake.submit({ columns: clicks([["a", null]]), lane: "live", key }), { code: "key_in_progress" });
  assert.deepEqual(await first, { accepted: 1, duplicates: 0 });
  await here.close();
});

for (const fail of ["before", "after"] as const) {
  Deno.test(`intake has each event once when a commit fails ${fail} it landed and the client tries again`, async () => {
    const here = await shop();
    const { intake, log } = await here.open();
    const key = keyHashes("k", new Uint8Array());
    await intake.submit({ columns: clicks([["a", "1"]]), lane: "live" });
    here.faults.fail = fail;
    const ids = clicks([["a", "1"], ["a", "2"], ["b", "3"]]), keyed = clicks([["c", null], ["d", null]]);
    const failures = [intake.submit({ columns: ids, lane: "live" }), intake.submit({ columns: keyed, lane: "live", key })];
    for (const failure of failures) await assert.rejects(failure, { code: "storage_failing" });
    here.faults.fail = "no";
    const taken = [await intake.submit({ columns: ids, lane: "live" }), await intake.submit({ columns: keyed, lane: "live", key })];
    assert.deepEqual(
      taken,
      fail === "before"
        ? [{ accepted: 2, duplicates: 1 }, { accepted: 2, duplicates: 0 }]
        : [{ accepted: 0, duplicates: 3 }, { accepted: 0, duplicates: 2 }],
    );
    assert.deepEqual(await held(log), ["a 1", "a 2", "b 3", "c 0", "d 1"]);
    await here.close();
  });
}

Deno.test("intake has every row of a source once, in order, whatever chunks it is sent in, over failures and restarts", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  const next = random(seed);
  const here = await shop();
  let { intake, log } = await here.open();
  const rows = 20_000, source = "f".repeat(64);
  const session = (row: number) => `s${(row * 7919) % 500}`;
  for (let round = 0; round < 12; round++) {
    const from = Math.floor(next() * rows * 0.9), size = Math.floor(next() * rows * 0.3) + 1;
    const part = (at: number, to: number) => clicks(Array.from({ length: to - at }, (_, i) => [session(at + i), null] as const), at);
    here.faults.fail = next() < 0.2 ? "before" : next() < 0.2 ? "after" : "no";
    // A replay always begins at the first row again.
    try {
      await intake.loadSource(source);
      await intake.submit({ columns: part(0, from), lane: "replay-f", source, firstRow: 0 });
      await intake.submit({ columns: part(from, from + size), lane: "replay-f", source, firstRow: from });
    } catch (failure) {
      assert.equal((failure as { code: string }).code, "storage_failing", `seed ${seed}`);
    }
    here.faults.fail = "no";
    if (next() < 0.4) await intake.checkpoint();
    if (next() < 0.4) ({ intake, log } = await here.open());
  }
  await intake.loadSource(source);
  const last = await intake.submit({
    columns: clicks(Array.from({ length: rows }, (_, row) => [session(row), null] as const)),
    lane: "replay-f",
    source,
    firstRow: 0,
  });
  assert.equal(last.accepted + last.duplicates, rows, `seed ${seed}`);
  const all = await held(log);
  const want = new Set(Array.from({ length: rows }, (_, row) => `${session(row)} ${row}`));
  assert.ok(all.length >= rows && new Set(all).size === all.length, `seed ${seed}: no row twice`);
  assert.deepEqual(all.filter((text) => want.has(text)).length, rows, `seed ${seed}: no row lost`);
  await here.close();
});

Deno.test("intake splits a request over commits where it has to, and a key covers all of it", async () => {
  const here = await shop();
  const { intake, log } = await here.open();
  const rows = 150_000;
  const columns = clicks(Array.from({ length: rows }, (_, i) => [`session ${i}`, null] as const));
  const key = keyHashes("large", new Uint8Array());
  assert.deepEqual(await intake.submit({ columns, lane: "live", key }), { accepted: rows, duplicates: 0 });
  assert.deepEqual(await intake.submit({ columns, lane: "live", key }), { accepted: 0, duplicates: rows });
  assert.equal((await held(log)).length, rows);
  await here.close();
});

Deno.test("intake cuts batches at what one value of the log holds", async () => {
  const here = await shop(1);
  const { intake, log } = await here.open();
  const columns = new ColumnBuilder();
  for (let i = 0; i < 3000; i++) {
    const row = columns.push(1, 1_400_000_000_000, columns.code(`${i}`.padStart(limits.idBytesMax, "ü")), ABSENT, ABSENT);
    columns.withVisitor().userAgent[row] = columns.code(`${i} `.padEnd(limits.contextBytesMax, "x"));
  }
  assert.deepEqual(await intake.submit({ columns, lane: "live" }), { accepted: 3000, duplicates: 0 });
  assert.equal((await held(log)).length, 3000);
  await here.close();
});

for (const partitions of [1, 4, limits.partitionsMax]) {
  Deno.test(`intake keeps commits within what one may hold, whatever rows hold, with ${partitions} partitions`, async () => {
    const { open, close } = await shop(partitions), next = random(partitions);
    try {
      const { intake, log } = await open();
      let sent = 0;
      const agents = Array.from({ length: 150 }, (_, i) => `${i}${"\u8863".repeat(330)}`);
      const texts = ["narrow", "\u8863\u670d".repeat(160), "x".repeat(limits.contextBytesMax)];
      for (const kind of ["shared", "own", "plain"] as const) {
        const columns = new ColumnBuilder();
        for (let i = 0; i < 6000; i++) {
          const row = columns.push(0, 1_400_000_000_000 + i * 86_400_000, columns.code(String(Math.floor(next() * 1e6))), 7, ABSENT);
          if (kind === "plain") continue;
          const visitor = columns.withVisitor();
          visitor.userAgent[row] = columns.code(agents[Math.floor(next() * agents.length)]);
          if (kind === "own") visitor.page[row] = columns.code(`${i}${texts[i % 3]}`.slice(0, 1000));
        }
        sent += columns.count;
        assert.equal((await intake.submit({ columns, lane: `file-${kind}`, source: `file-${kind}`, firstRow: 0 })).accepted, columns.count);
      }
      let kept = 0;
      for (let p = 0; p < partitions; p++) kept += log.end(p);
      assert.equal(kept, sent);
      await intake.close();
    } finally {
      await close();
    }
  });
}

Deno.test("intake goes back to an earlier checkpoint when writing one fails, and still knows every id", async () => {
  const here = await shop();
  let { intake } = await here.open();
  await intake.submit({ columns: clicks([["a", "1"]]), lane: "live" });
  here.stateFaults.fail = "before";
  await assert.rejects(intake.checkpoint());
  here.stateFaults.fail = "no";
  await intake.submit({ columns: clicks([["a", "2"]]), lane: "live" });
  await intake.checkpoint();
  ({ intake } = await here.open());
  assert.deepEqual(await intake.submit({ columns: clicks([["a", "1"], ["a", "2"]]), lane: "live" }), { accepted: 0, duplicates: 2 });
  await here.close();
});

Deno.test("intake keeps the key of a request with nothing to append, also over a restart", async () => {
  const here = await shop();
  let { intake } = await here.open();
  const key = keyHashes("empty", new TextEncoder().encode("nothing but rejects"));
  assert.deepEqual(await intake.submit({ columns: clicks([]), lane: "live", key }), { accepted: 0, duplicates: 0 });
  ({ intake } = await here.open());
  const other = { ...key, body: "0".repeat(16) };
  await assert.rejects(intake.submit({ columns: clicks([["a", null]]), lane: "live", key: other }), { code: "key_reused" });
  await here.close();
});

Deno.test("intake knows every row of a source when a restart finds only some partitions of it behind the checkpoint", async () => {
  const here = await shop();
  let { intake, log } = await here.open();
  const source = "a".repeat(64), lane = "replay-a";
  const sessions = Array.from({ length: 60 }, (_, i) => `s${i}`);
  const rows = (from: number, to: number, only?: string) =>
    clicks(Array.from({ length: to - from }, (_, i) => [only ?? sessions[from + i], null] as const), from);
  await intake.loadSource(source);
  await intake.submit({ columns: rows(0, 60), lane, source, firstRow: 0 });
  await intake.checkpoint();
  // One session, so one partition alone has more.
  await intake.submit({ columns: rows(60, 65, "s1"), lane, source, firstRow: 60 });
  for (let restart = 0; restart < 3; restart++) {
    ({ intake, log } = await here.open());
    if (restart === 1) await intake.checkpoint();
    await intake.loadSource(source);
    assert.deepEqual(
      await intake.submit({ columns: rows(0, 60), lane, source, firstRow: 0 }),
      { accepted: 0, duplicates: 60 },
      `restart ${restart}`,
    );
  }
  assert.equal((await held(log)).length, 65);
  await here.close();
});

Deno.test("intake knows event ids of earlier hours after a restart, and lets them go after a day", async () => {
  const here = await shop();
  let { intake } = await here.open();
  await intake.submit({ columns: clicks([["a", "early"]]), lane: "live" });
  await intake.checkpoint();
  here.clock.pass(3 * 3_600_000);
  ({ intake } = await here.open());
  assert.equal(intake.identities.span_hours, 4);
  assert.deepEqual(await intake.submit({ columns: clicks([["a", "early"], ["a", "late"]]), lane: "live" }), { accepted: 1, duplicates: 1 });
  await intake.checkpoint();
  ({ intake } = await here.open());
  assert.deepEqual(await intake.submit({ columns: clicks([["a", "early"], ["a", "late"]]), lane: "live" }), { accepted: 0, duplicates: 2 });
  here.clock.pass(23 * 3_600_000);
  ({ intake } = await here.open());
  assert.deepEqual(await intake.submit({ columns: clicks([["a", "early"], ["a", "late"]]), lane: "live" }), { accepted: 1, duplicates: 1 });
  await here.close();
});

Deno.test("intake answers everyone when a fault in one submission stops a commit", async () => {
  const here = await shop();
  const { intake, log } = await here.open();
  const faulty = clicks([["x", null]]);
  Object.defineProperty(faulty, "session", {
    get() {
      throw new Error("a fault in the program");
    },
  });
  const key = keyHashes("k", new Uint8Array());
  const answers = await Promise.allSettled([
    intake.submit({ columns: clicks([["a", null]]), lane: "live", key }),
    intake.submit({ columns: faulty, lane: "live" }),
    intake.submit({ columns: clicks([["b", null]]), lane: "live" }),
  ]);
  // The first may have gone in a commit of its own; nobody is left waiting, and the key is free to be tried again.
  assert.equal(answers[1].status, "rejected");
  const { accepted, duplicates } = await intake.submit({ columns: clicks([["a", null]]), lane: "live", key });
  assert.equal(accepted + duplicates, 1);
  assert.equal((await held(log)).filter((text) => text.startsWith("a ")).length, 1);
  await here.close();
});

Deno.test("intake takes many event ids back from a failed commit at once", async () => {
  const here = await shop();
  const { intake } = await here.open();
  const many = clicks(Array.from({ length: 20_000 }, (_, i) => ["a", `id ${i}`] as const));
  here.faults.fail = "before";
  for (let i = 0; i < 3; i++) await assert.rejects(intake.submit({ columns: many, lane: "live" }), { code: "storage_failing" });
  here.faults.fail = "no";
  assert.equal(intake.identities.event_ids, 0);
  assert.deepEqual(await intake.submit({ columns: many, lane: "live" }), { accepted: 20_000, duplicates: 0 });
  assert.deepEqual(await intake.submit({ columns: many, lane: "live" }), { accepted: 0, duplicates: 20_000 });
  await here.close();
});

Deno.test("intake forgets the marks of a keyed request that took several commits once it is complete", async () => {
  const here = await shop();
  const { intake } = await here.open();
  const columns = clicks(Array.from({ length: 120_000 }, (_, i) => [`session ${i}`, null] as const));
  const key = keyHashes("large", new Uint8Array());
  const sent = intake.submit({ columns, lane: "live", key });
  const saving = (async () => {
    for (let i = 0; i < 20; i++) {
      await intake.checkpoint();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  await Promise.all([sent, saving]);
  await intake.checkpoint();
  assert.equal(await here.sources(), 0);
  await here.close();
});

/** Longer than any test takes. */
const HOUR_MS = 3_600_000;

/** Intake that made a commit just now, and waits for more to go into the next one with a click. */
async function lingering() {
  const { open, close, clock } = await shop(1);
  const { intake, log } = await open(HOUR_MS);
  await intake.submit({ columns: clicks([["first", null]]), lane: "live" });
  const second = intake.submit({ columns: clicks([["second", null]]), lane: "live" });
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(log.end(0), 1, "the second one waits");
  return { intake, log, clock, second, close };
}

for (const count of [limits.lingerEvents - 1, limits.lingerEvents]) {
  Deno.test(`intake lets events that follow upon a commit share the next one, until ${count} have come`, async () => {
    const { intake, log, second, close } = await lingering();
    const append = log.append.bind(log);
    let commits = 0;
    log.append = (...given) => {
      commits++;
      return append(...given);
    };
    let third = intake.submit({ columns: clicks(Array.from({ length: count - 1 }, (_, i) => [`${i}`, null])), lane: "live" });
    if (count < limits.lingerEvents) {
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(log.end(0), 1);
      third = intake.submit({ columns: clicks([["last", null]]), lane: "live" });
    }
    await Promise.all([second, third]);
    assert.equal(log.end(0), 1 + limits.lingerEvents);
    assert.equal(commits, 1);
    await close();
  });
}

Deno.test("intake waits no more when a replay, a mark or its end comes", async () => {
  for (const comes of ["a replay", "a mark", "its end"]) {
    const { intake, log, second, close } = await lingering();
    if (comes === "a replay") await intake.submit({ columns: clicks([["row", null]]), lane: "replay-1", source: "1", firstRow: 0 });
    if (comes === "a mark") await intake.mark(0, 1_400_000_000_000);
    if (comes === "its end") await intake.close();
    assert.deepEqual(await second, { accepted: 1, duplicates: 0 }, comes);
    assert.equal(log.end(0), comes === "its end" ? 2 : 3, comes);
    await close();
  }
});

Deno.test("intake commits at once what comes a while after a commit", async () => {
  const { open, close, clock } = await shop(1);
  const { intake } = await open(HOUR_MS);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await intake.submit({ columns: clicks([[`${i}`, null]]), lane: "live" }), { accepted: 1, duplicates: 0 });
    clock.pass(HOUR_MS);
  }
  await close();
});

Deno.test("intake takes rows of a source column by column as it does one by one: none twice, none lost, in the order of the file", async () => {
  const here = await shop(4);
  const { intake, log } = await here.open();
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed);
  const count = 40_000, all = new ColumnBuilder(count), ids = new Set<string>();
  const expected = new Map<string, number[]>();
  for (let row = 0; row < count; row++) {
    const who = next() < 0.3 ? `visitor ${Math.floor(next() * 3000)}` : String(Math.floor(next() * 3000));
    all.push(0, 1_400_000_000_000 + row, all.code(who), Math.floor(next() * 500), next() < 0.1 ? all.code("S") : ABSENT);
    if (next() < 0.4) {
      const id = `id ${Math.floor(next() * 20_000)}`;
      all.withIdentity().eventId[row] = next() < 0.2 ? all.code(id) : all.eventIdCode(id);
      if (ids.has(`${who} ${id}`)) continue;
      ids.add(`${who} ${id}`);
    }
    if (!expected.has(who)) expected.set(who, []);
    expected.get(who)!.push(row);
  }
  let accepted = 0, given = 0;
  for (let from = 0; from < count;) {
    // Sometimes it goes on before where it stood, as a replay does that was stopped.
    const start = Math.max(0, from - (next() < 0.3 ? Math.floor(next() * 2000) : 0));
    const to = Math.min(count, from + (next() < 0.2 ? 10 : Math.floor(next() * 9000)));
    const taken = await intake.submit({ columns: sliced(all, start, to), lane: "replay-feed", source: "feed", firstRow: start });
    assert.equal(taken.accepted + taken.duplicates, to - start, `seed ${seed}`);
    accepted += taken.accepted;
    given += to - start;
    from = to;
  }
  const found = new Map<string, number[]>();
  for (let p = 0; p < log.partitions; p++) {
    for (let at = 0; at < log.end(p);) {
      for (const batch of await log.read(p, at)) {
        at = batch.firstOffset + batch.count;
        for (let row = 0; row < batch.count; row++) {
          const who = columnText(batch, batch.session, row)!, { eventTime, identity } = batch;
          assert.equal(columnText(batch, identity!.source, row), "feed");
          assert.equal(eventTime[row], 1_400_000_000_000 + identity!.row[row], `seed ${seed}: the row is its own`);
          if (!found.has(who)) found.set(who, []);
          found.get(who)!.push(identity!.row[row]);
        }
      }
    }
  }
  assert.deepEqual(found, expected, `seed ${seed}`);
  assert.equal(accepted, [...expected.values()].reduce((sum, rows) => sum + rows.length, 0), `seed ${seed}, ${given} given`);
  await here.close();
});

Deno.test("intake takes a body of hundreds of thousands of events of one session after bodies with the longest words", async () => {
  const { open, close } = await shop(1), { intake, log } = await open(0);
  const one = () => {
    const columns = new ColumnBuilder(200_000), session = columns.code("a bot");
    for (let i = 0; i < 200_000; i++) columns.push(0, 1_400_000_000_000 + (i >> 4), session, 12, ABSENT);
    return columns;
  };
  const batches = async (columns: ColumnBuilder) => {
    const before = log.end(0);
    assert.equal((await intake.submit({ columns, lane: LIVE })).accepted, columns.count);
    let count = 0;
    for (let at = before; at < log.end(0);) {
      const read = await log.read(0, at);
      count += read.length;
      at = read[read.length - 1].firstOffset + read[read.length - 1].count;
    }
    return count;
  };
  const first = await batches(one());
  for (let body = 0; body < 3; body++) {
    const columns = new ColumnBuilder(3000);
    const word = (name: string, i: number, length: number) => columns.code(`${name} ${body} ${i} `.padEnd(length, name));
    for (let i = 0; i < 3000; i++) {
      const row = columns.push(
        0,
        1_400_000_000_000 + i,
        word("s", i, limits.idBytesMax),
        word("i", i, limits.idBytesMax),
        word("c", i, 64),
      );
      columns.withIdentity().eventId[row] = columns.eventIdCode(`${body} ${i}`.padEnd(64, "e"));
    }
    await batches(columns);
  }
  const after = await batches(one());
  assert.ok(after <= first + 4, `${after} batches after ${first}: what was learnt of long rows is forgotten`);
  await intake.close();
  await close();
});

for (const partitions of [1, 16, 64]) {
  Deno.test(`intake keeps commits within their bytes when plain rows follow rows with groups, in ${partitions} partitions`, async () => {
    const { open, close } = await shop(partitions), { intake, log } = await open(0), next = random(7), sizes: number[] = [];
    const append = log.append.bind(log);
    log.append = (batches, note) => {
      sizes.push(batches.reduce((sum, { bytes }) => sum + bytes.length, 0));
      return append(batches, note);
    };
    const rich = new ColumnBuilder(), plain = new ColumnBuilder(), below = (n: number) => Math.floor(next() * n);
    for (let i = 0; i < 400; i++) {
      const row = rich.push(PURCHASE, 1_400_000_000_000 + i, i, 5, ABSENT), purchase = rich.withPurchase(), visitor = rich.withVisitor();
      purchase.price[row] = 10_000;
      purchase.quantity[row] = 1;
      for (const name of ["userId", "ip", "userAgent", "referrer", "platform", "page"] as const) visitor[name][row] = rich.code(name);
      rich.withProperties()[row] = rich.code("{}");
    }
    for (let i = 0; i < 30_000; i++) plain.push(0, 1e12 + below(4e11), below(2 ** 31), below(2 ** 31), ABSENT);
    const taken = await Promise.all([rich, rich, plain].map((columns) => intake.submit({ columns, lane: LIVE })));
    assert.deepEqual(taken.map(({ accepted }) => accepted), [400, 400, 30_000]);
    assert.ok(Math.max(...sizes) <= limits.commitBytesMax, `${Math.max(...sizes)} bytes in a commit`);
    await intake.close();
    await close();
  });
}
