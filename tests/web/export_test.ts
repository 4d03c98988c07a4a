// Files of exports on the disk: each is there until it is sent, so that only some may be, and none stays of what nobody reads.

import assert from "node:assert/strict";
import { limits } from "../../src/limits.ts";
import { assertProblem, clicks, type Lab, withLab } from "./lab.ts";

const PATH = "/export/raw_clicks?format=ndjson";

Deno.test("exports are refused when exportsSentMax of them are being sent, until one is sent or given up", async () => {
  await withLab(async (lab) => {
    await fill(lab);
    const begun: Response[] = [];
    for (let i = 0; i < limits.exportsSentMax; i++) {
      begun.push(await lab.fetch(PATH));
      assert.equal(begun[i].status, 200, `export ${i + 1} of ${limits.exportsSentMax}`);
    }
    const refused = await lab.fetch(PATH);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    await assertProblem(refused, 429, "overloaded");
    await begun.pop()!.body!.cancel();
    begun.push(await answered(() => lab.fetch(PATH)));
    assert.equal((await lab.fetch(PATH)).status, 429, "its place is taken again");
    for (const response of begun) assert.equal((await response.text()).trimEnd().split("\n").length, 20);
    assert.equal((await (await answered(() => lab.fetch(PATH))).text()).trimEnd().split("\n").length, 20);
  });
});

Deno.test("export leaves no open file when it is sent, given up, or asked for with HEAD", async () => {
  const open = Deno.open, opened: Deno.FsFile[] = [];
  Deno.open = async (path, options) => {
    const file = await open(path, options);
    if (String(path).endsWith(".ndjson")) opened.push(file);
    return file;
  };
  try {
    await withLab(async (lab) => {
      await fill(lab);
      const { length } = await (await lab.fetch(PATH)).bytes();
      for (let i = 0; i <= limits.exportsSentMax; i++) {
        const { status, headers, body } = await lab.fetch(PATH, { method: "HEAD" });
        assert.deepEqual([status, headers.get("content-length"), body], [200, String(length), null]);
      }
      await (await lab.fetch(PATH)).body!.cancel();
    });
  } finally {
    Deno.open = open;
  }
  assert.equal(opened.length, limits.exportsSentMax + 3);
  for (const [i, file] of opened.entries()) await assert.rejects(() => file.stat(), Deno.errors.BadResource, `file ${i + 1}`);
});

/** Twenty rows in the lake. */
async function fill({ post, guardian }: Lab): Promise<void> {
  assert.equal((await post(clicks("a", 20))).status, 202);
  await guardian.caughtUp();
  await guardian.archiver.flush();
}

/** What is answered once a place is free: the end of a stream is seen some turns later. */
async function answered(ask: () => Promise<Response>): Promise<Response> {
  for (let tries = 0;; tries++) {
    const response = await ask();
    if (response.status !== 429 || tries === 1000) {
      assert.equal(response.status, 200);
      return response;
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
}
