// Limits of the lake, of day jobs and of backups at their edges. Memory that is DuckDB's to keep within is held to reach it as its setting.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { daysOf } from "../../jobs/due.ts";
import { Desk, type JobContext } from "../../jobs/job.ts";
import { Zone } from "../../jobs/local_day.ts";
import { trending } from "../../jobs/trending/mod.ts";
import { forEach } from "../../src/backup/copy.ts";
import { Moment } from "../../src/backup/moment.ts";
import type { EventBatch } from "../../src/event/batch.ts";
import { Gather } from "../../src/lake/gather.ts";
import { hold, whenFree } from "../../src/lake/hold.ts";
import { Duck } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";

const EDGES = [-1, 0, 1];
const DAY_MS = 86_400_000;

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-limits-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a flush is full when the batches that it gathered have gatheredBytesMax", () => {
  for (const by of EDGES) {
    // An event takes 21 bytes and a text two a character, besides what both take at the least; one event or two make it odd or even.
    const count = (limits.gatheredBytesMax + by - 512 - 21) % 2 === 0 ? 1 : 2;
    const text = { length: (limits.gatheredBytesMax + by - 512 - 21 * count - 24) / 2 } as string;
    const batch = { count, firstOffset: 0, partition: 0, control: "events", kind: [0, 0], eventTime: [0, 0], words: [text] };
    const gather = new Gather();
    gather.add(batch as unknown as EventBatch, 0);
    assert.deepEqual([gather.bytes - limits.gatheredBytesMax, gather.full], [by, by >= 0]);
  }
});

Deno.test("DuckDB has duckdbMemoryMib of memory, and duckdbThreadsMax threads however many are asked for; day jobs have jobMemoryMib", async () => {
  await withFolder(async (lakeFolder) => {
    const setting = "SELECT current_setting('memory_limit') AS memory, current_setting('threads')::INTEGER AS threads";
    for (const by of EDGES) {
      const threads = limits.duckdbThreadsMax + by, duck = await Duck.open({ lakeFolder, name: "test", threads });
      try {
        const [{ memory, threads: given }] = await duck.rows(setting);
        assert.deepEqual([memory, given], [`${limits.duckdbMemoryMib}.0 MiB`, Math.min(threads, limits.duckdbThreadsMax)]);
      } finally {
        duck.close();
      }
    }
    const order = { date: "2026-01-01" } as Parameters<typeof Desk.at>[1];
    await Desk.at({ lakeFolder } as JobContext, order, undefined, async (desk) => {
      assert.equal((await desk.rows(setting))[0].memory, `${limits.jobMemoryMib}.0 MiB`);
    });
  });
});

Deno.test("items whose clicks rise are left out when they rank one beyond trendingMax", async () => {
  await withFolder(async (lakeFolder) => {
    for (const by of EDGES) {
      const order = { date: "2026-01-01", days: [] } as unknown as Parameters<typeof Desk.at>[1];
      await Desk.at({ lakeFolder } as JobContext, order, undefined, async (desk) => {
        await desk.run(`CREATE TEMP VIEW items AS SELECT DATE '2026-01-01' AS metric_date, i::VARCHAR AS item_id, 10 + i AS clicks,
          10 + i AS human_clicks, 0 AS purchases, 0 AS human_purchases FROM range(${limits.trendingMax + by}) t(i);
          CREATE TEMP VIEW traffic_items AS SELECT DATE '2026-01-01' AS metric_date, t.traffic, items.item_id, 'c' AS category,
          items.clicks FROM items, (VALUES ('all'), ('humans')) t(traffic)`);
        // The days are these; all else is the job's own.
        desk.showDays = () => Promise.resolve();
        const { results: [{ rows }] } = await trending.run(desk);
        for (const traffic of ["all", "humans"] as const) {
          assert.equal(rows[traffic].length, limits.trendingMax + Math.min(by, 0), `${traffic} ${by}`);
          assert.equal(rows[traffic].some(({ item_id }) => item_id === "0"), by <= 0, "the last one is the one that rises least");
        }
      });
    }
  });
});

Deno.test("the scheduler looks at jobDaysMax days, and the oldest is left out when it is one beyond", () => {
  for (const by of EDGES) {
    const dates = Array.from({ length: limits.jobDaysMax + by }, (_, i) => new Date(i * DAY_MS).toISOString().slice(0, 10));
    const given = { hours: new Map(), zone: new Zone("UTC"), runs: { dates: () => dates } } as unknown as Parameters<typeof daysOf>[0];
    const days = daysOf(given);
    assert.deepEqual([days.length, days[0]], [limits.jobDaysMax + Math.min(by, 0), by > 0 ? "1970-01-02" : "1970-01-01"]);
  }
});

/** Two small files of SQLite, as a data folder has them. pages: of 64 KiB, of the log. */
function makeStores(folder: string, pages: number): void {
  for (const [name, most] of [["log.kv", pages], ["state.kv", 2]] as const) {
    using database = new DatabaseSync(`${folder}/${name}`);
    database.exec("PRAGMA page_size = 65536; PRAGMA synchronous = OFF; BEGIN; CREATE TABLE t (x)");
    while (Number(database.prepare("PRAGMA page_count").get()!.page_count) < most) database.exec("INSERT INTO t VALUES (zeroblob(40000))");
    database.exec("COMMIT");
    assert.equal(database.prepare("PRAGMA page_count").get()!.page_count, most);
  }
}

Deno.test("a backup gives up when no look of momentTriesMax found a moment", async () => {
  await withFolder((folder) => {
    makeStores(folder, 2);
    const prepare = DatabaseSync.prototype.prepare;
    for (const by of EDGES) {
      // Another version at each look, until one look finds the same twice; three were looked up as the files were opened.
      let asked = -3;
      const changes = 2 * (limits.momentTriesMax + by - 1);
      DatabaseSync.prototype.prepare = function (sql: string) {
        if (sql !== "PRAGMA data_version") return prepare.call(this, sql);
        return { get: () => ({ data_version: asked++ < changes ? asked : 0 }) } as unknown as ReturnType<typeof prepare>;
      };
      try {
        if (by > 0) assert.throws(() => Moment.find(folder), { code: "storage_failing" });
        else {
          using moment = Moment.find(folder);
          assert.equal(moment.tries, limits.momentTriesMax + by);
        }
      } finally {
        DatabaseSync.prototype.prepare = prepare;
      }
    }
    return Promise.resolve();
  });
});

Deno.test("a backup tells how far it is after each backupSliceBytes of a KV file", async () => {
  for (const by of EDGES) {
    await withFolder(async (folder) => {
      makeStores(folder, limits.backupSliceBytes / 65_536 + by);
      const told: number[] = [];
      using moment = Moment.find(folder);
      await moment.log.copyTo(`${folder}/copy.kv`, (done) => told.push(done));
      assert.deepEqual(told, by > 0 ? [limits.backupSliceBytes] : [], `${by}`);
    });
  }
});

Deno.test("a backup copies backupFilesAtOnce files at a time and no more", async () => {
  for (const by of EDGES) {
    let under = 0, most = 0, done = 0;
    await forEach(Array.from({ length: limits.backupFilesAtOnce + by }), async () => {
      most = Math.max(most, ++under);
      await Promise.resolve();
      under--;
      done++;
    });
    assert.deepEqual([most, done], [limits.backupFilesAtOnce + Math.min(by, 0), limits.backupFilesAtOnce + by]);
  }
});

Deno.test("whoever waits for files that another holds gives up when holdWaitMs have passed", async () => {
  await withFolder(async (folder) => {
    using _held = await hold(folder, "parts");
    for (const by of EDGES) {
      const now = performance.now, until = 1e9;
      let looks = 0;
      const looked = () => {
        if (++looks === 2) throw new Error("it waits on");
      };
      performance.now = () => looks === 0 ? until - limits.holdWaitMs : until + by;
      try {
        const failure: unknown = await whenFree(folder, "parts", () => Promise.resolve(null), looked).catch((thrown) => thrown);
        assert.ok(failure instanceof Error, "nobody changes what is held");
        assert.match(failure.message, by < 0 ? /it waits on/ : /a backup holds them; try again when it is done/);
      } finally {
        performance.now = now;
      }
    }
  });
});
