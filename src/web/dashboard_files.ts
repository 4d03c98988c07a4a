// The built dashboard as it is served: read once, when it is first asked for, with the copies that were packed when it was built.
// What always holds: a file is found by its name in the manifest, never by a path, so no request reaches another file; and what is held
// has a bound. It must not know how the files are built.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUNDLE_FOLDER, type BundleFile, MANIFEST, type Manifest, PAGE } from "../dashboard/manifest.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { type Encoding, preferredEncoding } from "./encodings.ts";
import { isHeld } from "./etag.ts";

type Bytes = Uint8Array<ArrayBuffer>;

interface HeldFile {
  readonly type: string;
  /** Of the plain bytes. */
  readonly hash: string;
  readonly forms: Readonly<Record<Encoding, Bytes>>;
}

const endings: Readonly<Record<Encoding, string>> = { identity: "", br: ".br", gzip: ".gz" };

/** The page as it may be kept: each use is asked for first. The files have their bytes in their names, and never change. */
const REVALIDATED = "no-cache";
const FOR_EVER = "public, max-age=31536000, immutable";

/**
 * Lets in what is served here, and nothing from elsewhere. No script and no style stands in the page itself; charts set styles through
 * the document's objects, which a policy lets pass, and are saved as pictures from `blob:` and `data:`.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const pageHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy": POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

/** Where the program has its built dashboard, from source and compiled alike. */
export const builtDashboard: string = fileURLToPath(new URL(`../../${BUNDLE_FOLDER}`, import.meta.url));

export class DashboardFiles {
  private files: Promise<ReadonlyMap<string, HeldFile>> | null = null;

  constructor(private readonly folder: string = builtDashboard) {}

  /** The page. Throws `not_found` where nothing is built. */
  async page(request: Request): Promise<Response> {
    return answer(request, (await this.held()).get(PAGE)!, REVALIDATED, pageHeaders);
  }

  /** A file of the page. Throws `not_found`. */
  async asset(request: Request, name: string): Promise<Response> {
    const file = name === PAGE ? undefined : (await this.held()).get(name);
    if (file === undefined) {
      const why = "this version of the dashboard has none of that name; load the page again";
      throw new GuardianError("not_found", `Cannot find the file ${JSON.stringify(name.slice(0, 100))}: ${why}`);
    }
    return answer(request, file, FOR_EVER);
  }

  /** What cannot be read is looked for again at the next request. */
  private held(): Promise<ReadonlyMap<string, HeldFile>> {
    return this.files ??= read(this.folder).catch((thrown) => {
      this.files = null;
      throw thrown;
    });
  }
}

function answer(request: Request, { type, hash, forms }: HeldFile, keep: string, also: Readonly<Record<string, string>> = {}): Response {
  const encoding = preferredEncoding(request.headers.get("accept-encoding"));
  const etag = encoding === "identity" ? `"${hash}"` : `"${hash}-${encoding}"`;
  const headers = new Headers({
    "ETag": etag,
    "Cache-Control": keep,
    "Vary": "Accept-Encoding",
    "Referrer-Policy": "no-referrer",
    ...also,
  });
  if (isHeld(request.headers.get("if-none-match") ?? undefined, etag)) return new Response(null, { status: 304, headers });
  headers.set("Content-Type", type);
  headers.set("Content-Length", String(forms[encoding].length));
  if (encoding !== "identity") headers.set("Content-Encoding", encoding);
  return new Response(forms[encoding], { headers });
}

async function read(folder: string): Promise<ReadonlyMap<string, HeldFile>> {
  const { files } = await manifestIn(folder);
  const bytes = files.reduce((sum, file) => sum + file.bytes + file.br + file.gz, 0);
  if (bytes > limits.dashboardBytesMax) {
    const why = `it has ${bytes.toLocaleString("en")} bytes, and ${limits.dashboardBytesMax.toLocaleString("en")} are held at the most`;
    throw new GuardianError("internal", `Cannot show the dashboard: ${why}; build a smaller one`);
  }
  try {
    return new Map(await Promise.all(files.map(async (file) => [file.name, await heldFile(folder, file)] as const)));
  } catch (cause) {
    throw unbuilt(cause);
  }
}

async function manifestIn(folder: string): Promise<Manifest> {
  try {
    return JSON.parse(await Deno.readTextFile(join(folder, MANIFEST)));
  } catch (cause) {
    throw unbuilt(cause);
  }
}

async function heldFile(folder: string, { name, type }: BundleFile): Promise<HeldFile> {
  const form = (encoding: Encoding) => Deno.readFile(join(folder, name + endings[encoding]));
  const [identity, br, gzip] = await Promise.all([form("identity"), form("br"), form("gzip")]);
  const hash = createHash("sha256").update(identity).digest("base64url").slice(0, 27);
  return { type, hash, forms: { identity, br, gzip } };
}

function unbuilt(cause: unknown): GuardianError {
  const why = cause instanceof Deno.errors.NotFound ? "it is not built" : reasonOf(cause);
  return new GuardianError("not_found", `Cannot show the dashboard: ${why}; run \`deno task bundle\`, and load the page again`, { cause });
}
