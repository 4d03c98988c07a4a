// The rules of the house that a machine can hold: which folder may import which, how files begin, what may not be named, what is documented.

import assert from "node:assert/strict";
import { relative, resolve } from "node:path";
import { fileURLToPath as fromFileUrl } from "node:url";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** Every file below `folder` that git would take, as paths from the root. */
async function* files(folder: string, ending: RegExp): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(resolve(root, folder))) {
    if (entry.name.startsWith(".") || entry.name === "node_modules" || entry.name === "data" || entry.name === "dist") continue;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* files(path, ending);
    else if (ending.test(path)) yield path;
  }
}

/**
 * What each part may import besides itself and the small files at the top of src (limits, errors, clock, assert, log_line).
 * One way only: main -> cli -> routes, jobs -> web, live -> engine, lake, source -> log, detect, store -> event.
 */
const mayImport: Record<string, readonly string[]> = {
  event: [],
  detect: ["event"],
  log: ["event", "store/commit", "store/keys", "store/sealed"],
  store: ["event", "detect", "engine/effects"],
  engine: ["event", "detect", "log", "store"],
  lake: ["event", "log", "store"],
  source: ["event", "detect", "log", "store"],
  live: ["event", "detect", "log", "store", "engine/words", "engine/sketch"],
  sample: ["event"],
  notify: ["event", "detect", "store"],
};

function partOf(path: string): string {
  const [top, second] = path.split("/");
  return top === "src" ? second : top;
}

async function importsOf(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(resolve(root, path));
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, to]) => relative(root, resolve(root, path, "..", to)));
}

Deno.test("imports point one way", async () => {
  const wrong: string[] = [];
  for await (const path of files("src", /\.ts$/)) {
    const allowed = mayImport[partOf(path)];
    if (allowed === undefined) continue; // src/web, src/cli and the files at the top may import everything below them
    for (const to of await importsOf(path)) {
      const inner = to.replace(/^src\//, "").replace(/\.ts$/, "");
      if (
        partOf(to) === partOf(path) || (to.startsWith("src/") && !inner.includes("/") && !["guardian", "config", "folder"].includes(inner))
      ) continue;
      if (!allowed.some((part) => inner === part || inner.startsWith(`${part}/`))) wrong.push(`${path} imports ${to}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("detect and the engine's core do no I/O and know no clock", async () => {
  const pure = [
    "src/engine/step.ts",
    "src/engine/lane.ts",
    "src/engine/pane.ts",
    "src/engine/hot_window.ts",
    "src/engine/item_set.ts",
    "src/engine/words.ts",
    "src/engine/sketch.ts",
  ];
  for await (const path of files("src/detect", /\.ts$/)) pure.push(path);
  for (const path of pure) {
    const text = await Deno.readTextFile(resolve(root, path));
    assert.doesNotMatch(text, /Deno\.|Date\.now|performance\.now|setTimeout|setInterval|fetch\(|crypto\.|await /, path);
  }
});

Deno.test("every source file says first what it owns", async () => {
  const wrong: string[] = [];
  for (const folder of ["src", "routes", "jobs", "tests", "bench"]) {
    if (!(await exists(folder))) continue;
    for await (const path of files(folder, /\.ts$/)) {
      const text = await Deno.readTextFile(resolve(root, path));
      if (path.startsWith("src/") || path.startsWith("routes/") || path.startsWith("jobs/")) {
        if (!/^(\/\/ .+\n){1,9}/.test(text)) wrong.push(path);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("no file goes by a name that says nothing", async () => {
  const wrong: string[] = [];
  for (const folder of ["src", "routes", "jobs", "tests", "bench"]) {
    if (!(await exists(folder))) continue;
    for await (const path of files(folder, /\/(index|utils?|helpers?|types|common|misc)\.ts$/)) wrong.push(path);
  }
  assert.deepEqual(wrong, []);
});

Deno.test("the repository names no path of a machine and no registry's host", async () => {
  const wrong: string[] = [];
  for await (const path of files("", /\.(ts|md|json|sql|sh|yml|yaml|html|css)$|^\.ci\/run$/)) {
    if (path.startsWith("tests/style/")) continue;
    const text = await Deno.readTextFile(resolve(root, path));
    text.split("\n").forEach((line, i) => {
      if (
        /(^|[\s"'`(=])\/(work|root|home)\/[a-z]/i.test(line) || /registry\.npmjs|repo1\.maven|files\.pythonhosted|proxy\.golang/.test(line)
      ) wrong.push(`${path}:${i + 1}`);
    });
  }
  assert.deepEqual(wrong, []);
});

Deno.test("versions of packages are exact", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(resolve(root, "deno.json"))) as { imports: Record<string, string> };
  for (const [name, target] of Object.entries(imports)) {
    assert.match(target, /^npm:(@[\w-]+\/)?[\w.-]+@\d+\.\d+\.\d+(-[\w.]+)?(\/[\w/-]+)?$/, name);
  }
});

Deno.test("links between documents lead somewhere", async () => {
  const wrong: string[] = [];
  for await (const path of files("", /\.md$/)) {
    const text = await Deno.readTextFile(resolve(root, path));
    for (const [, target] of text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g)) {
      if (!(await exists(relative(root, resolve(root, path, "..", target))))) wrong.push(`${path}: ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(resolve(root, path));
    return true;
  } catch {
    return false;
  }
}

Deno.test("every setting and every command is in the README", async () => {
  const readme = await Deno.readTextFile(resolve(root, "README.md"));
  const { settings, flagName } = await import("../../src/config.ts");
  for (const [name, setting] of Object.entries(settings)) {
    const environment = `GUARDIAN_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    assert.ok(readme.includes(`\`${environment}\``), environment);
    if (!("secret" in setting)) assert.ok(readme.includes(`\`${flagName(name)}\``), flagName(name));
  }
  const commands = [...(await Deno.readTextFile(resolve(root, "src/cli/mod.ts"))).matchAll(/\bcommand\(\s*"([a-z]+)/g)].map(([, name]) =>
    name
  );
  assert.ok(commands.length > 4, "commands are found");
  for (const name of commands) assert.ok(readme.includes(`\`${name}`), name);
});

Deno.test("every limit is used, and says what it is for", async () => {
  const text = await Deno.readTextFile(resolve(root, "src/limits.ts"));
  const lines = text.split("\n");
  let code = "";
  for (const folder of ["src", "routes", "jobs"]) {
    for await (const path of files(folder, /\.ts$/)) if (path !== "src/limits.ts") code += await Deno.readTextFile(resolve(root, path));
  }
  let told = false;
  for (const line of lines) {
    if (/^ {2}(\/\*\*|\*|\/\/)/.test(line)) told = /\/\*\*/.test(line) || told;
    const name = /^ {2}(\w+):/.exec(line)?.[1];
    if (name === undefined) {
      if (line.trim() === "") told = false;
      continue;
    }
    assert.ok(told, `${name} has no word on what it is for`);
    assert.ok(new RegExp(`\\b${name}\\b`).test(code), `${name} is used nowhere`);
  }
});
