// What a data folder is written in: the numbers of its formats, read from a tree's source, and the shapes of what its state holds. A shape
// names fields and kinds of values, and not the values: two folders of one program have the same, whatever is in them.

import { join } from "node:path";

/** Where a format has its number. A tree that has more of them than this is found by the test. */
const NUMBER = /^(?:export )?const (\w*(?:FORMAT|CODEC_VERSION|_VERSION))\s*=\s*(\d+);/gm;

/** Every number of a format in the source of a tree, by its name. */
export async function formatsOf(tree: string): Promise<Record<string, number>> {
  const formats: Record<string, number> = {};
  const look = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory) await look(path);
      else if (name.endsWith(".ts")) {
        for (const [, format, number] of (await Deno.readTextFile(path)).matchAll(NUMBER)) formats[format] = Number(number);
      }
    }
  };
  for (const part of ["src", "jobs"]) await look(join(tree, part));
  return Object.fromEntries(Object.entries(formats).sort(([a], [b]) => a < b ? -1 : 1));
}

/** Shapes of the values in a KV file, by the first word of their keys; several of one word are told one behind the other. */
export async function shapesOf(kv: Deno.Kv): Promise<Record<string, string>> {
  const shapes = new Map<string, Set<string>>();
  for await (const { key, value } of kv.list({ prefix: [] })) {
    const word = String(key[0]);
    const seen = shapes.get(word) ?? new Set();
    shapes.set(word, seen.add(`${key.length} ${shapeOf(value)}`));
  }
  return Object.fromEntries([...shapes].sort(([a], [b]) => a < b ? -1 : 1).map(([word, seen]) => [word, [...seen].sort().join(" | ")]));
}

/** Maps whose keys are data, not fields: their keys look like times, dates or numbers. */
const DATA_KEY = /^\d/;

/** Depth to which fields are named; what an API answers is told by the API's own tests. */
const DEPTH_MAX = 4;

function shapeOf(value: unknown, depth = 0): string {
  if (value === null || value === undefined) return "none";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Map) return "map";
  if (typeof value !== "object") return typeof value;
  if (depth === DEPTH_MAX) return "...";
  if (Array.isArray(value)) return `[${[...new Set(value.map((one) => shapeOf(one, depth + 1)))].sort().join(" or ")}]`;
  const fields = Object.entries(value);
  if (fields.some(([name]) => DATA_KEY.test(name))) return "by data";
  return `{${fields.map(([name, one]) => `${name}: ${shapeOf(one, depth + 1)}`).sort().join(", ")}}`;
}
