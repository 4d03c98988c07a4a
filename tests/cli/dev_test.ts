import assert from "node:assert/strict";
import { paths } from "../../src/folder.ts";
import { guardian, lastJson, run } from "../support/process.ts";

/** A `dev` that was started. `url`: where it listens; null when it ended before. */
interface Dev {
  readonly child: Deno.ChildProcess;
  readonly url: Promise<string | null>;
  /** Resolves once stderr has had this text. */
  said(text: string): Promise<void>;
  end(signal: Deno.Signal): Promise<number>;
}

function dev(data: string): Dev {
  const child = guardian(["dev", "--data", data, "--port", "0"]).spawn();
  const waiting = new Map<string, () => void>();
  let errors = "";
  const reading = [
    (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        errors += text;
        for (const [wanted, done] of waiting) if (errors.includes(wanted)) done();
      }
    })(),
  ];
  const url = new Promise<string | null>((resolve) =>
    reading.push((async () => {
      let out = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        out += text;
        const found = /^listening on (http:\S+)\n/.exec(out)?.[1];
        if (found !== undefined) resolve(found);
      }
      resolve(null);
    })())
  );
  return {
    child,
    url,
    said: (text) => new Promise((resolve) => errors.includes(text) ? resolve() : waiting.set(text, resolve)),
    async end(signal) {
      child.kill(signal);
      const { code } = await child.status;
      await Promise.all(reading);
      return code;
    },
  };
}

async function inFolder(work: (data: string) => Promise<void>): Promise<void> {
  const data = await Deno.makeTempDir({ prefix: "guardian-dev-" });
  try {
    await work(data);
  } finally {
    await Deno.remove(data, { recursive: true }).catch(() => {});
  }
}

// deno-lint-ignore no-explicit-any
async function json(url: string, init?: RequestInit): Promise<any> {
  return await (await fetch(url, init)).json();
}

Deno.test("dev on an empty folder shows a living shop, until the event that it tells how to send", async () => {
  await inFolder(async (data) => {
    const first = dev(data);
    const url = (await first.url)!;
    try {
      const stats = await fetch(`${url}/stats`);
      assert.equal(stats.headers.get("data-of"), "sample");
      assert.ok((await stats.json()).total_events > 10_000);
      const days = await json(`${url}/metrics/daily`);
      // Just after midnight the day before may still be open.
      assert.ok(days.length >= 2 && days.length <= 3);
      assert.ok(days.every(({ state }: { state: string }) => state === "finished" || state === "stale"));
      assert.ok((await json(`${url}/anomalies?limit=10`)).length > 0);
      const sample = await json(`${url}/sample`);
      assert.deepEqual([sample.shown, sample.state, sample.can_clear], [true, "live", true]);

      // Commands ask for the folder itself.
      assert.equal((await run("anomalies", "--json", "--data", data)).stdout, "");
      const listed = await run("jobs", "list", "--json", "--data", data);
      assert.ok(lastJson<{ jobs: { last_run: unknown }[] }>(listed).jobs.every(({ last_run }) => last_run === null));

      const shell = new Deno.Command("bash", { args: ["-c", sample.send.curl], stdin: "null", stdout: "piped", stderr: "inherit" });
      const sent = JSON.parse(new TextDecoder().decode((await shell.output()).stdout));
      assert.deepEqual([sent.accepted, sent.rejected], [1, 0]);
      const after = await json(`${url}/sample`);
      assert.deepEqual([after.shown, after.state], [false, "off"]);
      const own = await fetch(`${url}/stats`);
      assert.equal(own.headers.get("data-of"), null);
      // The engine may still be at it.
      assert.ok((await own.json()).total_events <= 1);
    } finally {
      assert.equal(await first.end("SIGTERM"), 0);
    }
    const again = dev(data);
    const next = (await again.url)!;
    try {
      const { shown, state, can_clear } = await json(`${next}/sample`);
      assert.deepEqual({ shown, state, can_clear }, { shown: false, state: "off", can_clear: true });
      assert.equal((await json(`${next}/stats`)).total_events, 1);
    } finally {
      assert.equal(await again.end("SIGTERM"), 0);
    }
    assert.deepEqual(lastJson<{ ok: boolean; rows: number }>(await run("verify", "--json", "--data", data)).rows, 1);
    assert.equal((await run("reset", "--yes", "--data", data)).code, 0);
    await assert.rejects(Deno.stat(data), Deno.errors.NotFound);
  });
});

Deno.test("dev that is stopped or killed while it fills starts again, goes on after a restart, and makes nothing again once cleared", async () => {
  await inFolder(async (data) => {
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      const cut = dev(data);
      await cut.said("making a sample shop");
      assert.equal(await cut.end(signal), signal === "SIGTERM" ? 0 : 137);
      assert.equal(await cut.url, null, "it says that it listens when all is there");
    }
    const filled = dev(data);
    const total = (await json(`${await filled.url}/stats`)).total_events;
    assert.ok(total > 10_000);
    assert.equal(await filled.end("SIGKILL"), 137);

    const kept = dev(data);
    const url = (await kept.url)!;
    await kept.said("going on with its sample shop");
    const stats = await json(`${url}/stats`);
    assert.ok(stats.total_events >= total && stats.total_events < total + 10_000, `${stats.total_events} after ${total}`);
    assert.deepEqual(await json(`${url}/sample/clear`, { method: "POST" }), { cleared: true });
    assert.equal((await json(`${url}/stats`)).total_events, 0);
    assert.equal(await kept.end("SIGTERM"), 0);
    await assert.rejects(Deno.stat(paths.sample(data)), Deno.errors.NotFound);

    const empty = dev(data);
    const { shown, can_clear } = await json(`${await empty.url}/sample`);
    assert.deepEqual({ shown, can_clear }, { shown: false, can_clear: false });
    assert.equal(await empty.end("SIGTERM"), 0);
  });
});
