// A dashboard of a few lines, built without the bundler: what the server needs of one, in a folder that goes away by itself.

import { assemble } from "../../src/dashboard/assemble.ts";
import { writeBundle } from "../../src/dashboard/bundle.ts";
import { PAGE } from "../../src/dashboard/manifest.ts";
import { DashboardFiles } from "../../src/web/dashboard_files.ts";

const TEMPLATE = `<!doctype html>
<html lang="en">
  <head>
    <title>Clickstream Guardian</title>
    <link rel="icon" type="image/svg+xml" href="./icon.svg">
    <link rel="stylesheet" href="./main.css">
    <script type="module" src="./main.js"></script>
  </head>
  <body></body>
</html>
`;
export const SCRIPT = `import{a}from"./chunk-AAAAAAAA.js";console.log("${"a long text ".repeat(40)}",a);import("./page-BBBBBBBB.js");`;

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Files as the bundler gives them. */
export function bundled(script = SCRIPT): Map<string, Uint8Array> {
  return new Map([
    ["main.js", bytesOf(script)],
    ["main.css", bytesOf("body { color: CanvasText }")],
    ["chunk-AAAAAAAA.js", bytesOf("export const a=1;")],
    ["page-BBBBBBBB.js", bytesOf('import{a}from"./chunk-AAAAAAAA.js";export{a};')],
    ["page-CCCCCCCC.css", bytesOf("p { color: CanvasText }")],
  ]);
}

export interface SmallBundle extends AsyncDisposable {
  readonly folder: string;
  readonly dashboard: DashboardFiles;
  /** Names of all files but the page. */
  readonly names: readonly string[];
  /** The name that a file of the source has now: `main.js` -> `main-0123456789ab.js`. */
  named(source: string): string;
}

/** Builds it. */
export async function smallBundle(): Promise<SmallBundle> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-dashboard-" });
  const files = assembled();
  writeBundle(folder, "0".repeat(64), files);
  const names = [...files.keys()].filter((name) => name !== PAGE);
  return {
    folder,
    dashboard: new DashboardFiles(folder),
    names,
    named(source) {
      const [stem, ending] = source.split(".");
      return names.find((name) => name.startsWith(`${stem}-`) && name.endsWith(`.${ending}`))!;
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** The files as they are served. */
export function assembled(script = SCRIPT, template = TEMPLATE): Map<string, Uint8Array> {
  return assemble(bundled(script), template, (name) => name === "icon.svg" ? bytesOf('<svg xmlns="http://www.w3.org/2000/svg"/>') : null);
}
