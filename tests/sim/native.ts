// DuckDB within a simulated world: native code, whose threads no seed decides about. It is opened when something first asks it, as most runs
// never do; while one of its calls is under way the world's clock stands still.

import { join, resolve } from "node:path";
import { ASIDE } from "../../src/lake/atomic_file.ts";
import { Duck, type DuckOptions } from "../../src/lake/duckdb.ts";
import type { World } from "./world.ts";

/** Puts the world between the product and DuckDB until disposed of. */
export function hookNative(world: World): Disposable {
  const open = Duck.open;
  Duck.open = (options: DuckOptions) =>
    world.lives.getStore() === undefined
      ? open.call(Duck, options)
      : options.name === "jobs"
      ? openForJobs(world, options, open.bind(Duck))
      : openLate(world, options, open.bind(Duck));
  return {
    [Symbol.dispose]() {
      Duck.open = open;
    },
  };
}

/** Day jobs ask KV between their queries, so the clock cannot stand: while theirs is open, it moves only when nothing has come for long. */
async function openForJobs(world: World, options: DuckOptions, open: typeof Duck.open): Promise<Duck> {
  world.patient++;
  try {
    const duck = await open(options);
    const close = duck.close.bind(duck);
    duck.close = () => {
      world.patient--;
      close();
    };
    return duck;
  } catch (failure) {
    world.patient--;
    throw failure;
  }
}

/** A Duck that makes its folders at once, as the real one does, and opens its database when it is asked something. */
async function openLate(world: World, options: DuckOptions, open: typeof Duck.open): Promise<Duck> {
  const lakeFolder = resolve(options.lakeFolder);
  await Deno.mkdir(join(lakeFolder, ".spill", options.name), { recursive: true });
  await Deno.mkdir(join(lakeFolder, ASIDE), { recursive: true });
  let real: Promise<Duck> | null = null;
  const opened = () => real ??= open(options);
  const duck = Object.create(Duck.prototype) as Duck;
  return Object.assign(duck, {
    lakeFolder,
    connected: (async (work) => {
      world.outside++;
      try {
        // What it opens is real, and so is what it reads: nothing of that waits for the world.
        return await world.lives.exit(async () => await (await opened()).connected(work));
      } finally {
        world.outside--;
      }
    }) as Duck["connected"],
    stream: (async function* (sql) {
      yield* (await opened()).stream(sql);
    }) as Duck["stream"],
    close: () => void real?.then((duck) => duck.close()).catch(() => {}),
  });
}
