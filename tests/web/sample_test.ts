import assert from "node:assert/strict";
import { openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { LIVE } from "../../src/event/batch.ts";
import { paths } from "../../src/folder.ts";
import { Guardian } from "../../src/guardian.ts";
import { limits } from "../../src/limits.ts";
import type { LogLine } from "../../src/log_line.ts";
import { SampleShop } from "../../src/sample/mod.ts";
import { makeApp } from "../../src/web/app.ts";
import { whileSent } from "../../src/web/data_of.ts";
import { holdsSample } from "../../src/web/sample_folder.ts";
import { SampleSite, type SampleState } from "../../src/web/sample_site.ts";
import { isTooFarBehind, isTooOld } from "../../src/web/sample_stand.ts";
import { makeService, type Service } from "../../src/web/service.ts";
import { TestClock } from "../support/clock.ts";
import { assertProblem, clicks, LOOPBACK, ndjson } from "./lab.ts";

const NOW = Date.UTC(2026, 2, 5, 4, 3, 20), DAY_MS = 86_400_000, VISITORS = 300;
const SINCE = "2026-03-02", SINCE_MS = Date.UTC(2026, 2, 2);
const untold = { begun: () => {}, fed: () => {}, counted: () => {} };

/** A wait that ends when a test says so, or the signal does. */
class Waits {
  #waiting: (() => void)[] = [];
  readonly wait = (_ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
      this.#waiting.push(resolve);
    });
  /** Ends the wait at hand, and comes back when the next one has begun. */
  async pass(): Promise<void> {
    for (const end of this.#waiting.splice(0)) end();
    while (this.#waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

interface Site {
  readonly own: Guardian;
  readonly site: SampleSite;
  readonly clock: TestClock;
  readonly waits: Waits;
  readonly states: readonly SampleState[];
  readonly lines: { event: string; fields: Record<string, unknown> }[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

/** Runs `work` with a product over `data` and a sample that has not begun; stops both. */
async function withSite(
  data: string,
  clock: TestClock,
  work: (site: Site) => Promise<void>,
  { timezone = "UTC", pastDays = 3 } = {},
): Promise<void> {
  const lines: Site["lines"] = [], states: SampleState[] = [], waits = new Waits();
  const logLine: LogLine = (_level, event, fields = {}) => lines.push({ event, fields });
  const own = await Guardian.open({ data, clock, logLine, partitions: 2 });
  const settings = { timezone, runAt: "03:00", currency: "USD" };
  const days = openDays(own, settings);
  const around = { clock, logLine, access: LOOPBACK, futureMs: DAY_MS };
  const serviceOf = (guardian: Guardian, itsDays: typeof days) => makeService({ guardian, days: itsDays, ...around });
  const site = new SampleSite({
    own,
    settings,
    serviceOf,
    archiveIntervalMs: 60_000,
    wait: waits.wait,
    onState: (state) => states.push(state),
    visitorsPerDay: VISITORS,
    pastDays,
  });
  try {
    own.start();
    const app = makeApp(makeService({ guardian: own, days, sample: site, ...around }), endpoints);
    const fetch = (path: string, init?: RequestInit) => Promise.resolve(app.fetch(new Request(`http://localhost${path}`, init)));
    await work({ own, site, clock, waits, states, lines, fetch });
  } finally {
    await site.close();
    await days.close();
    await own.stop();
  }
}

async function withFolder(work: (data: string, clock: TestClock) => Promise<void>): Promise<void> {
  const data = await Deno.makeTempDir({ prefix: "guardian-sample-" });
  try {
    await work(data, new TestClock(NOW));
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}

/** Whose the answer is, its status and its body. */
async function asked({ fetch }: Site, path: string, init?: RequestInit) {
  const response = await fetch(path, init);
  // deno-lint-ignore no-explicit-any
  return { of: response.headers.get("data-of"), status: response.status, body: await response.json() as any };
}

const OWN = { headers: { "Data-Of": "own" } };
const first = { method: "POST", body: ndjson(clicks("real", 1, NOW)) };
const made = (to: number) =>
  [...new SampleShop({ visitorsPerDay: VISITORS }).chunks(SINCE_MS, to)].reduce((sum, c) => sum + c.columns.count, 0);

Deno.test("an empty folder shows a sample shop, is asked for itself, and is left to itself by its first event", async () => {
  await withFolder((data, clock) =>
    withSite(data, clock, async (lab) => {
      assert.equal((await asked(lab, "/stats")).of, null);
      await lab.site.begin(untold);
      const shown = await asked(lab, "/sample");
      const { send, ...rest } = shown.body;
      assert.equal(shown.of, null);
      const state = { shown: true, state: "live", visitors_per_day: VISITORS, since: SINCE, time_zone: "UTC", can_clear: true };
      assert.deepEqual(rest, state);
      assert.match(send.curl, /^curl -s 'http:\/\/localhost\/events' /);

      const stats = await asked(lab, "/stats");
      assert.deepEqual([stats.of, stats.body.total_events, stats.body.late_events], ["sample", made(NOW), 0]);
      assert.ok(stats.body.total_anomalies > 0);
      const counted = await asked(lab, "/metrics/daily");
      assert.deepEqual(
        counted.body.map(({ metric_date, state }: Record<string, string>) => [metric_date, state]),
        ["2026-03-04", "2026-03-03", "2026-03-02"].map((date) => [date, "finished"]),
      );
      assert.ok(counted.body.every((day: Record<string, number>) => day.total_revenue > 0 && day.purchases_other_currency === 0));
      assert.deepEqual(await asked(lab, "/anomalies", OWN), { of: null, status: 200, body: [] });
      assert.equal((await asked(lab, "/health")).of, null);
      const problem = await lab.fetch("/metrics/daily/2020-01-01");
      assert.deepEqual([problem.status, problem.headers.get("data-of")], [404, "sample"]);
      await problem.body?.cancel();
      await assertProblem(await lab.fetch("/stats", { headers: { "Data-Of": "theirs" } }), 400, "invalid_parameter");

      const run = await asked(lab, "/jobs/daily_metrics/runs?wait=true", { method: "POST", body: JSON.stringify({ date: "2026-03-03" }) });
      assert.deepEqual([run.of, run.body.state], ["sample", "succeeded"]);
      assert.deepEqual((await asked(lab, "/jobs/runs", OWN)).body, []);

      const refused = await asked(lab, "/events", { method: "POST", body: ndjson([{ nonsense: true }]) });
      assert.deepEqual([refused.of, refused.body.rejected], [null, 1]);
      assert.equal((await asked(lab, "/dead_letters")).body.length, 1);
      assert.equal((await asked(lab, "/stats")).of, "sample", "a refused line is no event");

      const follower = await lab.fetch("/live");
      assert.equal(follower.headers.get("data-of"), "sample");
      assert.equal((await asked(lab, "/events", first)).body.accepted, 1);
      // It ends by itself, whether anybody asks anything more or not.
      assert.match(await follower.text(), /event: bye\ndata: {"reason":"switched"}\n\n$/);
      const after = await asked(lab, "/sample");
      assert.deepEqual([after.body.shown, after.body.state, after.body.since, after.body.can_clear], [false, "off", null, true]);
      await lab.own.caughtUp();
      const real = await asked(lab, "/stats");
      assert.deepEqual([real.of, real.body.total_events], [null, 1]);
      await lab.site.close();
      assert.deepEqual(lab.lines.filter(({ event }) => event === "sample_left").map(({ fields }) => fields), [{ reason: "switched" }]);
      assert.deepEqual(lab.states, ["filling", "live", "off"]);
    })
  );
});

Deno.test("a sample that is left goes on where it stopped, is made anew when it is too old for that, and is deleted when it is cleared", async () => {
  await withFolder(async (data, clock) => {
    await withSite(data, clock, async (lab) => {
      await lab.site.begin(untold);
      clock.pass(3_600_000);
      await lab.waits.pass();
      await lab.site.shown!.guardian.caughtUp();
      assert.equal((await asked(lab, "/stats")).body.total_events, made(NOW + 3_600_000));
    });
    clock.pass(DAY_MS);
    await withSite(data, clock, async (lab) => {
      await lab.site.begin(untold);
      const { body } = await asked(lab, "/stats");
      assert.deepEqual([body.total_events, body.late_events, body.days_processed], [made(NOW + 3_600_000 + DAY_MS), 0, 4]);
      assert.equal(lab.site.since, SINCE);

      clock.pass(SINCE_MS + limits.sampleKeepDays * DAY_MS + 1 - clock.now());
      await lab.waits.pass();
      while (lab.site.state !== "live") await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(lab.site.since, "2026-03-20");
      assert.ok(lab.lines.some(({ event }) => event === "sample_made_anew"));

      await Deno.mkdir(`${paths.discardedSample(data)}x`);
      assert.deepEqual(await asked(lab, "/sample/clear", { method: "POST" }), { of: null, status: 200, body: { cleared: true } });
      assert.deepEqual(await asked(lab, "/stats").then(({ of, body }) => [of, body.total_events]), [null, 0]);
      assert.equal((await asked(lab, "/sample")).body.can_clear, false);
      assert.deepEqual((await asked(lab, "/sample/clear", { method: "POST" })).body, { cleared: false });
    });
    await withSite(data, clock, async (lab) => {
      await lab.site.begin(untold);
      assert.deepEqual([lab.site.shown, lab.site.state], [null, "off"]);
    });
    const left = [...Deno.readDirSync(data)].map(({ name }) => name).filter((name) => name.startsWith("sample"));
    assert.deepEqual(left, []);
  });
});

Deno.test("a sample that cannot be gone on with is made anew", async (t) => {
  await withFolder(async (data, clock) => {
    await withSite(data, clock, (lab) => lab.site.begin(untold), { pastDays: 1 });
    const why = async (timezone = "UTC") => {
      let reason: unknown = null;
      await withSite(data, clock, async (lab) => {
        await lab.site.begin(untold);
        assert.equal((await asked(lab, "/stats")).of, "sample");
        reason = lab.lines.find(({ event }) => event === "sample_made_anew")?.fields.reason ?? null;
      }, { timezone, pastDays: 1 });
      return reason;
    };
    await t.step("not when nothing is wrong", async () => assert.equal(await why(), null));
    await t.step("when its days are of another time zone", async () => assert.match(String(await why("Asia/Tokyo")), /another time zone/));
    await t.step("when it is damaged", async () => {
      await Deno.writeTextFile(paths.state(paths.sample(data)), "no database at all, and long enough to be taken for one\n".repeat(200));
      await Deno.remove(`${paths.state(paths.sample(data))}-wal`).catch(() => {});
      assert.match(String(await why("Asia/Tokyo")), /state\.kv/);
    });
    await t.step("when it is further behind than it may be", async () => {
      // It was fed up to a moment of the ten minutes from which on rows are looked for.
      const place = Math.floor(clock.now() / 600_000) * 600_000;
      clock.pass(place + limits.sampleBehindDaysMax * DAY_MS + 1 - clock.now());
      assert.match(String(await why("Asia/Tokyo")), /too far from the present/);
    });
  });
});

Deno.test("a sample may become as old as its limit, and no older", () => {
  const oldest = SINCE_MS + limits.sampleKeepDays * DAY_MS;
  assert.deepEqual([-1, 0, 1].map((more) => isTooOld(SINCE_MS, oldest + more)), [false, false, true]);
  assert.deepEqual([-1, 0, 1].map((more) => isTooFarBehind(NOW, NOW + limits.sampleBehindDaysMax * DAY_MS + more)), [false, false, true]);
  assert.ok(isTooFarBehind(NOW, NOW - 1), "one that is ahead of the clock cannot be gone on with either");
});

Deno.test("a sample is never shown when the first event comes while it is filled", async () => {
  await withFolder((data, clock) =>
    withSite(data, clock, async (lab) => {
      let shownWhileFilled = 0;
      const events = Promise.withResolvers<void>();
      const begun = lab.site.begin({
        ...untold,
        begun: () => {
          const columns = [...new SampleShop({ visitorsPerDay: 100 }).chunks(NOW - 3_600_000, NOW)][0].columns;
          // Any way in counts.
          lab.own.intake.submit({ columns, lane: LIVE }).then(() => events.resolve());
          if (lab.site.shown !== null) shownWhileFilled++;
        },
      });
      assert.equal(lab.site.state, "off", "nothing is decided before the folder was looked at");
      await Promise.all([begun, events.promise]);
      assert.deepEqual([shownWhileFilled, lab.site.shown, lab.site.state], [0, null, "off"]);
      assert.equal((await asked(lab, "/stats")).of, null);
      assert.ok(await holdsSample(data), "what was begun lies there until it is made anew or cleared");
    })
  );
});

Deno.test("a sample takes nobody's place, and no reset of it deletes what is not ours", async () => {
  await withFolder(async (data, clock) => {
    const theirs = `${paths.sample(data)}/clicks.csv`;
    await Deno.mkdir(paths.sample(data));
    await Deno.writeTextFile(theirs, "1,2014-04-07T10:00:00Z,7,0\n");
    await withSite(data, clock, async (lab) => {
      await lab.site.begin(untold);
      assert.deepEqual([lab.site.shown, lab.site.state], [null, "off"]);
      assert.match(String(lab.lines.find(({ event }) => event === "sample_failed")?.fields.reason), /not ours/);
      assert.equal((await asked(lab, "/sample")).body.can_clear, false);
      assert.deepEqual((await asked(lab, "/sample/clear", { method: "POST" })).body, { cleared: false });
    });
    assert.deepEqual([...Deno.readDirSync(paths.sample(data))].map(({ name }) => name), ["clicks.csv"]);
  });
});

Deno.test("a sample leaves a data folder alone that somebody keeps where it would be", async () => {
  await withFolder(async (data, clock) => {
    const theirs = await Guardian.open({ data: paths.sample(data), clock, logLine: () => {}, partitions: 2 });
    await theirs.stop();
    const before = [...Deno.readDirSync(paths.sample(data))].map(({ name }) => name).sort();
    await withSite(data, clock, async (lab) => {
      await lab.site.begin(untold);
      assert.deepEqual([lab.site.shown, lab.site.state], [null, "off"]);
      assert.match(String(lab.lines.find(({ event }) => event === "sample_failed")?.fields.reason), /not ours/);
      assert.deepEqual((await asked(lab, "/sample/clear", { method: "POST" })).body, { cleared: false });
    });
    assert.deepEqual([...Deno.readDirSync(paths.sample(data))].map(({ name }) => name).sort(), before);
  });
});

Deno.test("a sample that was just begun when the process died is made anew, however far it came", async () => {
  for (const left of [[], ["sample.json.new"], ["sample.json"], ["sample.json", "lock", "format.json.new"]]) {
    await withFolder(async (data, clock) => {
      await Deno.mkdir(paths.sample(data));
      for (const name of left) await Deno.writeTextFile(`${paths.sample(data)}/${name}`, "{");
      await withSite(data, clock, async (lab) => {
        await lab.site.begin(untold);
        assert.equal(lab.site.state, "live", left.join());
      }, { pastDays: 0 });
    });
  }
});

Deno.test("a folder with an event never gets a sample", async () => {
  await withFolder((data, clock) =>
    withSite(data, clock, async (lab) => {
      await lab.fetch("/events", first);
      await lab.site.begin(untold);
      assert.deepEqual([lab.site.shown, await holdsSample(data)], [null, false]);
    })
  );
});

Deno.test("an answer counts as under way until its last byte is read, or nobody wants it", async () => {
  const service = { underWay: 0 } as Service, get = new Request("http://localhost/"), gone = () => service.underWay === 0;
  const body = () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1000)) }));
  const ended = async () => {
    while (!gone()) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const answer = await whileSent(get, service, () => new Response("all of it", { status: 201, headers: { "X-Kept": "yes" } }));
  assert.deepEqual([answer.status, answer.headers.get("x-kept"), service.underWay], [201, "yes", 1]);
  assert.equal(await answer.text(), "all of it");
  await ended();
  const endless = await whileSent(get, service, body);
  assert.equal(service.underWay, 1);
  await endless.body!.cancel();
  await ended();
  await whileSent(new Request("http://localhost/", { method: "HEAD" }), service, body);
  assert.ok(gone());
  await whileSent(get, service, () => new Response(null, { status: 304 }));
  assert.ok(gone());
  await assert.rejects(whileSent(get, service, () => Promise.reject(new Error("no"))));
  assert.ok(gone());
});
