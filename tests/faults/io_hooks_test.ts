// The hooks themselves: every way to a file or to KV is seen, failures and lost answers mean what they say, and nothing stays replaced.

import assert from "node:assert/strict";
import { join } from "node:path";
import { hookIo, type IoCall } from "../support/io_hooks.ts";

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-hooks-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("hookIo sees files, folders and KV below its folder alone, and puts everything back", () =>
  inFolder(async (folder) => {
    const was = Object.getOwnPropertyDescriptors(Deno);
    const calls: IoCall[] = [];
    const under = join(folder, "in");
    Deno.mkdirSync(under);
    {
      using _hooked = hookIo({ under, before: (call) => void calls.push(call) });
      await Deno.writeTextFile(join(folder, "outside"), "1");
      await Deno.mkdir(join(under, "a/b"), { recursive: true });
      const path = join(under, "a/b/c");
      {
        using file = await Deno.open(path, { create: true, write: true, read: true });
        assert.ok(await file.tryLock(true));
        await file.write(new Uint8Array(8));
        file.writeSync(new Uint8Array(8));
        await file.truncate(4);
        await file.sync();
        await file.syncData();
        assert.equal((await file.stat()).size, 4);
        await file.seek(0, Deno.SeekMode.Start);
        assert.equal(await file.read(new Uint8Array(9)), 4);
        await file.seek(0, Deno.SeekMode.Start);
        assert.equal((await new Response(file.readable).arrayBuffer()).byteLength, 4);
      }
      await Deno.rename(path, join(under, "d"));
      assert.equal((await Deno.readFile(join(under, "d"))).length, 4);
      assert.deepEqual((await Array.fromAsync(Deno.readDir(under))).map(({ name }) => name).sort(), ["a", "d"]);
      await Deno.remove(join(under, "d"));
      using kv = await Deno.openKv(join(under, "kv"));
      assert.ok((await kv.atomic().check({ key: [1], versionstamp: null }).set([1], 1).commit()).ok);
      await kv.set([2], 2);
      assert.equal((await kv.get([1])).value, 1);
      assert.equal((await kv.getMany([[1], [2]])).length, 2);
      const list = kv.list({ prefix: [] });
      assert.deepEqual((await Array.fromAsync(list)).map(({ value }) => value), [1, 2]);
      assert.equal(typeof list.cursor, "string");
    }
    const kinds =
      "mkdir open write write truncate sync sync read read read rename read read remove kv_open kv_commit kv_commit kv_get kv_get kv_list";
    assert.equal(calls.map(({ kind }) => kind).join(" "), kinds);
    assert.ok(calls.every(({ path }) => path.startsWith(under)));
    assert.deepEqual(Object.getOwnPropertyDescriptors(Deno), was);
  }));

Deno.test("hookIo fails a call before it happens, or loses its answer once it did", () =>
  inFolder(async (folder) => {
    let when: "before" | "after" = "before";
    const fail = (at: string) => () => {
      if (at === when) throw new Error(`failed ${at}`);
    };
    using kv = await Deno.openKv(join(folder, "real"));
    using _hooked = hookIo({ under: join(folder, "in"), before: fail("before"), after: fail("after"), openKv: () => Promise.resolve(kv) });
    await assert.rejects(Deno.mkdir(join(folder, "in")), /failed before/);
    await assert.rejects(Deno.openKv(join(folder, "in/kv")), /failed before/);
    assert.equal(Array.from(Deno.readDirSync(folder)).some(({ name }) => name === "in"), false);
    when = "after";
    await assert.rejects(Deno.mkdir(join(folder, "in")), /failed after/);
    await assert.rejects(Deno.open(join(folder, "in/file"), { create: true, write: true }), /failed after/);
    assert.throws(() => Deno.writeTextFileSync(join(folder, "in/file"), "whole"), /failed after/);
    when = "before";
    assert.throws(() => Deno.readTextFileSync(join(folder, "in/file")), /failed before/);
  }));

Deno.test("hookIo loses the answer of a commit that landed", () =>
  inFolder(async (folder) => {
    let lose = false;
    using _hooked = hookIo({
      under: folder,
      after: async ({ kind }) => {
        await Promise.resolve();
        if (lose && kind === "kv_commit") throw new Error("answer was lost");
      },
    });
    using kv = await Deno.openKv(join(folder, "kv"));
    lose = true;
    await assert.rejects(kv.atomic().set(["a"], 1).commit(), /answer was lost/);
    assert.equal((await kv.get(["a"])).value, 1);
  }));
