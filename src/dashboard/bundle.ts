// The task `bundle`: builds the dashboard of static/ into static/dist/, and does nothing when that is built already.
// What always holds: static/dist is whole or not there, whoever builds at the same time or is killed at it, as it is made aside and renamed.
// Only the runtime's own modules are imported here: every other task waits for this one.

import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { assemble, ENTRY, type Files } from "./assemble.ts";
import { BUNDLE_FOLDER, type BundleFile, isCurrent, MANIFEST, type Manifest, mediaTypeOf, PAGE, sourceHash } from "./manifest.ts";

/** Beginning of the names of folders that are being made, beside static/dist. */
const ASIDE = ".dist-";
/** From when on such a folder is what a killed build left behind, ms. */
const ABANDONED_MS = 60 * 60_000;
/** How often a finished folder is put in place while others do the same. */
const PLACE_TRIES = 10;

/** Bundles an entry into a folder. Throws with what the bundler said. */
export type Bundler = (root: string, entry: string, outdir: string) => Promise<void>;

export interface BuildOptions {
  /** The folder that has static/ and deno.lock. */
  readonly root: string;
  readonly bundler?: Bundler;
}

/** Builds the dashboard unless it is built. Returns which of the two. */
export async function build({ root, bundler = denoBundle }: BuildOptions): Promise<"built" | "current"> {
  const source = sourceHash(root, Deno.version.deno), folder = join(root, BUNDLE_FOLDER);
  if (isCurrent(folder, source)) return "current";
  removeAbandoned(join(root, "static"));
  const aside = asideName(root), raw = `${aside}-raw`;
  try {
    await bundler(root, `static/${entryOf(root)}`, raw);
    const template = readFileSync(join(root, "static", PAGE), "utf8");
    writeBundle(aside, source, assemble(filesIn(raw), template, (name) => contentOf(join(root, "static", name))));
    place(aside, root, source);
    return "built";
  } finally {
    for (const left of [aside, raw]) rmSync(left, { recursive: true, force: true });
  }
}

/** Writes files with their compressed copies, and the manifest last. */
export function writeBundle(folder: string, source: string, files: Files): void {
  mkdirSync(folder, { recursive: true });
  const listed: BundleFile[] = [];
  for (const [name, bytes] of files) {
    const br = brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    });
    const gz = gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
    writeFileSync(join(folder, name), bytes);
    writeFileSync(join(folder, `${name}.br`), br);
    writeFileSync(join(folder, `${name}.gz`), gz);
    listed.push({ name, type: mediaTypeOf(name), bytes: bytes.length, br: br.length, gz: gz.length });
  }
  const manifest: Manifest = { source, files: listed };
  writeFileSync(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Puts a finished folder where it belongs. Another build may do the same: whoever made it of the same sources will do. */
function place(made: string, root: string, source: string): void {
  const folder = join(root, BUNDLE_FOLDER), old = asideName(root);
  try {
    for (let tries = 1;; tries++) {
      try {
        if (existsSync(folder)) renameSync(folder, old);
        renameSync(made, folder);
        return;
      } catch (cause) {
        if (isCurrent(folder, source)) return;
        if (tries === PLACE_TRIES) throw cause;
        rmSync(old, { recursive: true, force: true });
      }
    }
  } finally {
    rmSync(old, { recursive: true, force: true });
  }
}

function asideName(root: string): string {
  return join(root, "static", `${ASIDE}${randomUUID()}`);
}

function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (name.startsWith(ASIDE) && changed !== undefined && Date.now() - changed > ABANDONED_MS) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

function entryOf(root: string): string {
  return [`${ENTRY}.tsx`, `${ENTRY}.ts`].find((name) => existsSync(join(root, "static", name))) ?? `${ENTRY}.tsx`;
}

function filesIn(folder: string): Map<string, Uint8Array> {
  return new Map(readdirSync(folder).sort().map((name) => [basename(name), readFileSync(join(folder, name))]));
}

function contentOf(path: string): Uint8Array | null {
  return existsSync(path) ? readFileSync(path) : null;
}

/** Bundles with Deno's own bundler, which is esbuild. */
async function denoBundle(root: string, entry: string, outdir: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", "--minify", "--code-splitting", "--outdir", outdir, entry],
    cwd: root,
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0" },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(new Uint8Array([...stdout, ...stderr])).trim();
  if (!success) throw new Error(`Cannot bundle ${entry}: the bundler refuses it; mend what it says\n${said}`);
}

if (import.meta.main) {
  const start = performance.now();
  try {
    const did = await build({ root: fileURLToPath(new URL("../../", import.meta.url)) });
    // On stderr: what other tasks say on stdout is for programs.
    if (did === "built") console.error(`built ${BUNDLE_FOLDER} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : String(thrown));
    Deno.exit(1);
  }
}
