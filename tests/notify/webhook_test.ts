// The sender over a fake receiver and a fake clock: order, tries, what each answer means, and what a crash or a stop leaves.

import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { anomalySchema } from "../../src/detect/anomaly.ts";
import { GuardianError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { RETRY_WAITS_MS } from "../../src/notify/retry.ts";
import { webhookTarget } from "../../src/notify/webhook.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { T0, TARGET, WebhookLab, withWebhookLab } from "./lab.ts";

const MINUTE_MS = 60_000, HOUR_MS = 60 * MINUTE_MS;

Deno.test("sender posts each anomaly once, in order, signed so that another implementation says the same", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1, 2, 3);
    lab.clock.pass(1_999);
    assert.equal(await lab.work(), null);
    assert.equal(await lab.work(), null);
    assert.deepEqual(lab.sessions, [1, 2, 3]);
    for (const { url, headers, body } of lab.seen) {
      const { type, timestamp, data } = JSON.parse(body);
      assert.deepEqual([url, type, timestamp], [TARGET.url, "anomaly.confirmed", new Date(T0).toISOString()]);
      assert.deepEqual([anomalySchema.parse(data), data.status], [data, "confirmed"]);
      assert.deepEqual([headers.get("webhook-id"), headers.get("content-type")], [data.anomaly_id, "application/json"]);
      const at = Number(headers.get("webhook-timestamp"));
      assert.equal(at, T0 / 1000 + 1, "whole seconds of the try");
      assert.equal(headers.get("webhook-signature"), new Webhook(TARGET.secret).sign(data.anomaly_id, new Date(at * 1000), body));
    }
    assert.deepEqual(lab.sender.health(), {
      status: "ok",
      waiting: 0,
      delivered: 3,
      failed: 0,
      dropped: 0,
      skipped: 0,
      last_error: null,
      last_error_at: null,
      last_delivered_at: new Date(lab.clock.now()).toISOString(),
      next_try_at: null,
    });
    assert.deepEqual(lab.lines, [], "nothing to tell");
  }));

Deno.test("sender tries a message again by the schedule, gives it up after the last try, and then goes on with the next", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1);
    for (const [i, wait] of RETRY_WAITS_MS.entries()) {
      lab.replies.push(i % 3 === 0 ? new Error("connection reset") : 500);
      assert.equal(await lab.work(), wait, `wait ${i}`);
      lab.clock.pass(wait - 1);
      assert.equal(await lab.work(), 1, "not before its time");
      assert.equal(lab.seen.length, i + 1);
      lab.clock.pass(1);
    }
    assert.equal(RETRY_WAITS_MS.reduce((sum, wait) => sum + wait, 0), (75 * 3600 + 35 * 60 + 5) * 1000);
    assert.ok(Math.max(...RETRY_WAITS_MS) <= HOUR_MS, "who is back need not wait for long");
    lab.replies.push(500);
    await lab.work();
    await lab.confirm(2);
    await lab.work();
    const tries = RETRY_WAITS_MS.length + 1;
    assert.deepEqual(lab.sessions, [...Array(tries).fill(1), 2]);
    assert.equal(new Set(lab.seen.slice(0, tries).map(({ headers }) => headers.get("webhook-id"))).size, 1, "the same id at each try");
    const { status, waiting, failed, delivered, last_error } = lab.sender.health();
    assert.deepEqual([status, waiting, failed, delivered, last_error], ["ok", 0, 1, 1, "the receiver answered 500"]);
    assert.deepEqual(lab.events("warn", "error", "info"), ["webhook_failing", "webhook_given_up", "webhook_recovered"]);
  }));

Deno.test("sender spreads its tries by a tenth to either side", async () => {
  for (const [chance, wait] of [[0, 4_500], [1, 5_500]]) {
    await withWebhookLab(async (lab) => {
      lab.chance = chance;
      lab.replies.push(500);
      await lab.confirm(1);
      assert.equal(await lab.work(), wait);
    });
  }
});

Deno.test("sender holds every message back while the receiver fails, whatever way it fails", async () => {
  for (const reply of [500, 503, 404, 401, 403, 429, 408, 301, 302, 307, 308, new TypeError("error sending request")]) {
    await withWebhookLab(async (lab) => {
      lab.replies.push(reply);
      await lab.confirm(1, 2);
      assert.equal(await lab.work(), 5_000);
      await lab.confirm(3);
      assert.equal(await lab.work(), 5_000);
      assert.deepEqual(lab.sessions, [1]);
      const { status, waiting, next_try_at } = lab.sender.health();
      assert.deepEqual([status, waiting, next_try_at], ["failing", 3, new Date(T0 + 5_000).toISOString()]);
      lab.clock.pass(5_000);
      assert.equal(await lab.work(), null);
      assert.deepEqual(lab.sessions, [1, 1, 2, 3]);
      assert.deepEqual(lab.events("warn", "error", "info"), ["webhook_failing", "webhook_recovered"]);
    });
  }
});

Deno.test("sender goes on with others when one message alone is refused, and tries that one again by itself", async () => {
  for (const status of [400, 413, 422]) {
    await withWebhookLab(async (lab) => {
      lab.replies.push(status);
      await lab.confirm(1, 2, 3);
      assert.equal(await lab.work(), 5_000);
      assert.deepEqual(lab.sessions, [1, 2, 3]);
      const { status: health, waiting, delivered, last_error } = lab.sender.health();
      assert.deepEqual([health, waiting, delivered, last_error], ["ok", 1, 2, `the receiver answered ${status}`]);
      await lab.restart();
      assert.equal(await lab.work(), 5_000, "a restart keeps its time");
      lab.clock.pass(5_000);
      lab.replies.push(status);
      assert.equal(await lab.work(), RETRY_WAITS_MS[1]);
      lab.clock.pass(RETRY_WAITS_MS[1]);
      assert.equal(await lab.work(), null);
      assert.deepEqual(lab.sessions, [1, 2, 3, 1, 1]);
      assert.deepEqual(lab.events("warn", "error", "info"), ["webhook_refused"]);
    });
  }
});

Deno.test("sender goes on with others when the receiver stumbles over one message again and again", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1, 2, 3);
    for (const wait of RETRY_WAITS_MS.slice(0, 3)) {
      lab.replies.push(500);
      assert.equal(await lab.work(), wait);
      lab.clock.pass(wait);
    }
    lab.replies.push(500);
    assert.equal(await lab.work(), RETRY_WAITS_MS[3]);
    assert.deepEqual(lab.sessions, [1, 1, 1, 1, 2, 3]);
    const { status, waiting, delivered } = lab.sender.health();
    assert.deepEqual([status, waiting, delivered], ["ok", 1, 2]);
    await lab.restart();
    lab.clock.pass(RETRY_WAITS_MS[3]);
    assert.equal(await lab.work(), null);
    assert.deepEqual(lab.sessions, [1, 1, 1, 1, 2, 3, 1]);
  }));

Deno.test("sender holds no message back when one that was refused meets a failing receiver at a later try", () =>
  withWebhookLab(async (lab) => {
    lab.replies.push(400);
    await lab.confirm(1);
    assert.equal(await lab.work(), 5_000);
    lab.clock.pass(5_000);
    lab.replies.push(503);
    assert.equal(await lab.work(), RETRY_WAITS_MS[1]);
    await lab.confirm(2);
    assert.equal(await lab.work(), RETRY_WAITS_MS[1]);
    assert.deepEqual(lab.sessions, [1, 1, 2]);
  }));

Deno.test("sender takes a receiver that refuses too many messages for a failing one", async () => {
  for (const [more, sent] of [[-1, 99], [0, 100], [1, 101], [2, 101]]) {
    await withWebhookLab(async (lab) => {
      const count = limits.webhookAsideMax + more;
      lab.replies.push(...Array(count).fill(400));
      await lab.confirm(...Array.from({ length: count }, (_, n) => n));
      await lab.work();
      assert.deepEqual([lab.seen.length, lab.sender.health().status], [sent, more > 0 ? "failing" : "ok"]);
      assert.equal(lab.sender.health().waiting, count);
      if (more > 0) return;
      lab.clock.pass(5_000);
      lab.replies.push(...Array(count).fill(400));
      assert.equal(await lab.work(), RETRY_WAITS_MS[1]);
      assert.deepEqual([lab.seen.length, lab.sender.health().status], [2 * sent, "ok"], "those aside stay there");
    });
  }
});

Deno.test("sender waits as long as the receiver asks for, within a day, and never less than it would", async () => {
  const date = (ms: number) => new Date(T0 + ms).toUTCString();
  const cases: [number, string, number][] = [
    [503, "60", 60_000],
    [429, "3600", HOUR_MS],
    [429, date(600_000), 600_000],
    [503, "86400", 24 * HOUR_MS],
    [503, "86401", 24 * HOUR_MS],
    [429, "99999999999999999999", 24 * HOUR_MS],
    [503, "0", 5_000],
    [503, "-5", 5_000],
    [503, date(-600_000), 5_000],
    [429, "soon", 5_000],
    [500, "60", 5_000],
  ];
  for (const [status, after, wait] of cases) {
    await withWebhookLab(async (lab) => {
      lab.replies.push(new Response(null, { status, headers: { "retry-after": after } }));
      await lab.confirm(1);
      assert.equal(await lab.work(), wait, `${status}, ${after}`);
    });
  }
});

Deno.test("sender sends nothing more after 410 Gone until a restart, and says so", () =>
  withWebhookLab(async (lab) => {
    lab.replies.push(410);
    await lab.confirm(1, 2);
    assert.equal(await lab.work(), null);
    lab.clock.pass(48 * HOUR_MS);
    await lab.confirm(3);
    assert.equal(await lab.work(), null);
    assert.deepEqual(lab.sessions, [1]);
    const { status, waiting, last_error, last_error_at, next_try_at } = lab.sender.health();
    const want = ["gone", 3, "the receiver answered 410 Gone", new Date(T0).toISOString(), null];
    assert.deepEqual([status, waiting, last_error, last_error_at, next_try_at], want);
    assert.deepEqual(lab.events("warn", "error", "info"), ["webhook_gone"]);
    await lab.restart();
    await lab.work();
    assert.deepEqual(lab.sessions, [1, 1, 2, 3]);
  }));

Deno.test("sender goes on after a restart with the next try that is stored, and at once when the target has changed", async () => {
  const targets = [[TARGET, false], [{ ...TARGET, url: `${TARGET.url}/new` }, true], [{
    ...TARGET,
    secret: `whsec_${btoa("x".repeat(32))}`,
  }, true]] as const;
  for (const [target, isNew] of targets) {
    await withWebhookLab(async (lab) => {
      await lab.confirm(1, 2);
      for (const wait of RETRY_WAITS_MS.slice(0, 2)) {
        lab.replies.push(500);
        assert.equal(await lab.work(), wait);
        lab.clock.pass(wait);
      }
      lab.replies.push(500);
      await lab.work();
      lab.clock.pass(MINUTE_MS);
      await lab.restart(target);
      assert.equal(lab.sender.health().status, isNew ? "ok" : "failing");
      assert.equal(await lab.work(), isNew ? null : RETRY_WAITS_MS[2] - MINUTE_MS);
      assert.deepEqual(lab.sessions, isNew ? [1, 1, 1, 1, 2] : [1, 1, 1]);
      assert.equal(lab.seen[lab.seen.length - 1].url, isNew ? target.url : TARGET.url);
      if (isNew) return;
      lab.clock.pass(RETRY_WAITS_MS[2] - MINUTE_MS);
      lab.replies.push(500, 500);
      assert.equal(await lab.work(), RETRY_WAITS_MS[0], "the tries before count: the next message has its turn");
      assert.deepEqual(lab.sessions, [1, 1, 1, 1, 2]);
    });
  }
});

Deno.test("sender does not wait for years when the clock is set back", () =>
  withWebhookLab(async (lab) => {
    lab.replies.push(500);
    await lab.confirm(1);
    await lab.work();
    lab.clock.wall -= 365 * 24 * HOUR_MS;
    assert.equal(await lab.work(), null);
    assert.deepEqual(lab.sessions, [1, 1]);
  }));

Deno.test("sender sends a message again with the same id when it crashes between the answer and the commit", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1, 2);
    lab.faults.fail = "before";
    await assert.rejects(lab.work(), /Cannot store/);
    lab.faults.fail = "no";
    await lab.restart();
    await lab.work();
    assert.deepEqual(lab.sessions, [1, 1, 2]);
    assert.equal(lab.seen[0].headers.get("webhook-id"), lab.seen[1].headers.get("webhook-id"));
    assert.equal(lab.sender.health().delivered, 2);
  }));

for (const fail of ["before", "after"] as const) {
  Deno.test(`sender sends nothing twice when a commit fails ${fail} it landed and the process lives`, () =>
    withWebhookLab(async (lab) => {
      await lab.confirm(1, 2, 3);
      lab.faults.fail = fail;
      await assert.rejects(lab.work(), /Cannot store/);
      if (fail === "before") await assert.rejects(lab.work(), /Cannot store/);
      lab.faults.fail = "no";
      lab.replies.push(500);
      assert.equal(await lab.work(), 5_000);
      lab.clock.pass(5_000);
      lab.faults.fail = fail;
      lab.replies.push(500);
      await assert.rejects(lab.work(), /Cannot store/);
      lab.faults.fail = "no";
      assert.equal(await lab.work(), RETRY_WAITS_MS[1], "the failed try counts once");
      lab.clock.pass(RETRY_WAITS_MS[1]);
      await lab.work();
      assert.deepEqual(lab.sessions, [1, 2, 2, 2, 3]);
      const { delivered, failed, waiting } = lab.sender.health();
      assert.deepEqual([delivered, failed, waiting], [3, 0, 0]);
    }));
}

Deno.test("sender leaves out what a person has called human by then, and what is no longer kept", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1, 2, 3, 4);
    lab.anomalies.verdictOf = (session) => session === "1" ? "human" : session === "3" ? "bot" : null;
    await lab.kv.delete(stateKeys.anomaly(T0 + 20_000, (await lab.stored())[1].id as string));
    await lab.work();
    assert.deepEqual(lab.sessions, [3, 4]);
    const { skipped, delivered, waiting } = lab.sender.health();
    assert.deepEqual([skipped, delivered, waiting], [2, 2, 0]);
    assert.deepEqual(lab.lines, [], "silently");
  }));

Deno.test("sender gives up a try that takes too long", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1);
    lab.replies.push(new Error("The signal has been aborted"));
    lab.limit.abort();
    assert.equal(await lab.work(), 5_000);
    assert.equal(lab.sender.health().last_error, "the receiver did not answer within 15 seconds");
  }));

Deno.test("sender does not repeat the path of its URL in what it tells", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1);
    lab.replies.push(new TypeError(`error sending request for url (${TARGET.url}): connection refused`));
    await lab.work();
    assert.equal(lab.sender.health().last_error, "error sending request for url (https://shop.example): connection refused");
    assert.doesNotMatch(JSON.stringify(lab.lines), /hooks/);
  }));

Deno.test("sender reads nothing of an answer's body, and cancels it", () =>
  withWebhookLab(async (lab) => {
    let pulls = 0, cancelled = false;
    const endless = new ReadableStream({
      pull: (controller) => {
        pulls++;
        controller.enqueue(new Uint8Array(1024));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    lab.replies.push(new Response(endless));
    await lab.confirm(1);
    assert.equal(await lab.work(), null);
    assert.ok(cancelled && pulls <= 1, `${pulls} pulls`);
    assert.equal(lab.sender.health().delivered, 1);
  }));

Deno.test("webhook without a secret is refused with how to make one, and is off without a URL", () => {
  assert.throws(
    () => webhookTarget(TARGET.url, null),
    (thrown) => thrown instanceof GuardianError && thrown.code === "invalid_setting" && /openssl rand -base64 32/.test(thrown.message),
  );
  assert.deepEqual([webhookTarget(null, TARGET.secret), webhookTarget(null, null)], [null, null]);
  assert.deepEqual(webhookTarget(TARGET.url, TARGET.secret), TARGET);
});

Deno.test("sender that runs sends what is added, and a stop leaves the try that is under way to the next start", async () => {
  const lab = await WebhookLab.open();
  const asked = Promise.withResolvers<void>();
  lab.replies.push(200);
  await lab.confirm(1);
  lab.holdFrom(2, asked.resolve);
  lab.sender.start();
  await lab.confirm(2);
  await asked.promise;
  await lab.sender.stop();
  assert.deepEqual([lab.sessions, lab.outbox.waiting, lab.outbox.counts.lastError], [[1, 2], 1, null]);
  lab.holdFrom(Infinity, () => {});
  await lab.restart();
  await lab.work();
  assert.deepEqual(lab.sessions, [1, 2, 2]);
  lab.close();
});
