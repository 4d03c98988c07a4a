// Data folders that earlier versions of the program left when they were killed, opened by this one: everything in them is right, what was
// under way goes on, and what this version cannot read is refused and left as it is. How fixtures are made: make_fixture.ts.

import assert from "node:assert/strict";
import { join } from "node:path";
import { GuardianError } from "../../src/errors.ts";
import { FOLDER_FORMAT } from "../../src/folder.ts";
import { lakeLines } from "../support/lake.ts";
import { hookIo } from "../support/io_hooks.ts";
import { lastJson, run } from "../support/process.ts";
import { tell } from "../support/proof.ts";
import { type Expected, fixtures, unpack } from "./make_fixture.ts";
import { bytesOf, opened } from "./opened.ts";
import { clicks, OPEN_AT, OPEN_CLICKS, REPLAYED_FIRST, requests } from "./traffic.ts";

const names = [...Deno.readDirSync(fixtures)].map(({ name }) => name).filter((name) => name.endsWith(".tar.gz")).map((name) =>
  name.slice(0, -7)
);
names.sort();

/** Places of a first open from which on nothing reaches the disk, for each fixture. */
const CUTS = Number(Deno.env.get("GUARDIAN_TEST_FIRST_OPENS") ?? 2);

async function inFixture(name: string, work: (data: string, file: string, expected: Expected) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-upgrade-" });
  try {
    const expected = await unpack(name, folder);
    await work(join(folder, "data"), join(folder, "clicks.csv"), expected);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

type Event = { session_id: string | number; timestamp: number; item_id: string | number; kind?: string };

/** What of a lake's row tells which event it is. */
const FIELDS = /session_id=(.*?) timestamp=(\S+) item_id=(.*?) category=/;

/** Lines of events that a lake must have, counted from what was sent. */
function linesOf(bodies: readonly string[], file: string): string[] {
  const events = bodies.flatMap((body) => body.trimEnd().split("\n")).flatMap((line): Event[] => {
    try {
      const event = JSON.parse(line);
      return typeof event.timestamp === "number" && event.item_id !== undefined ? [event] : [];
    } catch {
      return [];
    }
  });
  const lines = events.map(({ session_id, timestamp, item_id }) => `${new Date(timestamp).toISOString()} ${session_id} ${item_id}`);
  const rows = file.trimEnd().split("\n").map((line) => {
    const [session, time, item] = line.split(",");
    return `${time} ${session} ${item}`;
  });
  return [...lines, ...rows].sort();
}

async function linesIn(data: string): Promise<string[]> {
  const rows = [...await lakeLines(data, "raw_clicks"), ...await lakeLines(data, "raw_purchases")];
  return rows.map((row) => {
    const found = FIELDS.exec(row);
    assert.ok(found, row);
    const [, session, time, item] = found;
    return `${time} ${session} ${item}`;
  }).sort();
}

const identityOf = ({ anomaly_type, session_id, window_start, status, click_count }: Record<string, unknown>) =>
  [anomaly_type, session_id, window_start, status, click_count].join(" ");

const ORDINARY = { partitions: 64 };
/** Clicks of so many sessions that each partition has one, late enough to close all windows. */
const closing = Array.from(
  { length: ORDINARY.partitions },
  (_, i) => ({ session_id: 5_000_000 + i, timestamp: OPEN_AT + 600_000, item_id: 1 }),
);
const ndjson = (events: readonly object[]) => events.map((event) => JSON.stringify(event)).join("\n") + "\n";
const more = ndjson([...clicks(99, 20, OPEN_AT + 5000, 100, 4), ...closing]);

/** Everything of a fixture is right, and what was under way goes on. */
async function assertWhole(data: string, file: string, expected: Expected): Promise<void> {
  const sent = requests();
  const since = "/anomalies?limit=100&since=2014-01-01T00:00:00Z";
  await opened(data, expected.killedAt + 60_000, async ({ guardian, post, get }) => {
    const accepted = expected.answers.reduce((sum, answer) => sum + answer.accepted, 0) + expected.replayed;
    await guardian.caughtUp();
    assert.equal((await guardian.stats()).total_events, accepted);
    assert.deepEqual(await get("/dead_letters"), expected.deadLetters as Record<string, unknown>[]);
    assert.deepEqual((await get(since)).map(identityOf), expected.anomalies.map(identityOf));
    for (const [path, answer] of Object.entries(expected.days)) assert.deepEqual(await get(path), answer, path);
    // What was acknowledged is known: by its key, and by its event ids.
    for (const [i, { key, body }] of sent.entries()) {
      if (key === null) continue;
      const again = await post(body, key);
      assert.deepEqual([again.accepted, again.duplicates], [0, expected.answers[i].accepted], `${key} again`);
      assert.equal((await post(ndjson(closing), key)).status, 422, `${key} with another body`);
    }
    const ids = sent.flatMap(({ body }) => body.split("\n")).filter((line) => line.includes("event_id"));
    const known = await post(ids.join("\n"));
    assert.deepEqual([known.accepted, known.duplicates], [0, ids.length], "event ids again");
    assert.equal((await guardian.stats()).total_events, accepted);
    // A window that was open when the program was killed counts on.
    assert.equal((await post(more)).accepted, 20 + closing.length);
    await guardian.caughtUp();
    const open = (await get(since)).filter(({ window_start }) => Date.parse(String(window_start)) === OPEN_AT).map(identityOf);
    const at = new Date(OPEN_AT).toISOString();
    assert.deepEqual(open.sort(), [`HIGH_FREQUENCY 98 ${at} confirmed 70`, `HIGH_FREQUENCY 99 ${at} confirmed ${OPEN_CLICKS + 20}`]);
  });
  // The replay goes on where it was.
  const { events, accepted: rest, duplicates, anomalies } = lastJson<Record<string, number> & { anomalies: Record<string, number> }>(
    await run("replay", file, "--data", data, "--json"),
  );
  assert.deepEqual([events, rest, duplicates], [2 * REPLAYED_FIRST, 2 * REPLAYED_FIRST - expected.replayed, expected.replayed]);
  assert.equal(anomalies.HIGH_FREQUENCY, 1, "the window that the interruption cut in two");
  assert.deepEqual(await linesIn(data), linesOf([...sent.map(({ body }) => body), more], await Deno.readTextFile(file)));
  assert.equal(lastJson<{ ok: boolean }>(await run("verify", "--data", data, "--json")).ok, true);
}

for (const name of names) {
  Deno.test(`a folder of ${name} opens with everything in it when this version takes it`, async () => {
    await inFixture(name, assertWhole);
    tell("upgrade: folders of earlier formats", { fixture: name, opened: 1 });
  });
}

Deno.test("a folder that was killed while this version opened it first opens whole when it is opened again", async () => {
  let kills = 0;
  for (const name of names) {
    // How many calls that change something the first open makes; from each of them on, nothing more reaches the disk.
    const changing = new Set(["write", "truncate", "rename", "remove", "kv_commit", "mkdir"]);
    let calls = 0;
    await inFixture(name, async (data, _file, { killedAt }) => {
      using _ = hookIo({ under: data, before: ({ kind }) => void (changing.has(kind) && calls++) });
      await opened(data, killedAt + 60_000, ({ guardian }) => guardian.caughtUp());
    });
    assert.ok(calls > 3, `${calls} calls`);
    for (let from = 0; from < calls; from += Math.max(1, Math.floor(calls / CUTS))) {
      await inFixture(name, async (data, file, expected) => {
        let call = 0;
        {
          using _ = hookIo({
            under: data,
            before({ kind }) {
              if (changing.has(kind) && call++ >= from) throw new Error("the process is no more");
            },
          });
          await opened(data, expected.killedAt + 60_000, () => Promise.resolve()).catch(() => {});
        }
        kills++;
        if (from === 0 || from + Math.floor(calls / CUTS) >= calls) return await assertWhole(data, file, expected);
        await opened(data, expected.killedAt + 60_000, async ({ guardian, get }) => {
          await guardian.caughtUp();
          const found = await get("/anomalies?limit=100&since=2014-01-01T00:00:00Z");
          assert.deepEqual(found.map(identityOf), expected.anomalies.map(identityOf), `${name}, from call ${from} on`);
        });
        const archived = (await linesIn(data)).length;
        const answers = expected.answers.reduce((sum, answer) => sum + answer.accepted, 0);
        assert.equal(archived, answers + expected.replayed, `${name}, from call ${from} on`);
      });
    }
  }
  tell("upgrade: killed in the first open", { fixtures: names.length, first_opens_cut_off: kills });
});

Deno.test("a folder of a newer format is refused and not one byte of it changed when this version is asked to open it", async () => {
  await inFixture(names.at(-1)!, async (data, file) => {
    await Deno.writeTextFile(join(data, "format.json"), JSON.stringify({ format: FOLDER_FORMAT + 1, partitions: 4 }) + "\n");
    const before = await bytesOf(data);
    await assert.rejects(
      opened(data, Date.now(), () => Promise.resolve()),
      (error) =>
        error instanceof GuardianError && error.code === "newer_format" && /use the newer program that wrote it/.test(error.message),
    );
    const { code, stderr } = await run("replay", file, "--data", data);
    assert.equal(code, 73, stderr);
    assert.match(stderr, /use the newer program/);
    assert.deepEqual(await bytesOf(data), before);
  });
  tell("upgrade: folders of newer formats", { newer_folders_refused_unchanged: 1 });
});
