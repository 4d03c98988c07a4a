import assert from "node:assert/strict";
import { clicks, closing, type Lab, T0, withLab } from "./lab.ts";

interface Found {
  session_id: string | number;
  anomaly_type: string;
  status: string;
  window_start: string;
  anomaly_id: string;
}

/** Bots in ten windows of two sessions, all closed but one. */
async function withBots(work: (lab: Lab) => Promise<void>): Promise<void> {
  await withLab(async (lab) => {
    for (let window = 0; window < 10; window++) await lab.post(clicks(`bot-${window % 2}`, 50 + window, T0 + window * 120_000));
    await lab.post(closing(T0 + 3_600_000));
    await lab.post(clicks("fresh", 50, T0 + 3_600_000));
    await lab.guardian.caughtUp();
    await work(lab);
  });
}

async function get(lab: Lab, path: string): Promise<Found[]> {
  const response = await lab.fetch(path);
  assert.equal(response.status, 200, path);
  return await response.json();
}

Deno.test("anomalies are listed newest first, confirmed and provisional ones unless asked otherwise", async () => {
  await withBots(async (lab) => {
    const all = await get(lab, "/anomalies");
    assert.deepEqual(all.map(({ status }) => status), ["provisional", ...new Array(10).fill("confirmed")]);
    const starts = all.map(({ window_start }) => window_start);
    assert.deepEqual(starts, starts.toSorted().reverse());
    const counts: [query: string, count: number][] = [
      ["status=confirmed", 10],
      ["status=provisional", 1],
      ["status=retracted", 0],
      ["status=all", 11],
      ["anomaly_type=HIGH_FREQUENCY", 11],
      ["anomaly_type=BOT_LIKE", 0],
      ["session_id=bot-1", 5],
      ["session_id=nobody", 0],
      ["severity=low", 11],
      ["severity=critical", 0],
      ["since=2014-04-07T10:10:00Z", 6],
      ["until=2014-04-07T10:10:00Z", 5],
      ["since=2014-04-07T10:02:00Z&until=2014-04-07T10:04:00Z", 1],
      [`since=${T0}&until=${T0 + 1}`, 1],
      ["order=detected&limit=1000", 11],
    ];
    for (const [query, count] of counts) assert.equal((await get(lab, `/anomalies?${query}`)).length, count, query);
  });
});

Deno.test("anomalies are paged by the Link header, each once, in both orders", async () => {
  await withBots(async (lab) => {
    for (const query of ["", "&order=detected", "&session_id=bot-0", "&since=2014-04-07T10:04:00Z", "&until=2014-04-07T10:10:00Z"]) {
      const whole = await get(lab, `/anomalies?limit=1000${query}`);
      const paged: Found[] = [];
      let pages = 0;
      for (let path: string | undefined = `/anomalies?limit=2${query}`; path !== undefined; pages++) {
        const response = await lab.fetch(path);
        paged.push(...await response.json());
        path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
      }
      assert.deepEqual(paged.map(({ anomaly_id }) => anomaly_id), whole.map(({ anomaly_id }) => anomaly_id), query);
      assert.equal(pages, Math.max(1, Math.ceil(whole.length / 2)), query);
    }
  });
});

Deno.test("a cursor is of one list alone", async () => {
  await withBots(async (lab) => {
    const link = (await lab.fetch("/anomalies?limit=1")).headers.get("link")!;
    const cursor = /cursor=([^&>]+)/.exec(link)![1];
    assert.equal((await lab.fetch(`/anomalies?order=detected&cursor=${cursor}`)).status, 400);
    assert.equal((await lab.fetch(`/dead_letters?cursor=${cursor}`)).status, 400);
    assert.equal((await lab.fetch(`/anomalies?cursor=${cursor.slice(0, -2)}`)).status, 400);
    const [name, time] = JSON.parse(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")));
    const forged = btoa(JSON.stringify([name, time, "x".repeat(3000)])).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    assert.equal((await lab.fetch(`/anomalies?cursor=${forged}`)).status, 400, "no key of storage is that long");
    const beyond = await lab.fetch(`/anomalies?since=2030-01-01T00:00:00Z&cursor=${cursor}`);
    assert.deepEqual(await beyond.json(), []);
  });
});

Deno.test("all anomalies come as lines, oldest first", async () => {
  await withBots(async (lab) => {
    const response = await lab.fetch("/anomalies?format=ndjson&status=confirmed");
    assert.equal(response.headers.get("content-type"), "application/x-ndjson");
    const lines = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line) as Found);
    assert.deepEqual(lines, (await get(lab, "/anomalies?status=confirmed")).reverse());
  });
});

Deno.test("types and timeline count confirmed anomalies, empty hours included", async () => {
  await withBots(async (lab) => {
    const types = await (await lab.fetch("/anomalies/types")).json();
    assert.deepEqual(types, [{ anomaly_type: "HIGH_FREQUENCY", count: 10 }, { anomaly_type: "BOT_LIKE", count: 0 }]);
    assert.deepEqual(await (await lab.fetch("/anomalies/timeline?hours=3")).json(), [
      { hour: "2014-04-07T09:00:00.000Z", count: 0 },
      { hour: "2014-04-07T10:00:00.000Z", count: 10 },
      { hour: "2014-04-07T11:00:00.000Z", count: 0 },
    ]);
    const until = await (await lab.fetch("/anomalies/timeline?hours=1&until=2014-04-07T10:59:59Z")).json();
    assert.deepEqual(until, [{ hour: "2014-04-07T10:00:00.000Z", count: 10 }]);
    assert.equal((await (await lab.fetch("/anomalies/timeline")).json()).length, 24);
  });
});

Deno.test("one session's anomalies are found by its name, whatever that is", async () => {
  await withLab(async (lab) => {
    for (const session of ["a/b", "types", "ä ö%", "7"]) await lab.post(clicks(session, 60));
    await lab.post(closing());
    await lab.guardian.caughtUp();
    for (const session of ["a/b", "ä ö%", "7"]) {
      const found = await get(lab, `/anomalies/${encodeURIComponent(session)}`);
      assert.deepEqual(found.map(({ session_id }) => String(session_id)), [session]);
    }
    assert.equal((await get(lab, "/anomalies?session_id=types")).length, 1);
    assert.equal((await lab.fetch("/anomalies/7?status=retracted")).status, 404);
    assert.equal((await lab.fetch("/anomalies/8")).status, 404);
  });
});

Deno.test("late clicks are listed with the reason", async () => {
  await withLab(async (lab) => {
    await lab.post(closing());
    await lab.post(clicks("late", 3, T0, 1000));
    for (let i = 0; i < 20; i++) await lab.post(clicks(1_000_000 + i, 1, T0));
    await lab.guardian.caughtUp();
    const late = await (await lab.fetch("/late_events?limit=1000")).json();
    assert.ok(late.length > 0);
    assert.match(late[0].reason, /^A window of it had closed/);
    const first = await lab.fetch("/late_events?limit=1");
    const next = /^<([^>]+)>/.exec(first.headers.get("link") ?? "")![1];
    assert.deepEqual(await (await lab.fetch(next)).json(), [late[1]]);
  });
});

Deno.test("dead letters are paged, picked by code, and downloaded with what is no text", async () => {
  await withLab(async (lab) => {
    await lab.post(new Uint8Array([...new TextEncoder().encode("x\n[]\n"), 0xff, 0xfe, 10]));
    await lab.post("x\n".repeat(5));
    const all = await (await lab.fetch("/dead_letters")).json();
    assert.deepEqual(all.map(({ number }: { number: number }) => number), [7, 6, 5, 4, 3, 2, 1, 0]);
    const bytes = all.find(({ raw }: { raw: string | null }) => raw === null);
    assert.deepEqual([bytes.raw_base64, bytes.raw_bytes, bytes.raw_cut, bytes.code], ["//4=", 2, false, "not_utf8"]);
    const page = await lab.fetch("/dead_letters?limit=5");
    const next = /^<([^>]+)>/.exec(page.headers.get("link") ?? "")![1];
    assert.deepEqual([...await page.json(), ...await (await lab.fetch(next)).json()], all);
    assert.equal((await (await lab.fetch("/dead_letters?code=not_utf8")).json()).length, 1);
    const lines = (await (await lab.fetch("/dead_letters?format=ndjson")).text()).trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => JSON.parse(line)), all);
    assert.equal((await (await lab.fetch("/dead_letters?format=ndjson&limit=3")).text()).trimEnd().split("\n").length, 3);
  });
});
