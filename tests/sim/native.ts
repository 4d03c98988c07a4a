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
  const { died } = world.lives.getStore()!;
  let over = false;
  const end = () => {
    if (!over) world.patient--;
    over = true;
  };
  world.patient++;
  // A process that crashes closes nothing.
  died.then(end);
  try {
    const duck = await open(options);
    const close = duck.close.bind(duck);
    duck.close = () => {
      end();
      close();
    };
    return duck;
  } catch (failure) {
    end();
    throw failure;
  }
}

/** A Duck that makes its folders at once, as the real one does, and opens its database when it is asked something. */
async function openLate(world: World, options: DuckOptions, open: typeof Duck.open): Promise<Duck> {
  const lakeFolder = resolve(options.lakeFolder);
  await Deno.mkdir(join(lakeFolder, ".spill", options.name), { recursive: true });
  await Deno.mkdir(join(lakeFolder, ASIDE), { recursive: true });
  let real: Promise<Duck> | null = null;
  // What it opens is real, and so is what it reads: nothing of that waits for the world, whose clock waits for it.
  const outside = async <T>(work: (duck: Duck) => Promise<T>): Promise<T> => {
    world.outside++;
    try {
      return await world.outOfLife(async () => await work(await (real ??= open(options))));
    } finally {
      world.outside--;
    }
  };
  const duck = Object.create(Duck.prototype) as Duck;
  return Object.assign(duck, {
    lakeFolder,
    connected: ((work) => outside((duck) => duck.connected(work))) as Duck["connected"],
    stream: (async function* (sql) {
      const rows = await outside((duck) => Promise.resolve(duck.stream(sql)));
      try {
        for (let next = await outside(() => rows.next()); !next.done; next = await outside(() => rows.next())) yield next.value;
      } finally {
        await outside(() => rows.return(undefined));
      }
    }) as Duck["stream"],
    close: () => void real?.then((duck) => duck.close()).catch(() => {}),
  });
}
