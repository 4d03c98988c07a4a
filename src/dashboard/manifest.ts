// What a built dashboard is: its files, each beside its compressed copies, and the hash of what it was made from.
// What always holds: a folder with a manifest that fits is whole, and the same sources are never built twice.
// It must not know how the files are made.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export interface BundleFile {
  readonly name: string;
  /** Media type, with its charset where it is a text. */
  readonly type: string;
  /** Length of the file and of its copies, which end in `.br` and `.gz`. */
  readonly bytes: number;
  readonly br: number;
  readonly gz: number;
}

export interface Manifest {
  /** Hash of everything that the files were made from. */
  readonly source: string;
  readonly files: readonly BundleFile[];
}

export const MANIFEST = "manifest.json";
export const PAGE = "index.html";
/** The folder of a built dashboard, from the root of the program. */
export const BUNDLE_FOLDER = "static/dist";

const textTypes: Readonly<Record<string, string>> = {
  css: "text/css",
  html: "text/html",
  js: "text/javascript",
  json: "application/json",
  svg: "image/svg+xml",
  txt: "text/plain",
};
const binaryTypes: Readonly<Record<string, string>> = { ico: "image/x-icon", png: "image/png", woff2: "font/woff2" };

/** The media type that a file's name stands for. Throws on a kind that the dashboard has none of. */
export function mediaTypeOf(name: string): string {
  const ending = name.slice(name.lastIndexOf(".") + 1);
  if (ending in textTypes) return `${textTypes[ending]}; charset=utf-8`;
  if (ending in binaryTypes) return binaryTypes[ending];
  const known = [...Object.keys(textTypes), ...Object.keys(binaryTypes)].join(", ");
  throw new Error(`Cannot serve "${name}": its kind is not known; use one of ${known}, or add it to src/dashboard/manifest.ts`);
}

/** The beginning of the SHA-256 of some bytes, as it stands in names. */
export function shortHash(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 12);
}

/** The hash of all that a dashboard is made from: its sources, this folder, the locked packages and the version of Deno. */
export function sourceHash(root: string, denoVersion: string): string {
  const paths = [...filesBelow(root, "static"), ...filesBelow(root, "src/dashboard"), "deno.lock"].sort();
  const hash = createHash("sha256").update(`deno ${denoVersion}\n`);
  for (const path of paths) {
    const bytes = contentOf(join(root, path));
    hash.update(`${path} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

/** Every file below `folder`, as paths from `root`: without what was built from them, and without hidden ones. */
function filesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.name.startsWith(".") || path === BUNDLE_FOLDER) return [];
    return entry.isDirectory() ? filesBelow(root, path) : [path];
  });
}

/** A file that is not there, or went while it was looked at, counts as an empty one. */
function contentOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    return new Uint8Array();
  }
}

/** The manifest of a built folder, or null where there is none that can be read. */
export function readManifest(folder: string): Manifest | null {
  try {
    return JSON.parse(readFileSync(join(folder, MANIFEST), "utf8")) as Manifest;
  } catch {
    return null;
  }
}

/** Whether a folder was built from the sources with this hash, and all of its files are there. */
export function isCurrent(folder: string, source: string): boolean {
  const manifest = readManifest(folder);
  if (manifest?.source !== source) return false;
  return manifest.files.every(({ name, bytes, br, gz }) =>
    has(join(folder, name), bytes) && has(join(folder, `${name}.br`), br) && has(join(folder, `${name}.gz`), gz)
  );
}

function has(path: string, bytes: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === bytes;
}
