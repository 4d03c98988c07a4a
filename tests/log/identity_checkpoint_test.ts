// The identity index over a restart, where its pages are too many for one commit.

import assert from "node:assert/strict";
import { IdentityCheckpoint } from "../../src/log/identity_checkpoint.ts";

const NOW = 1_400_000_000_000, IDS = 200_000;

function admitted(checkpoint: IdentityCheckpoint): number {
  let count = 0;
  for (let i = 0; i < IDS; i++) if (checkpoint.index.admitId("s", `id ${i}`, NOW)) count++;
  return count;
}

Deno.test("identity checkpoint holds every id when its pages take several commits", async () => {
  using kv = await Deno.openKv(":memory:");
  const checkpoint = await IdentityCheckpoint.load(kv, 1, NOW);
  assert.equal(admitted(checkpoint), IDS);
  await checkpoint.save([IDS]);
  const again = await IdentityCheckpoint.load(kv, 1, NOW);
  assert.equal(again.covered(0), IDS);
  assert.equal(again.index.ids.count, IDS);
  assert.equal(admitted(again), 0);
});

Deno.test("identity checkpoint is the one before when a commit of its pages fails, and the next one holds all", async () => {
  using kv = await Deno.openKv(":memory:");
  const checkpoint = await IdentityCheckpoint.load(kv, 1, NOW), { atomic } = kv;
  assert.equal(admitted(checkpoint), IDS);
  let commits = 0;
  kv.atomic = () => {
    if (commits++ === 1) throw new Error("the disk is full");
    return atomic.call(kv);
  };
  await assert.rejects(checkpoint.save([IDS]));
  kv.atomic = atomic;
  const torn = await IdentityCheckpoint.load(kv, 1, NOW);
  assert.equal(torn.covered(0), 0);
  assert.equal(torn.index.ids.count, 0);
  await checkpoint.save([IDS]);
  const again = await IdentityCheckpoint.load(kv, 1, NOW);
  assert.equal(again.covered(0), IDS);
  assert.equal(admitted(again), 0);
});
