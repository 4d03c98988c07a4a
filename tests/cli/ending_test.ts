// The end of a command's work, and that of `serve` when something goes wrong at it: what is left of a folder is what another can open.

import assert from "node:assert/strict";
import { join } from "node:path";
import { endAll } from "../../src/cli/ending.ts";
import { type BeginSample, openGuardian, serveCommand } from "../../src/cli/serve.ts";
import type { Shell } from "../../src/cli/shell.ts";
import { loadSettings } from "../../src/config.ts";
import { GuardianError } from "../../src/errors.ts";
import { ownerOf, paths } from "../../src/folder.ts";

Deno.test("endAll takes every step in order, and throws what failed first, when some fail", async () => {
  const taken: number[] = [],
    first = new Error("first"),
    step = (nr: number, failure?: Error) => async () => {
      await Promise.resolve();
      taken.push(nr);
      if (failure !== undefined) throw failure;
    };
  await assert.rejects(endAll([step(1), step(2, first), step(3, new Error("next")), step(4)]), first);
  await assert.rejects(endAll([step(5, new Error("next"))], [first]), first, "what was there already");
  await endAll([step(6)]);
  assert.deepEqual(taken, [1, 2, 3, 4, 5, 6]);
});

/** Serves a folder with a token until it listens, does something, and stops. Returns what the command threw. */
async function failureOf(data: string, whenListening: () => Promise<void>, beginSample: BeginSample | null = null): Promise<unknown> {
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  let stop = () => {};
  const shell: Shell = {
    environment: {},
    errorColumns: null,
    out: () => resolve(),
    outBytes: () => {},
    err: () => {},
    ask: () => null,
    onStop: (handle) => {
      stop = () => handle("SIGTERM");
      return () => {};
    },
    exitNow: (code) => assert.fail(`left with ${code}`),
  };
  const flags = { data, port: "0" }, environment = { GUARDIAN_TOKEN: "t".repeat(32) };
  const settings = loadSettings({ flags, environment, readFile: () => "{}" });
  const served = serveCommand(settings, shell, beginSample).then(() => null, (thrown) => thrown);
  await Promise.race([served, listening.then(whenListening).then(() => stop())]);
  return await served;
}

Deno.test("serve stops in order, and says what failed first, when its owner's secret can be neither made nor removed", async () => {
  const data = await Deno.makeTempDir({ prefix: "guardian-ending-" });
  try {
    const inTheWay = () => Deno.mkdir(join(paths.ownerSecret(data), "in the way"), { recursive: true });
    const settings = loadSettings({ flags: { data }, environment: {}, readFile: () => "{}" });
    const assertFree = async () => await (await openGuardian(settings, () => {})).stop();
    await inTheWay();
    const neverMade = await failureOf(data, () => assert.fail("it listens"));
    assert.ok(neverMade instanceof GuardianError && neverMade.code === "folder_unusable", String(neverMade));
    await assertFree();
    await Deno.remove(paths.ownerSecret(data), { recursive: true });
    const notRemoved = await failureOf(data, async () => {
      await Deno.remove(paths.ownerSecret(data));
      await inTheWay();
    });
    assert.match(String(notRemoved), /not empty/);
    await assertFree();
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

Deno.test("serve listens no more and gives its folder back when it fails after it began to listen", async () => {
  const data = await Deno.makeTempDir({ prefix: "guardian-ending-" }), failure = new Error("no sample");
  try {
    let address = "";
    const failed = await failureOf(data, () => assert.fail("it said that it listens"), async () => {
      address = (await ownerOf(data))!.address!;
      await (await fetch(`${address}/health/live`)).body?.cancel();
      throw failure;
    });
    assert.equal(failed, failure);
    await assert.rejects(fetch(`${address}/health/live`), "it listens still");
    await (await openGuardian(loadSettings({ flags: { data }, environment: {}, readFile: () => "{}" }), () => {})).stop();
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});
