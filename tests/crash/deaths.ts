// The ways in which a server is killed: at any moment of its load, while it starts, in a flush, in a compaction, when it writes its checkpoints,
// in a day job, and while it stops. Each waits for its moment as well as one can from outside, and a random while more.

import assert from "node:assert/strict";
import { type LastEnd, paths } from "../../src/folder.ts";
import { program, type Server, starting } from "../support/process.ts";
import { sleep } from "./load.ts";
import { SHOP_DATE } from "./shop_day.ts";

export const deaths = ["load", "flush", "job", "start", "checkpoint", "compaction", "stop", "load"] as const;
export type Death = (typeof deaths)[number];

/** What a kill left behind. */
export interface Dead {
  /** What the next start may say of it: a server that is killed between its last word and its end has stopped all the same. */
  readonly ends: readonly LastEnd[];
  /** Processes that were killed. */
  readonly kills: number;
}

export interface DeathOptions {
  readonly server: Server;
  readonly data: string;
  /** Flags of the server. */
  readonly flags: readonly string[];
  readonly next: () => number;
}

/** Longest wait for a moment that may not come, ms. */
const MOMENT_MS = 2_000;
/** When the server first writes its checkpoints, ms after it listens, and for how long. */
const CHECKPOINT_MS = 950, CHECKPOINT_SPAN_MS = 150;

export async function die(death: Death, options: DeathOptions): Promise<Dead> {
  const { server, next } = options;
  switch (death) {
    case "load":
      await sleep(30 + next() * 400);
      break;
    case "flush":
      await changed(paths.lake(options.data));
      await sleep(next() * 30);
      break;
    case "checkpoint":
      await sleep(CHECKPOINT_MS + next() * CHECKPOINT_SPAN_MS);
      break;
    case "job":
      await sleep(next() * 100);
      await Promise.race([order(server.url), sleep(next() * 400)]);
      break;
    case "stop": {
      await sleep(next() * 200);
      server.child.kill("SIGTERM");
      await Promise.race([server.child.status, sleep(next() * 300)]);
      const stopped = await server.end("SIGKILL") === 0;
      return stopped ? { ends: ["stopped"], kills: 0 } : { ends: ["crashed", "stopped"], kills: 1 };
    }
    case "start":
      await sleep(30 + next() * 200);
      await server.end("SIGKILL");
      return { ends: ["crashed"], kills: 1 + await killStarting(options) };
    case "compaction":
      await sleep(30 + next() * 200);
      await server.end("SIGKILL");
      return { ends: ["crashed"], kills: 1 + await killCompacting(options) };
  }
  await server.end("SIGKILL");
  return { ends: ["crashed"], kills: 1 };
}

/** Orders the day's figures; the order may come to nothing. */
async function order(url: string): Promise<void> {
  try {
    const body = JSON.stringify({ date: SHOP_DATE });
    const response = await fetch(`${url}/jobs/daily_metrics/runs?wait=true`, { method: "POST", body });
    await response.body?.cancel();
  } catch {
    // killed
  }
}

/** Kills a server on its way to listen, at any moment of that. Returns the kills. */
async function killStarting({ data, flags, next }: DeathOptions): Promise<number> {
  const { child, listening } = starting(data, ...flags);
  await sleep(100 + next() * 700);
  child.kill("SIGKILL");
  const { signal } = await child.status;
  await listening.catch(() => {});
  return signal === "SIGKILL" ? 1 : 0;
}

/** Kills a process that compacts. Returns the kills. */
async function killCompacting({ data, next }: DeathOptions): Promise<number> {
  const child = program("tests/crash/compacting.ts", [data, "forever"]).spawn();
  const errors = new Response(child.stderr).text();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { done } = await output.read();
  assert.equal(done, false, `it compacts: ${done ? await errors : ""}`);
  await sleep(next() * 150);
  child.kill("SIGKILL");
  await child.status;
  await output.cancel();
  await errors;
  return 1;
}

/** Resolves when something changes below a folder, or after a while. */
async function changed(folder: string): Promise<void> {
  const watcher = Deno.watchFs(folder);
  const timer = setTimeout(() => watcher.close(), MOMENT_MS);
  for await (const _ of watcher) break;
  clearTimeout(timer);
}
