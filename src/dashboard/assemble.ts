// Makes the files of the dashboard of what the bundler gives and of the page in static/index.html. Pure: bytes in, bytes out.
// What always holds: every file but the page goes by a name that its bytes make, so that browsers may keep it for ever, and the page names
// exactly files that are there.

import { PAGE, shortHash } from "./manifest.ts";
import { ASSETS_PATH } from "./pages.ts";

export type Files = ReadonlyMap<string, Uint8Array>;

/** The entry that the page loads, without its ending: the bundler gives `main.js` and `main.css`. */
export const ENTRY = "main";
/** Chunks go by such names: the bundler makes them of their bytes. */
const HASHED = /-[A-Z0-9]{8}\.js$/;
const LOCAL_REFERENCE = /\b(href|src)="\.\/([^"]+)"/g;

/**
 * The files to serve: page, script, style sheet, chunks, and what else the page refers to.
 * `bundled`: by the names that the bundler gave. `beside`: gives a file of static/, or null. `template`: the page, which refers to its
 * files as `./main.js`, `./main.css` and `./icon.svg`. Throws when it refers to something that is not there.
 */
export function assemble(bundled: Files, template: string, beside: (name: string) => Uint8Array | null): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>(), places = new Map<string, string>();
  for (const [name, bytes] of bundled) {
    // Style sheets of chunks repeat what the entry's has already, and nothing loads them.
    if (name.endsWith(".css") && name !== `${ENTRY}.css`) continue;
    if (!name.startsWith(`${ENTRY}.`) && !HASHED.test(name)) {
      throw new Error(`Cannot build the dashboard: the bundler gave "${name}", whose name does not follow its bytes`);
    }
    const place = HASHED.test(name) ? name : hashedName(name, bytes);
    places.set(name, place);
    files.set(place, bytes);
  }
  refuseImportsOfEntry(files);
  const page = template.replaceAll(LOCAL_REFERENCE, (_, attribute, name) => {
    if (!places.has(name)) {
      const bytes = beside(name);
      if (bytes === null) throw new Error(`Cannot build the dashboard: static/index.html refers to "${name}", and there is none`);
      places.set(name, hashedName(name, bytes));
      files.set(places.get(name)!, bytes);
    }
    return `${attribute}="${ASSETS_PATH}/${places.get(name)}"`;
  });
  files.set(PAGE, new TextEncoder().encode(withPreloads(page, files, places.get(`${ENTRY}.js`))));
  return files;
}

/** `icons/bot.svg` -> `bot-0123456789ab.svg` */
function hashedName(name: string, bytes: Uint8Array): string {
  const [, stem, ending] = /^(?:.*\/)?([^/]+)(\.\w+)$/.exec(name) ?? [];
  if (stem === undefined) throw new Error(`Cannot build the dashboard: "${name}" has no ending that says what it is`);
  return `${stem}-${shortHash(bytes)}${ending}`;
}

/** The entry gets its name after its bytes are made, so no chunk can name it. */
function refuseImportsOfEntry(files: Files): void {
  for (const [name, bytes] of files) {
    if (name.endsWith(".js") && new TextDecoder().decode(bytes).includes(`"./${ENTRY}.js"`)) {
      throw new Error(`Cannot build the dashboard: ${name} imports the entry; move what both need into a module of its own`);
    }
  }
}

/** Tells the browser of the chunks that the entry imports at once, so that it need not find them one after the other. */
function withPreloads(page: string, files: Files, entry: string | undefined): string {
  if (entry === undefined) throw new Error("Cannot build the dashboard: the bundler gave no script");
  const needed = new Set<string>();
  const follow = (name: string) => {
    for (const next of importsOf(files.get(name)!)) {
      if (!files.has(next) || needed.has(next)) continue;
      needed.add(next);
      follow(next);
    }
  };
  follow(entry);
  const links = [...needed].map((name) => `<link rel="modulepreload" href="${ASSETS_PATH}/${name}">`);
  return page.replace(/^([ \t]*)<\/head>/m, (end, indent) => [...links.map((link) => `${indent}  ${link}`), end].join("\n"));
}

/** What a script imports before it runs; `import(...)` comes later, and is none. */
function importsOf(script: Uint8Array): string[] {
  return [...new TextDecoder().decode(script).matchAll(/\b(?:from|import)\s*"\.\/([^"]+)"/g)].map(([, name]) => name);
}
