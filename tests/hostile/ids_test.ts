// Ids that never come again, as one who wants the server's memory sends them: each event with a session, an item and a category of its own,
// numbers and texts, crowded into one half minute and spread over all those that are still to come, with real bots in between. What always
// holds: the process stays within its memory, what windows had no room for is counted and told, each bot is found, and the lake has each row.
// 100,000 of each unless GUARDIAN_TEST_HOSTILE_IDS says how many.

import assert from "node:assert/strict";
import { Connection, eventsRequest, getRequest } from "../../bench/load.ts";
import { paths } from "../../src/folder.ts";
import { allParts, Duck, readManifest, selectParts } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import { serve, type Server } from "../support/process.ts";
import { tell } from "../support/proof.ts";

const IDS = Number(Deno.env.get("GUARDIAN_TEST_HOSTILE_IDS") ?? 100_000);
/** A quarter of a million are not enough to fill all tables; beyond, tables are full, and what a collector leaves adds to them. */
const MEMORY_MIB = IDS <= 250_000 ? 512 : 1_280;
const LINES = 500, CONNECTIONS = 4, BOTS = 60, BOT_CLICKS = 60, BOT_CLICKS_AT_ONCE = 10;
const AHEAD_MS = 23 * 3_600_000, WAIT_MS = 200;
/** How long the readers may take for what was sent, waits of `WAIT_MS`. */
const WAITS = 1_500;
/** Of ten requests, those whose events are crowded into one half minute; the others are spread over the hours ahead. */
const CROWDED_OF_TEN = 6;

/** Every second session and item is a number, as ids above 2^31 are not small ones any more. */
function lines(from: number, to: number, number: number, now: number): string {
  let text = "";
  const crowded = number % 10 < CROWDED_OF_TEN;
  for (let n = from; n < to; n++) {
    const time = crowded ? now : now + Math.floor((AHEAD_MS * ((n * 7919) % IDS)) / IDS);
    const session = n % 2 === 0 ? String(1_000_000 + n) : `"a-session-of-a-kind-${n}-that-never-returns"`;
    const item = n % 3 === 0 ? String(100_000_000 + n) : `"an-item-that-is-no-item-${n}"`;
    text += `{"session_id":${session},"timestamp":${time},"item_id":${item},"category":"category-${n}"}\n`;
  }
  return text;
}

/** The clicks of a bot that belong into one request. */
function botLines(bot: number, now: number): string {
  const id = botId(bot), session = typeof id === "number" ? id : `"${id}"`;
  return `{"session_id":${session},"timestamp":${now},"item_id":${bot}}\n`.repeat(BOT_CLICKS_AT_ONCE);
}

function botId(bot: number): number | string {
  return bot % 2 === 0 ? 2_000_000_000 + bot : `bot-${bot}`;
}

/** What the kernel says of the process, MiB: the most that it had in memory, and what it has. */
function memoryOf({ child }: Server): { peak: number; now: number } {
  const { stdout } = new Deno.Command("cat", { args: [`/proc/${child.pid}/status`] }).outputSync();
  const status = new TextDecoder().decode(stdout);
  const mib = (name: string) => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]) / 1024);
  return { peak: mib("VmHWM"), now: mib("VmRSS") };
}

interface Stats {
  readonly total_clicks: number;
  readonly evicted_sessions: number;
  readonly dead_letters: number;
  readonly lake: { readonly rows: number };
}

const wait = () => new Promise((resolve) => setTimeout(resolve, WAIT_MS));

/** Sends all of it; returns how many events were accepted, and how often the server asked to wait. */
async function flood({ url }: Server): Promise<{ accepted: number; halfMinutes: number }> {
  const { hostname, port } = new URL(url), requests = Math.ceil(IDS / LINES), botTimes: number[] = [], halfMinutes = new Set<number>();
  // A bot's clicks come in some requests that follow upon each other, and each bot at another time of the flood.
  const apart = Math.max(1, Math.floor(requests / BOTS)), parts = BOT_CLICKS / BOT_CLICKS_AT_ONCE;
  let next = 0, accepted = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const connection = await Connection.open({ hostname, port: Number(port) });
    for (let number = next++; number < requests + parts; number = next++) {
      const now = Date.now();
      halfMinutes.add(Math.floor(now / 30_000));
      let body = number < requests ? lines(number * LINES, Math.min(IDS, (number + 1) * LINES), number, now) : "";
      for (let part = 0; part < parts; part++) {
        const bot = (number - part) / apart;
        if (Number.isInteger(bot) && bot >= 0 && bot < BOTS) body += botLines(bot, botTimes[bot] ??= now);
      }
      if (body === "") continue;
      const request = eventsRequest(body);
      let answer = await connection.ask(request);
      while (answer.status === 429 || answer.status === 503) {
        await wait();
        answer = await connection.ask(request);
      }
      assert.equal(answer.status, 202, answer.body);
      accepted += (JSON.parse(answer.body) as { accepted: number }).accepted;
    }
    connection.close();
  }));
  return { accepted, halfMinutes: halfMinutes.size };
}

async function statsOf({ url }: Server): Promise<Stats> {
  return await (await fetch(`${url}/stats`)).json();
}

/** Waits until both readers have done what was sent. */
async function settled(server: Server, events: number): Promise<Stats> {
  for (let waits = 0; waits < WAITS; waits++) {
    const stats = await statsOf(server);
    if (stats.total_clicks === events && stats.lake.rows === events) return stats;
    await wait();
  }
  throw new Error(`Cannot go on: the readers have ${JSON.stringify(await statsOf(server))} of ${events}`);
}

async function flagged({ url }: Server): Promise<Set<number | string>> {
  const { hostname, port } = new URL(url);
  const connection = await Connection.open({ hostname, port: Number(port) });
  const { body } = await connection.ask(getRequest("/anomalies?limit=1000"));
  connection.close();
  return new Set((JSON.parse(body) as { session_id: number | string }[]).map(({ session_id }) => session_id));
}

/** Rows of the lake, and how many different sessions, items and categories they have, of a folder that nobody has open. */
async function lakeOf(data: string): Promise<Record<string, number>> {
  const kv = sealedKv(await Deno.openKv(paths.state(data))), duck = await Duck.open({ lakeFolder: paths.lake(data), name: "test" });
  try {
    const parts = allParts(await readManifest(kv)).filter(({ table }) => table === "raw_clicks");
    const different = ["session_id", "item_id", "category"].map((name) => `count(DISTINCT ${name})::DOUBLE AS ${name}`);
    const sql = `SELECT count(*)::DOUBLE AS rows, ${different.join(", ")} FROM (${selectParts(parts, "raw_clicks", paths.lake(data))})`;
    return (await duck.rows(sql))[0] as Record<string, number>;
  } finally {
    duck.close();
    kv.close();
  }
}

Deno.test({
  name: "the server stays within its memory, finds each bot and archives each row when no id ever comes again",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const data = await Deno.makeTempDir({ prefix: "guardian-ids-" });
    const server = await serve(data, "--partitions", "1", "--archive-interval-s", "1", "--log-level", "error");
    try {
      const start = memoryOf(server);
      const { accepted, halfMinutes } = await flood(server);
      const events = IDS + BOTS * BOT_CLICKS;
      assert.equal(accepted, events);
      const stats = await settled(server, events);
      const memory = memoryOf(server), bots = await flagged(server);
      assert.deepEqual(Array.from({ length: BOTS }, (_, bot) => botId(bot)).filter((bot) => !bots.has(bot)), [], "bots not found");
      assert.equal(bots.size, BOTS, "nobody else is taken for a bot");
      const crowded = (IDS * CROWDED_OF_TEN) / 10, room = halfMinutes * limits.paneSessionsMax;
      assert.ok(
        stats.evicted_sessions >= crowded - room,
        `${stats.evicted_sessions} told of ${crowded} in ${halfMinutes} half minutes with room for ${room}`,
      );
      assert.ok(stats.evicted_sessions <= IDS, `${stats.evicted_sessions}`);
      assert.equal(stats.dead_letters, 0);
      assert.ok(memory.peak < MEMORY_MIB, `${memory.peak} MiB at the most, ${start.now} MiB before`);
      assert.equal(await server.end("SIGTERM"), 0, server.logged());
      const different = IDS + BOTS;
      assert.deepEqual(await lakeOf(data), { rows: events, session_id: different, item_id: different, category: IDS });
      tell("ids that never come again", {
        ids_of_each_kind: IDS,
        peak_mib: memory.peak,
        before_mib: start.now,
        evicted_and_told: stats.evicted_sessions,
        bots_found: bots.size,
        rows_archived: events,
      });
    } finally {
      await server.end("SIGKILL");
      await Deno.remove(data, { recursive: true });
    }
  },
});
