// One session over the API: what people say of it and what that changes, what it did, and the rules that find it.

import assert from "node:assert/strict";
import { paths } from "../../src/folder.ts";
import { allParts, readManifest } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";
import { assertProblem, clicks, closing, type Lab, T0, withLab } from "./lab.ts";

type Json = Record<string, unknown>;

const HOUR = 3_600_000;

/** A bot and a person in 2014, and what closes their windows. */
async function withSessions(work: (lab: Lab) => Promise<void>, timezone = "UTC"): Promise<void> {
  await withLab(async (lab) => {
    await lab.post([...clicks("bot", 60), ...clicks("person", 3, T0 + 7_000, 500)]);
    await lab.post(closing());
    await lab.guardian.caughtUp();
    await work(lab);
  }, { timezone });
}

async function json<T = Json>(lab: Lab, path: string): Promise<T> {
  const response = await lab.fetch(path), body = await response.json();
  assert.equal(response.status, 200, `${path}: ${JSON.stringify(body)}`);
  return body;
}

const say = (lab: Lab, session: string, body: unknown) =>
  lab.fetch(`/sessions/${encodeURIComponent(session)}/feedback`, { method: "POST", body: JSON.stringify(body) });

Deno.test("feedback is noted, shown with the session's anomalies, and taken back", async () => {
  await withSessions(async (lab) => {
    const feedbacks = async () => {
      const paths = ["/anomalies", "/anomalies/bot", "/anomalies?order=detected", "/anomalies?session_id=bot", "/export/anomalies"];
      const listed = (await Promise.all(paths.map((path) => json<{ feedback: unknown }[]>(lab, path)))).flat();
      const lines = (await (await lab.fetch("/anomalies?format=ndjson")).text()).trimEnd().split("\n").map((line) => JSON.parse(line));
      assert.equal(listed.length + lines.length, paths.length + 1);
      return [...new Set([...listed, ...lines].map(({ feedback }) => feedback))];
    };
    assert.deepEqual(await feedbacks(), [null]);
    const first = await (await say(lab, "bot", { verdict: "human" })).json();
    assert.deepEqual({ ...first, given_at: null }, { session_id: "bot", verdict: "human", given_at: null, days: [] });
    assert.match(first.given_at, /^20\d\d-.+Z$/);
    assert.deepEqual(await feedbacks(), ["human"]);
    assert.deepEqual(await (await say(lab, "bot", { verdict: "human" })).json(), first, "twice is no change");
    assert.equal((await (await say(lab, "bot", { verdict: "bot" })).json()).verdict, "bot");
    assert.deepEqual(await feedbacks(), ["bot"]);
    const none = { session_id: "bot", verdict: null, given_at: null, days: [] };
    assert.deepEqual(await (await say(lab, "bot", { verdict: null })).json(), none);
    assert.deepEqual(await (await say(lab, "bot", { verdict: null })).json(), none);
    assert.deepEqual(await feedbacks(), [null]);
  });
});

Deno.test("feedback is told to the live feed when it changes, and not when it is given twice", async () => {
  await withSessions(async (lab) => {
    const stop = new AbortController();
    const response = await lab.fetch("/live?channels=feedback", { signal: stop.signal });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (const verdict of ["human", "human", null, "bot"]) assert.equal((await say(lab, "bot", { verdict })).status, 200);
    let text = "";
    while (!text.includes('"verdict":"bot"')) text += (await reader.read()).value;
    await reader.cancel();
    const told = [...text.matchAll(/event: feedback\ndata: (.+)\n/g)].map(([, data]) => JSON.parse(data));
    assert.deepEqual(told, ["human", null, "bot"].map((verdict) => ({ session_id: "bot", verdict })));
  });
});

Deno.test("feedback that cannot be taken says why, and changes nothing", async () => {
  await withSessions(async (lab) => {
    for (const session of ["person", "nobody", "bot "]) {
      const problem = await assertProblem(await say(lab, session, { verdict: "bot" }), 404, "not_found");
      assert.match(String(problem.detail), /it has no anomaly/);
    }
    const bodies: [body: unknown, says: RegExp][] = [
      [{}, /"human", "bot" or null/],
      [{ verdict: "robot" }, /"human", "bot" or null/],
      [{ verdict: "human", why: "x" }, /nothing in it is called "why"/],
      [[], /no JSON object/],
    ];
    for (const [body, says] of bodies) {
      assert.match(String((await assertProblem(await say(lab, "bot", body), 400, "bad_request")).detail), says);
    }
    assert.equal((await lab.fetch("/sessions/bot/feedback")).status, 405);
    assert.equal(lab.guardian.feedback.count, 0);
  });
});

Deno.test("feedback names the days that it makes stale, and their figures follow when they are counted again", async () => {
  await withSessions(async (lab) => {
    const run = () => lab.fetch("/jobs/backfill", { method: "POST" }).then((response) => response.text());
    const sessions = async (traffic: string) => {
      const { unique_sessions, state } = await json(lab, `/metrics/daily/2014-04-07?traffic=${traffic}`);
      return [unique_sessions, state];
    };
    await run();
    assert.deepEqual([await sessions("all"), await sessions("humans")], [[22, "finished"], [21, "finished"]]);
    assert.deepEqual((await (await say(lab, "bot", { verdict: "human" })).json()).days, ["2014-04-07"]);
    assert.deepEqual(await sessions("humans"), [21, "stale"]);
    await run();
    assert.deepEqual(await sessions("humans"), [22, "finished"]);
    assert.deepEqual((await (await say(lab, "bot", { verdict: null })).json()).days, ["2014-04-07"]);
    assert.deepEqual(await sessions("humans"), [22, "stale"]);
    await run();
    assert.deepEqual([await sessions("all"), await sessions("humans")], [[22, "finished"], [21, "finished"]]);
  });
});

interface Events {
  since: string;
  until: string;
  events: Json[];
  complete: boolean;
  left_out: string[];
}

Deno.test("events of a session are told from the log, from the lake and from both, the same", async () => {
  await withSessions(async (lab) => {
    const before = await json<Events>(lab, "/sessions/bot/events");
    assert.deepEqual(
      before.events.map(({ timestamp }) => timestamp),
      Array.from({ length: 60 }, (_, i) => new Date(T0 + i * 100).toISOString()),
    );
    const { partition, ...first } = before.events[0];
    const rest = { category: null, price: null, quantity: null, page: null, offset: 0, lane: "live" };
    assert.deepEqual([first, typeof partition], [{ timestamp: new Date(T0).toISOString(), kind: "click", item_id: 7, ...rest }, "number"]);
    assert.deepEqual([before.complete, before.left_out], [true, []]);
    await lab.guardian.archiver.flush();
    assert.deepEqual(await json(lab, "/sessions/bot/events"), before);
    const secret = { ip: "203.0.113.9", user_agent: "curl/8", page: "/cart" };
    const sale = { kind: "purchase", session_id: "bot", item_id: "x", category: "S", timestamp: T0 + 60_000, price: 12.34, quantity: 2 };
    await lab.post([{ ...sale, ...secret }]);
    const after = await json<Events>(lab, "/sessions/bot/events");
    assert.deepEqual(after.events.slice(0, -1), before.events);
    const { offset, ...last } = after.events[60];
    assert.ok(Number(offset) >= 60);
    const told = { kind: "purchase", item_id: "x", category: "S", price: 12.34, quantity: 2, page: "/cart" };
    assert.deepEqual(last, { timestamp: new Date(T0 + 60_000).toISOString(), ...told, partition, lane: "live" });
    await lab.guardian.archiver.flush();
    const archived = await json<Events>(lab, "/sessions/bot/events");
    assert.deepEqual(archived, after);
    assert.doesNotMatch(JSON.stringify(archived), /203\.0|curl/);
  });
});

Deno.test("events of a session are those around its newest anomaly, of the last day where it has none, or of the time asked for", async () => {
  await withSessions(async (lab) => {
    const bot = await json<Events>(lab, "/sessions/bot/events");
    assert.deepEqual([bot.since, bot.until], [T0 + 310_000 - 24 * HOUR, T0 + 310_000].map((ms) => new Date(ms).toISOString()));
    const person = await json<Events>(lab, "/sessions/person/events");
    assert.ok(Math.abs(Date.parse(person.until) - Date.now()) < HOUR && person.events.length === 0 && person.complete);
    const counts: [query: string, count: number, complete: boolean][] = [
      [`since=${T0}`, 3, true],
      [`until=${T0 + HOUR}`, 3, true],
      [`since=${T0 + 7_500}&until=${T0 + 8_000}`, 1, true],
      [`since=${T0}&limit=2`, 2, false],
      [`since=${T0}&limit=3`, 3, true],
      [`since=${T0 + HOUR}`, 0, true],
      [`since=${T0}&until=${T0 + limits.sessionEventsHoursMax * HOUR}`, 3, true],
      ["until=100", 0, true],
      ["since=9999-12-31T00:00:00Z", 0, true],
    ];
    for (const [query, count, complete] of counts) {
      const { events, complete: whole } = await json<Events>(lab, `/sessions/person/events?${query}`);
      assert.deepEqual([events.length, whole], [count, complete], query);
    }
    const refused: [query: string, says: RegExp][] = [
      [`since=${T0}&until=${T0}`, /must be the earlier one/],
      [`since=${T0}&until=${T0 + limits.sessionEventsHoursMax * HOUR + 1}`, /ask for less time/],
      ["since=253402300799999", /must be the earlier one/],
      ["limit=0", /1 to 5000/],
      ["limit=5001", /1 to 5000/],
      ["since=yesterday", /date and time/],
    ];
    for (const [query, says] of refused) {
      const problem = await assertProblem(await lab.fetch(`/sessions/person/events?${query}`), 400, "invalid_parameter");
      assert.match(String(problem.detail), says, query);
    }
  });
});

Deno.test("events of a session are not complete when a file of the lake is gone, and say which", async () => {
  await withSessions(async (lab) => {
    await lab.guardian.archiver.flush();
    const [part] = allParts(await readManifest(lab.guardian.state));
    await Deno.remove(`${paths.lake(lab.guardian.options.data)}/${part.file}`);
    const { events, complete, left_out } = await json<Events>(lab, "/sessions/bot/events");
    assert.deepEqual([events, complete, left_out], [[], false, [part.file]]);
  });
});

Deno.test("events of sessions are read one after the other, and beyond what may wait a request is turned away", async () => {
  await withSessions(async (lab) => {
    const atOnce = limits.heavyReadsWaitingMax + 1;
    for (const more of [-1, 0, 1]) {
      const asked = Array.from({ length: atOnce + more }, () => lab.fetch(`/sessions/bot/events?since=${T0}`));
      const answers = await Promise.all(asked), refused = answers.filter(({ status }) => status !== 200);
      assert.deepEqual(refused.map(({ status, headers }) => [status, headers.get("retry-after")]), more > 0 ? [[429, "2"]] : []);
      await Promise.all(answers.map((answer) => answer.body?.cancel()));
    }
    assert.equal((await json<Events>(lab, "/sessions/bot/events")).events.length, 60);
  });
});

Deno.test("a session id that no event can have is refused wherever one is asked for", async () => {
  await withLab(async (lab) => {
    const asks: [string, RequestInit?][] = [["/sessions/ID/events"], ["/sessions/ID/feedback", {
      method: "POST",
      body: '{"verdict":"bot"}',
    }]];
    asks.push(["/anomalies/ID"], ["/anomalies?session_id=ID"], ["/live?session_id=ID"]);
    const long = "ü".repeat(limits.idBytesMax / 2);
    for (const [path, init] of asks) {
      const ask = (id: string) => lab.fetch(path.replace("ID", encodeURIComponent(id)), init);
      const taken = await ask(long);
      assert.ok(taken.status === 200 || taken.status === 404, `${path}: ${taken.status}`);
      await taken.body?.cancel();
      for (const id of [`${long}x`, "x".repeat(10_000)]) {
        assert.match(String((await assertProblem(await ask(id), 400, "invalid_parameter")).detail), /128 bytes at the most/, path);
      }
    }
  });
});

Deno.test("rules are told as they are in force", async () => {
  await withLab(async (lab) => {
    const windows = { version: 1, clicks_min: 50, items_max: null };
    assert.deepEqual(await json(lab, "/rules"), [
      {
        anomaly_type: "HIGH_FREQUENCY",
        ...windows,
        window_s: 10,
        every_s: 10,
        description: "50 clicks or more of one session within 10 seconds",
      },
      {
        anomaly_type: "BOT_LIKE",
        version: 1,
        window_s: 60,
        every_s: 30,
        clicks_min: 100,
        items_max: 5,
        description: "100 clicks or more of one session within 60 seconds on at most 5 items; a window begins every 30 seconds",
      },
    ]);
  });
});
