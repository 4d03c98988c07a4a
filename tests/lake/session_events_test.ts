// Events of one session from the lake and the log: against the batches that were appended, with flushes, compactions and trims in between.

import assert from "node:assert/strict";
import { columnText, type EventBatch, type PendingBatch } from "../../src/event/batch.ts";
import { idOut, textOf } from "../../src/event/code.ts";
import { kindNames } from "../../src/event/kind.ts";
import { allParts, changeManifest, compactLake, readManifest, readSessionEvents, type SessionQuery } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";
import { anyBatch, clicks, type Lab, labTest, randomFrom, seedOfRun, START } from "./lab.ts";

const HOUR = 3_600_000;

/** The events of a session that the log was given, in the order in which they are told. */
function expected(lab: Lab, { session, since, until }: SessionQuery): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  for (const batch of appended.get(lab) ?? []) {
    for (let row = 0; row < batch.count; row++) {
      const time = batch.eventTime[row], { purchase, visitor, partition, lane } = batch;
      if (textOf(batch.words, batch.session[row]) !== session || time < since || time >= until) continue;
      const item = columnText(batch, batch.item, row), bought = kindNames[batch.kind[row]] === "purchase";
      found.push({
        timestamp: new Date(time).toISOString(),
        kind: kindNames[batch.kind[row]],
        item_id: item === null ? null : idOut(item),
        category: columnText(batch, batch.category, row),
        price: bought ? purchase!.price[row] / 10_000 : null,
        quantity: bought ? purchase!.quantity[row] : null,
        page: columnText(batch, visitor?.page, row),
        partition,
        offset: batch.firstOffset + row,
        lane,
      });
    }
  }
  return found.sort((a, b) => String(a.timestamp).localeCompare(String(b.timestamp)) || Number(a.offset) - Number(b.offset));
}

/** Everything that labs' logs were given, trimmed or not. */
const appended = new WeakMap<Lab, EventBatch[]>();

function append(lab: Lab, ...batches: readonly PendingBatch[]): void {
  const before = new Set(lab.log.all());
  lab.log.append(...batches);
  appended.set(lab, [...appended.get(lab) ?? [], ...lab.log.all().filter((batch) => !before.has(batch))]);
}

const of = (session: string, limit = 5000): SessionQuery => ({ session, since: START - HOUR, until: START + 100 * HOUR, limit });

/** The session of each event of a lab, but for sessions that have one alone. */
function sessionsOf(lab: Lab): string[] {
  const sessions = (appended.get(lab) ?? []).flatMap((batch) =>
    Array.from({ length: batch.count }, (_, row) => textOf(batch.words, batch.session[row])!)
  );
  return [...Map.groupBy(sessions, (session) => session).values()].filter(({ length }) => length > 1).flat();
}

labTest("events of a session are all that the log was given, each once, wherever they are", async (lab) => {
  const seed = seedOfRun(), random = randomFrom(seed);
  const archiver = lab.archiver();
  await archiver.recover();
  let compared = 0;
  for (let round = 0; round < 8; round++) {
    append(lab, anyBatch(random, 0), anyBatch(random, 0));
    if (random() < 0.5) await archiver.flush();
    if (random() < 0.2) await compactLake({ kv: lab.kv, duck: lab.duck, clock: lab.clock, logLine: lab.logLine, force: true });
    if (random() < 0.3) lab.log.trim(0, archiver.position(0));
    const sessions = sessionsOf(lab);
    for (let i = 0; i < 6 && sessions.length > 0; i++) {
      const since = START + Math.floor(random() * 2 * HOUR), until = since + 1 + Math.floor(random() * 3 * HOUR);
      const query = { ...of(sessions[Math.floor(random() * sessions.length)]), ...random() < 0.5 ? { since, until } : {} };
      const { events, more, leftOut } = await readSessionEvents(lab, query);
      assert.deepEqual([events, more, leftOut], [expected(lab, query), false, []], `seed ${seed}, session ${query.session}`);
      compared += events.length;
    }
  }
  assert.ok(compared > 50, `${compared} events`);
}, 1);

labTest("an event is told once when a flush ends while it is looked for, before the log is read or after", async (lab) => {
  const archiver = lab.archiver();
  await archiver.recover();
  append(lab, clicks(70));
  await archiver.flush();
  const query = of("3");
  for (const trims of [false, true]) {
    append(lab, clicks(70, 0, START + 1_000_000));
    let reads = 0;
    const read: typeof lab.log.read = async (partition, from) => {
      const batches = await lab.log.read(partition, from);
      if (reads++ === 0) await archiver.flush();
      if (trims) lab.log.trim(0, archiver.position(0));
      return batches;
    };
    const log = { partitions: 1, start: (p: number) => lab.log.start(p), end: (p: number) => lab.log.end(p), read };
    assert.deepEqual((await readSessionEvents({ ...lab, log }, query)).events, expected(lab, query), "flushed after the first read");
    assert.ok(reads > 0 && archiver.position(0) === lab.log.end(0));
  }
  append(lab, clicks(70, 0, START + 2_000_000));
  const more = expected(lab, query);
  let manifestRead = false;
  const log = {
    partitions: 1,
    // The first look at the log comes once the manifest is read: here a flush and a trim end in between.
    end: (partition: number) => lab.log.end(partition),
    start: (partition: number) => lab.log.start(partition),
    read: async (partition: number, from: number) => {
      if (!manifestRead) {
        manifestRead = true;
        await archiver.flush();
        lab.log.trim(0, archiver.position(0));
        throw new Error("these batches are no longer there");
      }
      return await lab.log.read(partition, from);
    },
  };
  assert.deepEqual((await readSessionEvents({ ...lab, log }, query)).events, more, "the manifest is read again");
  assert.ok(manifestRead);
  const failing = { ...log, end: () => Infinity, read: () => Promise.reject(new Error("disk is gone")) };
  await assert.rejects(readSessionEvents({ ...lab, log: failing }, query), /disk is gone/);
  const trimmed = { ...log, end: () => Infinity, start: () => Infinity };
  await assert.rejects(readSessionEvents({ ...lab, log: trimmed }, query), { code: "storage_failing" });
}, 1);

labTest("events are the oldest ones at the limit -1, 0, +1, over lake and log", async (lab) => {
  const archiver = lab.archiver();
  await archiver.recover();
  append(lab, clicks(35, 0, START + 500_000));
  await archiver.flush();
  append(lab, clicks(35));
  for (const limit of [1, 4, 5, 6, 9, 10, 11]) {
    const { events, more } = await readSessionEvents(lab, of("3", limit));
    assert.deepEqual(events, expected(lab, of("3")).slice(0, limit), `${limit}`);
    assert.equal(more, limit < 10, `${limit}`);
  }
}, 1);

labTest("a file that is gone, cut or damaged is named and left out, and the others are told", async (lab) => {
  const archiver = lab.archiver();
  await archiver.recover();
  for (let hour = 0; hour < 4; hour++) append(lab, clicks(70, 0, START + hour * HOUR));
  await archiver.flush();
  const parts = allParts(await readManifest(lab.kv)), path = (i: number) => `${lab.lakeFolder}/${parts[i].file}`;
  assert.equal(parts.length, 4);
  Deno.removeSync(path(0));
  Deno.truncateSync(path(1), 100);
  // As long as it was, with a footer that tells of nothing that is there.
  Deno.writeFileSync(path(2), new Uint8Array(parts[2].bytes).fill(7));
  const { events, leftOut } = await readSessionEvents(lab, of("3"));
  assert.deepEqual(leftOut, [parts[0].file, parts[1].file, parts[2].file]);
  assert.deepEqual(events, expected(lab, { ...of("3"), since: parts[3].minTime }));
}, 1);

labTest("texts that would be SQL are texts, and files that are not listed are not read", async (lab) => {
  const archiver = lab.archiver();
  await archiver.recover();
  append(lab, clicks(70));
  await archiver.flush();
  const [{ file }] = allParts(await readManifest(lab.kv));
  Deno.copyFileSync(`${lab.lakeFolder}/${file}`, `${lab.lakeFolder}/${file.replace(/\d+\.parquet$/, "9999999999.parquet")}`);
  assert.equal((await readSessionEvents(lab, of("3"))).events.length, 10);
  for (const session of ["' OR '1'='1", "3'--", "$1", "3\0", "%", "", "\ud800"]) {
    assert.deepEqual((await readSessionEvents(lab, of(session))).events, [], JSON.stringify(session));
  }
}, 1);

labTest("a time with more files than are read is refused before any is", async (lab) => {
  const part = { table: "raw_clicks", dt: "2014-04-07", hour: 0, bytes: 1, rows: 1, sha256: "", sequence: 1, created: 0 } as const;
  const times = { minTime: START, maxTime: START };
  const add = (from: number, count: number) =>
    changeManifest(lab.kv, {
      add: Array.from({ length: count }, (_, i) => ({
        ...part,
        ...times,
        file: `raw_clicks/dt=2014-04-07/hour=00/${from + i}.parquet`,
        offsets: [[0, 0, 1, 1]] as const,
      })),
    });
  await add(0, limits.sessionEventsFilesMax);
  assert.equal((await readSessionEvents(lab, of("3"))).leftOut.length, limits.sessionEventsFilesMax, "none of them is there");
  await add(limits.sessionEventsFilesMax, 1);
  await assert.rejects(readSessionEvents(lab, of("3")), { code: "invalid_parameter", message: /ask for less time/ });
}, 1);
