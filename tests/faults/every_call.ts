// A small script of the product's life is run once for every call to storage that it makes, in which that call fails; an everyday run takes
// some of them, by a seed. In the end there has to be what there would have been, and nothing may be torn or fail unseen.
// It knows nothing of what the scripts do.

import assert from "node:assert/strict";
import { random } from "../engine/oracle.ts";
import { tell } from "../support/proof.ts";
import type { Result } from "./events_script.ts";
import { type Fault, NO_FAULT, NthCall, takesRoom } from "./nth_call.ts";

/** Lives of each script, all of them at the most. */
export const LIVES = Number(Deno.env.get("GUARDIAN_TEST_FAULT_LIVES") ?? 12);
const SEED = Number(Deno.env.get("GUARDIAN_TEST_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);

type Heal = "running" | "stopped";
export interface Script {
  /** Makes the folder that every life begins with, or leaves it out. */
  make?(data: string): Promise<void>;
  live(data: string, calls: NthCall, heal: Heal): Promise<Result>;
}
export interface Way {
  readonly name: string;
  readonly fault: Omit<Fault, "kind" | "at">;
  readonly heal: Heal;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** What is different between two results, in few words. */
function difference(got: Result, want: Result): string {
  return Object.keys(want).filter((name) => JSON.stringify(got[name]) !== JSON.stringify(want[name])).map((name) => {
    const [some, others] = [got[name], want[name]].map((value) =>
      (Array.isArray(value) ? value : [value]).map((one) => JSON.stringify(one))
    );
    const only = (of: string[], not: string[]) => of.filter((one) => !not.includes(one)).join().slice(0, 500);
    return `${name}: ${some.length} and not ${others.length}, more: ${only(some, others)}, less: ${only(others, some)}`;
  }).join("\n");
}

/** Runs a script once for every call that it makes to storage and every way in which that may fail, or for some of them. */
export async function everyCall(name: string, { make, live }: Script, some: readonly Way[]): Promise<void> {
  const top = await Deno.makeTempDir({ prefix: "guardian-faults-" });
  const unhandled: unknown[] = [];
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", onUnhandled);
  try {
    await make?.(`${top}/made`);
    const lifeWith = async (fault: Fault, heal: Heal) => {
      const data = `${top}/life`;
      if (make !== undefined) await copyFolder(`${top}/made`, data);
      using calls = new NthCall(data, fault);
      try {
        return { result: await live(data, calls, heal), calls };
      } finally {
        calls.armed = false;
        await Deno.remove(data, { recursive: true });
      }
    };
    const calm = await lifeWith(NO_FAULT, "running");
    const { kinds, mendedAt } = calm.calls, last = calm.calls.kinds.length;
    const all = some.flatMap((way) =>
      Array.from({ length: way.fault.on && way.heal === "running" || make !== undefined ? mendedAt : last }, (_, i) => ({ way, at: i + 1 }))
        .filter(({ at }) => !way.fault.landed || kinds[at - 1] === "kv_commit" || kinds[at - 1] === "rename")
        .filter(({ at }) => !way.fault.room || takesRoom(kinds[at - 1]))
    );
    const next = random(SEED);
    const chosen = LIVES >= all.length ? all : Array.from({ length: LIVES }, () => all[Math.floor(next() * all.length)]);
    let failed = 0, reached = 0;
    for (const { way, at } of chosen) {
      const told = `${name}, seed ${SEED}: call ${at} of ${last}, ${kinds[at - 1]}, ${way.name}`;
      try {
        const { result, calls } = await lifeWith({
          ...way.fault,
          kind: kinds[at - 1],
          at: kinds.slice(0, at).filter((kind) => kind === kinds[at - 1]).length,
        }, way.heal);
        assert.equal(difference(result, calm.result), "");
        failed += calls.failed;
        if (calls.failed > 0) reached++;
      } catch (cause) {
        throw new Error(`${told}: ${cause instanceof Error ? cause.stack : cause}`, { cause });
      }
      assert.deepEqual(unhandled, [], told);
    }
    // Which of two calls comes first is not always the same, so a life or two may end before theirs.
    assert.ok(reached >= chosen.length * 0.95, `${reached} of ${chosen.length} lives met their fault`);
    tell(`storage fails: every call of ${name}`, {
      calls: last,
      lives: chosen.length,
      met_it: reached,
      failed_calls: failed,
      differences: 0,
    });
  } finally {
    globalThis.removeEventListener("unhandledrejection", onUnhandled);
    await Deno.remove(top, { recursive: true });
  }
}
