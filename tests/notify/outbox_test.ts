// What waits for the webhook: which anomalies, in the commit that confirms them, once, and never more than the limit.

import assert from "node:assert/strict";
import { limits } from "../../src/limits.ts";
import { effect, T0, withWebhookLab } from "./lab.ts";

Deno.test("outbox takes each anomaly of the live lane when it is confirmed, and nothing else", () =>
  withWebhookLab(async (lab) => {
    await lab.anomalies.apply([effect(1, "provisional"), effect(2, "provisional"), effect(3, "provisional", "clicks.csv")]);
    assert.deepEqual(await lab.stored(), [], "provisional ones are not told");
    await lab.anomalies.apply([
      { ...effect(1, "confirmed"), offset: 20 },
      { ...effect(2, "retracted"), offset: 21 },
      { ...effect(3, "confirmed", "clicks.csv"), offset: 22 },
    ]);
    const [waiting, ...others] = await lab.stored();
    assert.deepEqual(others, []);
    assert.deepEqual([waiting.start, waiting.confirmedAt, waiting.tries], [T0 + 10_000, T0, 0]);
    await lab.work();
    assert.deepEqual(lab.sessions, [1]);
  }));

Deno.test("outbox has nothing twice when effects are derived again after a crash", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1, 2);
    await lab.restart();
    await lab.confirm(1, 2);
    await lab.work();
    await lab.restart();
    await lab.confirm(1, 2, 3);
    await lab.work();
    assert.deepEqual(lab.sessions, [1, 2, 3]);
  }));

for (const fail of ["before", "after"] as const) {
  Deno.test(`outbox has an anomaly once when the commit that confirms it fails ${fail} it landed`, () =>
    withWebhookLab(async (lab) => {
      lab.faults.fail = fail;
      await assert.rejects(lab.confirm(1, 2), /Cannot store/);
      lab.faults.fail = "no";
      await lab.confirm(1, 2);
      assert.deepEqual([lab.outbox.waiting, (await lab.stored()).length], [2, 2]);
      await lab.work();
      assert.deepEqual(lab.sessions, [1, 2]);
      assert.equal(lab.outbox.waiting, 0);
    }));
}

Deno.test("outbox keeps the newest at its limit -1, 0, +1, and counts and tells what it dropped", async () => {
  for (const [count, dropped] of [[9, 0], [10, 0], [11, 1], [450, 440]]) {
    await withWebhookLab(async (lab) => {
      await lab.confirm(...Array.from({ length: count }, (_, n) => n));
      const kept = count - dropped;
      assert.deepEqual([lab.outbox.waiting, (await lab.stored()).length, lab.outbox.counts.dropped], [kept, kept, dropped]);
      assert.deepEqual(lab.events("error"), dropped > 0 ? ["webhook_messages_dropped"] : []);
      await lab.work();
      assert.deepEqual(lab.sessions, Array.from({ length: kept }, (_, i) => dropped + i));
      await lab.restart();
      assert.deepEqual([lab.outbox.counts.dropped, lab.outbox.counts.delivered], [dropped, kept]);
    }, 10);
  }
});

Deno.test("outbox tells of dropped messages once a minute, with how many there were", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1, 2);
    await lab.confirm(3);
    await lab.confirm(4);
    lab.clock.pass(60_000);
    await lab.confirm(5);
    const told = lab.lines.filter(({ event }) => event === "webhook_messages_dropped").map(({ fields }) => fields.messages);
    assert.deepEqual(told, [1, 3]);
  }, 1));

Deno.test("outbox keeps the message that holds up the others when it is full, so that no other is tried before its time", () =>
  withWebhookLab(async (lab) => {
    lab.replies.push(500);
    await lab.confirm(1, 2);
    assert.equal(await lab.work(), 5_000);
    await lab.restart();
    await lab.confirm(3, 4, 5);
    assert.deepEqual([lab.outbox.waiting, lab.outbox.counts.dropped], [2, 3]);
    await lab.work();
    assert.deepEqual(lab.sessions, [1], "nothing is tried before its time");
    lab.clock.pass(5_000);
    await lab.work();
    assert.deepEqual(lab.sessions, [1, 1, 5]);
  }, 2));

Deno.test("outbox keeps the message that is under way when it is full", () =>
  withWebhookLab(async (lab) => {
    const asked = Promise.withResolvers<void>();
    lab.holdFrom(1, asked.resolve);
    await lab.confirm(1);
    const [underWay] = await lab.stored();
    lab.sender.start();
    await asked.promise;
    await lab.confirm(2, 3);
    await lab.sender.stop();
    assert.deepEqual([await lab.stored(), lab.outbox.counts.dropped], [[underWay], 2]);
  }, 1));

Deno.test("outbox fits into the commits of anomalies with the shortest and the longest ids, each of another hour", () =>
  withWebhookLab(async (lab) => {
    const count = 2 * limits.anomaliesPerCommitMax;
    for (const [round, chars] of [4, limits.idBytesMax].entries()) {
      const of = (status: "provisional" | "confirmed", from: number) =>
        Array.from({ length: count }, (_, n) => ({
          ...effect(n, status),
          offset: 2 * count * round + from + n,
          session: String(n).padStart(chars, "s"),
          windowStart: T0 + n * 3_600_000,
        }));
      await lab.anomalies.apply([...of("provisional", 0), ...of("confirmed", count)]);
    }
    assert.deepEqual([lab.outbox.waiting, (await lab.stored()).length], [2 * count, 2 * count]);
  }));

Deno.test("outbox waits in the order in which anomalies were confirmed, over a restart too", () =>
  withWebhookLab(async (lab) => {
    const order = [30, 1, 200, 4];
    await lab.anomalies.apply(order.map((n, offset) => ({ ...effect(n, "confirmed"), offset })));
    await lab.restart();
    await lab.work();
    assert.deepEqual(lab.sessions, order);
  }));

Deno.test("outbox leaves nothing but its counts when everything is sent", () =>
  withWebhookLab(async (lab) => {
    await lab.confirm(1, 2);
    await lab.work();
    const keys = (await Array.fromAsync(lab.kv.list({ prefix: [] }))).map(({ key }) => String(key[0]));
    assert.deepEqual(keys.filter((key) => key.startsWith("webhook")), ["webhook_counts"]);
  }));
