// Reads what `deno compile` has put into an executable: which files, and their bytes. It knows the form that the pinned version of Deno writes:
// after the runtime stand a marker, the settings and the packages, each with their length, then the tree of files as JSON, then all bytes.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";

/** Stands twice before what is packed; once alone it is a word of the runtime itself. */
const MARKER = "d3n0l4nd".repeat(2);
const LENGTH_BYTES = 8;

type Entry =
  | { readonly Dir: { readonly n: string; readonly e: readonly Entry[] } }
  | { readonly File: { readonly n: string; readonly o: readonly [start: number, length: number] } }
  | { readonly Symlink: { readonly n: string } };

/** Every packed file by its path, without its bytes' copies in other forms. */
export type Packed = ReadonlyMap<string, Uint8Array>;

/** The packed files of an executable. */
export async function readPacked(path: string): Promise<Packed> {
  const bytes = Buffer.from((await Deno.readFile(path)).buffer);
  const settings = bytes.indexOf(MARKER) + MARKER.length;
  assert.ok(settings > MARKER.length, "something is packed in the form that this reads");
  const packages = settings + LENGTH_BYTES + Number(bytes.readBigUInt64LE(settings));
  const tree = bytes.indexOf('[{"', packages);
  const treeEnd = tree + Number(bytes.readBigUInt64LE(tree - LENGTH_BYTES));
  const entries = JSON.parse(bytes.toString("utf8", tree, treeEnd)) as Entry[];
  const start = treeEnd + LENGTH_BYTES;
  return new Map([...filesOf(entries, "")].map(([name, [from, length]]) => [name, bytes.subarray(start + from, start + from + length)]));
}

function* filesOf(entries: readonly Entry[], folder: string): Generator<[string, readonly [number, number]]> {
  for (const entry of entries) {
    if ("Dir" in entry) yield* filesOf(entry.Dir.e, `${folder}${entry.Dir.n}/`);
    if ("File" in entry) yield [`${folder}${entry.File.n}`, entry.File.o];
  }
}
