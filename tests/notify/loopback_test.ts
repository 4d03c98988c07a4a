// Over real connections on loopback: a receiver that verifies with the specification's own implementation, and ones that misbehave.

import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { WebhookSender } from "../../src/notify/webhook.ts";
import { clicks, closing, withLab } from "../web/lab.ts";
import { TARGET, type WebhookLab, withWebhookLab } from "./lab.ts";

/** Runs `work` with the URL of a server that is shut down afterwards. */
async function withReceiver(handle: Deno.ServeHandler, work: (url: string) => Promise<void>): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handle);
  try {
    await work(`http://127.0.0.1:${server.addr.port}/hook?key=1`);
  } finally {
    await server.shutdown();
  }
}

/** A sender with the lab's outbox that uses the network. */
function senderTo(url: string, { outbox, anomalies, clock, logLine }: WebhookLab): WebhookSender {
  return new WebhookSender({ target: { ...TARGET, url }, outbox, anomalies, clock, logLine, random: () => 0.5 });
}

Deno.test("guardian tells a receiver of each confirmed anomaly, and /health how it went", async () => {
  const judge = new Webhook(TARGET.secret);
  const got: { session: unknown; id: string | null; path: string }[] = [];
  const second = Promise.withResolvers<void>(), release = Promise.withResolvers<void>();
  const receive: Deno.ServeHandler = async (request) => {
    const body = await request.text();
    const { data } = judge.verify(body, Object.fromEntries(request.headers)) as { data: { session_id: unknown } };
    got.push({ session: data.session_id, id: request.headers.get("webhook-id"), path: new URL(request.url).pathname });
    if (got.length === 2) {
      second.resolve();
      await release.promise;
    }
    return new Response("thank you");
  };
  await withReceiver(receive, (url) =>
    withLab(async ({ post, fetch, guardian }) => {
      assert.equal((await post([...clicks(1, 60), ...clicks(2, 60)])).status, 202);
      await guardian.caughtUp();
      assert.deepEqual(got, [], "what is provisional is not told");
      await post(closing());
      await second.promise;
      const { status, webhook } = await (await fetch("/health")).json();
      assert.deepEqual([status, webhook.status, webhook.waiting, webhook.delivered, webhook.last_error], ["ok", "ok", 1, 1, null]);
      const anomalies = await (await fetch("/anomalies?status=confirmed")).json() as { anomaly_id: string; session_id: number }[];
      const want = anomalies.map(({ anomaly_id, session_id }) => `${session_id} ${anomaly_id} /hook`).sort();
      assert.deepEqual(got.map(({ session, id, path }) => `${session} ${id} ${path}`).sort(), want);
      release.resolve();
    }, { webhook: { ...TARGET, url } }));
  assert.equal(got.length, 2);
});

Deno.test("guardian without a webhook says so, and stays fit with one that nobody answers", async () => {
  await withLab(async ({ fetch }) => assert.equal((await (await fetch("/health")).json()).webhook, null));
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${closed.addr.port}/hook`;
  closed.close();
  await withLab(async ({ post, fetch, guardian, lines }) => {
    await post([...clicks(1, 60), ...closing()]);
    await guardian.caughtUp();
    await guardian.webhook!.stop();
    await guardian.webhook!.work(new AbortController().signal);
    const answer = await fetch("/health");
    const { status, webhook } = await answer.json();
    assert.deepEqual([answer.status, status, webhook.status, webhook.waiting, webhook.delivered], [200, "ok", "failing", 1, 0]);
    assert.match(webhook.last_error, /refused/);
    assert.doesNotMatch(webhook.last_error, /hook/, "a path may hold a key");
    assert.equal(lines.filter(({ event }) => event === "webhook_failing").length, 1);
  }, { webhook: { ...TARGET, url } });
});

Deno.test("sender does not follow a redirect", async () => {
  const paths: string[] = [];
  const redirect: Deno.ServeHandler = (request) => {
    paths.push(new URL(request.url).pathname);
    return new Response(null, { status: 307, headers: { location: "/elsewhere" } });
  };
  await withReceiver(redirect, (url) =>
    withWebhookLab(async (lab) => {
      await lab.confirm(1);
      const sender = senderTo(url, lab);
      await sender.work();
      assert.deepEqual(paths, ["/hook"]);
      assert.equal(sender.health().last_error, "the receiver answered 307, and redirects are not followed");
    }));
});

Deno.test("sender takes the status of an answer whose body never ends, and goes on", async () => {
  let requests = 0;
  const endless: Deno.ServeHandler = async (request) => {
    await request.body?.cancel();
    requests++;
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) }));
  };
  await withReceiver(endless, (url) =>
    withWebhookLab(async (lab) => {
      await lab.confirm(1, 2);
      const sender = senderTo(url, lab);
      while (await sender.work() === 0);
      assert.deepEqual([requests, sender.health().delivered], [2, 2]);
    }));
});

Deno.test("sender stops at once while a receiver does not answer, and sends the same message at the next start", async () => {
  const ids: (string | null)[] = [];
  const asked = Promise.withResolvers<void>(), told = Promise.withResolvers<void>(), never = Promise.withResolvers<Response>();
  const slow: Deno.ServeHandler = (request) => {
    ids.push(request.headers.get("webhook-id"));
    if (ids.length > 1) {
      told.resolve();
      return new Response();
    }
    asked.resolve();
    return never.promise;
  };
  await withReceiver(slow, async (url) => {
    await withWebhookLab(async (lab) => {
      await lab.confirm(1);
      const first = senderTo(url, lab);
      first.start();
      await asked.promise;
      await first.stop();
      assert.deepEqual([lab.outbox.waiting, lab.outbox.counts.lastError], [1, null]);
      await lab.restart({ ...TARGET, url });
      const second = senderTo(url, lab);
      second.start();
      await told.promise;
      await second.stop();
    });
    never.resolve(new Response());
  });
  assert.deepEqual([ids.length, ids[0]], [2, ids[1]]);
});
