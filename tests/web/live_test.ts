import assert from "node:assert/strict";
import { endpoints } from "../../routes/mod.ts";
import { liveBriefSchema } from "../../src/live/figures.ts";
import { makeApp } from "../../src/web/app.ts";
import { assertProblem, clicks, closing, type Lab, T0, withLab } from "./lab.ts";

interface Told {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The events of a stream, one at a time. */
class Events {
  readonly #reader;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(response: Response) {
    assert.equal(response.status, 200);
    this.#reader = response.body!.getReader();
  }

  /** The next event, or null at the end. */
  async next(): Promise<Told | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
        return { id: field("id"), event: field("event")!, data: JSON.parse(field("data")!) };
      }
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  async take(count: number): Promise<Told[]> {
    const told: Told[] = [];
    while (told.length < count) told.push((await this.next())!);
    return told;
  }

  close(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** Runs `work` with the lab behind a port. */
async function withServer(lab: Lab, work: (url: string) => Promise<void>): Promise<void> {
  const app = makeApp(lab.service, endpoints);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => app.fetch(request));
  try {
    await work(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    lab.service.feed.close("stopping");
    await server.shutdown();
  }
}

/** A bot in a window of its own: a provisional anomaly, and a confirmed one of the bot before. */
async function bot(lab: Lab, number: number): Promise<void> {
  await lab.post(clicks("bot", 60, T0 + number * 120_000));
  await lab.guardian.caughtUp();
}

Deno.test("the feed is a stream of events that no cache and no proxy holds back", async () => {
  await withLab(async (lab) => {
    const response = await lab.fetch("/live");
    const headers = ["content-type", "cache-control", "x-accel-buffering"].map((name) => response.headers.get(name));
    assert.deepEqual(headers, ["text/event-stream", "no-store, no-transform", "no"]);
    assert.equal(lab.service.underWay, 0, "a stream that stays open is no request under way");
    const events = new Events(response);
    const [hello, figures] = await events.take(2);
    assert.deepEqual([hello.event, hello.id, hello.data.feed, hello.data.resumed, hello.data.missed], ["hello", "0", 0, false, 0]);
    assert.equal(figures.event, "figures");
    assert.ok(liveBriefSchema.safeParse(figures.data).success);
    assert.equal(lab.service.feed.clients, 1);
    await events.close();
    assert.equal(lab.service.feed.clients, 0);
  });
});

Deno.test("a HEAD request of the feed opens no stream", async () => {
  await withLab(async (lab) => {
    const response = await lab.fetch("/live", { method: "HEAD" });
    assert.deepEqual([response.status, response.headers.get("content-type"), lab.service.feed.clients], [200, "text/event-stream", 0]);
  });
});

Deno.test("parameters of the feed that are not valid are refused by name", async () => {
  await withLab(async (lab) => {
    const wrong: [string, RegExp][] = [
      ["channels=anomaly,figure", /"channels" as "anomaly,figure": it must be one or more of anomaly, figures, run, feedback/],
      ["channels=", /"channels"/],
      ["severity=worst", /"severity"/],
      ["anomaly_type=BOT", /"anomaly_type"/],
      ["session_id=", /"session_id"/],
      ["last_event_id=-1", /"last_event_id" as "-1"/],
      ["last_event_id=1.5", /"last_event_id"/],
      ["type=BOT_LIKE", /did you mean "anomaly_type"|there is none of that name/],
    ];
    for (const [query, message] of wrong) {
      const problem = await assertProblem(await lab.fetch(`/live?${query}`), 400, "invalid_parameter");
      assert.match(String(problem.detail), message);
    }
    const problem = await assertProblem(await lab.fetch("/live", { headers: { "last-event-id": "x" } }), 400, "invalid_parameter");
    assert.match(String(problem.detail), /the header Last-Event-ID as "x"/);
    assert.equal(lab.service.feed.clients, 0);
  });
});

Deno.test("a client over HTTP that comes back gets what it missed, each once, as the list shows it", async () => {
  await withLab(async (lab) => {
    await withServer(lab, async (url) => {
      const path = "/live?channels=anomaly";
      const first = new Events(await fetch(url + path));
      await first.take(1);
      await bot(lab, 0);
      const [seen] = await first.take(1);
      await first.close();
      for (let i = 1; i <= 3; i++) await bot(lab, i);
      const back = new Events(await fetch(url + path, { headers: { "Last-Event-ID": seen.id! } }));
      const [hello, ...missed] = await back.take(7);
      assert.deepEqual([hello.data.resumed, hello.data.missed, hello.id], [true, 6, undefined]);
      await bot(lab, 4);
      const told = [seen, ...missed, ...await back.take(2)];
      assert.deepEqual(told.map(({ id }) => Number(id)), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
      assert.deepEqual(new Set(told.map(({ event }) => event)), new Set(["anomaly"]));
      const listed = await (await lab.fetch("/anomalies")).json() as { anomaly_id: string; status: string }[];
      const newest = new Map(told.map(({ data }) => [data.anomaly_id, data]));
      assert.deepEqual([...newest.values()].reverse(), listed);
      const filtered = new Events(await fetch(`${url}${path}&session_id=nobody&last_event_id=${seen.id}`));
      assert.equal((await filtered.take(1))[0].data.missed, 8);
      const other = new Events(await fetch(`${url}${path}&last_event_id=10`));
      assert.deepEqual((await other.take(2)).map(({ event, data }) => [event, data.reason]), [["hello", undefined], [
        "reload",
        "unknown_number",
      ]]);
      lab.service.feed.close("stopping");
      for (const events of [back, filtered, other]) {
        assert.deepEqual([(await events.next())?.event, await events.next()], ["bye", null]);
      }
    });
  });
});

Deno.test("a client over HTTP that goes away is forgotten", async () => {
  await withLab(async (lab) => {
    await withServer(lab, async (url) => {
      const gone = new AbortController();
      const events = new Events(await fetch(`${url}/live?channels=run`, { signal: gone.signal }));
      await events.take(1);
      assert.equal(lab.service.feed.clients, 1);
      gone.abort();
      await assert.rejects(events.next(), { name: "AbortError" });
      // The server learns of it from the connection.
      while (lab.service.feed.clients > 0) await new Promise((resolve) => setImmediate(resolve));
    });
  });
});

Deno.test("runs and feedback are told as they happen", async () => {
  await withLab(async (lab) => {
    await lab.post([...clicks("bot", 60), ...closing()]);
    await lab.guardian.archiver.flush();
    await lab.guardian.caughtUp();
    const runs = new Events(await lab.fetch("/live?channels=run")), feedback = new Events(await lab.fetch("/live?channels=feedback"));
    await runs.take(1);
    await lab.fetch("/jobs/daily_metrics/runs?wait=true", {
      method: "POST",
      body: JSON.stringify({ date: "2014-04-07" }),
      headers: { "content-type": "application/json" },
    });
    const [begun, ended] = await runs.take(2);
    assert.deepEqual([begun, ended].map(({ event, id, data }) => [event, id, data.job, data.state]), [
      ["run", undefined, "daily_metrics", "running"],
      ["run", undefined, "daily_metrics", "succeeded"],
    ]);
    assert.deepEqual(ended.data, (await (await lab.fetch("/jobs/runs?job=daily_metrics")).json())[0]);
    const judge = (verdict: string | null) =>
      lab.fetch("/sessions/bot/feedback", {
        method: "POST",
        body: JSON.stringify({ verdict }),
        headers: { "content-type": "application/json" },
      });
    await judge("human");
    await judge("human");
    await judge(null);
    const [, ...told] = await feedback.take(3);
    assert.deepEqual(told.map(({ event, data }) => [event, data]), [
      ["feedback", { session_id: "bot", verdict: "human" }],
      ["feedback", { session_id: "bot", verdict: null }],
    ]);
    await Promise.all([runs.close(), feedback.close()]);
  });
});

Deno.test("live figures tell of everybody, or of people alone", async () => {
  await withLab(async (lab) => {
    const purchase = { kind: "purchase", session_id: "person", timestamp: T0 + 9_000, item_id: 7, price: 10, quantity: 1 };
    await lab.post([...clicks("bot", 60), ...clicks("person", 2, T0, 1000), purchase]);
    await lab.guardian.caughtUp();
    await lab.guardian.shop.caughtUp();
    const [all, humans] = await Promise.all(
      ["", "?traffic=humans"].map(async (query) => await (await lab.fetch(`/live/figures${query}`)).json()),
    );
    assert.deepEqual([all.traffic, all.sessions, all.clicks, all.purchases, all.conversion_rate], ["all", 2, 62, 1, 0.5]);
    assert.deepEqual([humans.traffic, humans.sessions, humans.clicks, humans.purchases, humans.conversion_rate], ["humans", 1, 2, 1, 1]);
    assert.deepEqual([all.newest_event, all.window_start], ["2014-04-07T10:00:09.000Z", "2014-04-07T09:30:10.000Z"]);
    assert.deepEqual(all.top_products, [{ item_id: 7, clicks: 62, purchases: 1 }]);
    assert.equal(all.anomalies_last_hour.by_type.HIGH_FREQUENCY, 1);
    assert.deepEqual(all.sessions_shown.map(({ flagged }: { flagged: boolean }) => flagged).sort(), [false, true]);
    assert.deepEqual(humans.sessions_shown, [{
      session_id: "person",
      duration_s: 9,
      clicks: 2,
      items: 1,
      bought: true,
      flagged: false,
    }]);
    await assertProblem(await lab.fetch("/live/figures?traffic=bots"), 400, "invalid_parameter");
  });
});
