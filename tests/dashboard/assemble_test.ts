import assert from "node:assert/strict";
import { mediaTypeOf } from "../../src/dashboard/manifest.ts";
import { assembled } from "./small_bundle.ts";

const textOf = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

Deno.test("dashboard names each file by its bytes, and the page names exactly files that are there", () => {
  const files = assembled();
  assert.deepEqual([...files.keys()].filter((name) => !/^\w+-([0-9a-f]{12}|[A-Z0-9]{8})\.\w+$/.test(name)), ["index.html"]);
  const named = [...textOf(files.get("index.html")).matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path);
  assert.equal(named.length, 4, "sign, style sheet, chunk, script");
  for (const path of named) assert.ok(files.has(path.replace("/dashboard/assets/", "")), path);
});

Deno.test("dashboard's entry gets another name when its bytes change, and no other file does", () => {
  const before = [...assembled().keys()], after = [...assembled('import"./chunk-AAAAAAAA.js";').keys()];
  const gone = before.filter((name) => !after.includes(name));
  assert.equal(gone.length, 1);
  assert.match(gone[0], /^main-\w+\.js$/);
});

Deno.test("dashboard's page loads ahead what its script imports at once, and not what comes later", () => {
  const page = textOf(assembled().get("index.html"));
  assert.match(page, /<link rel="modulepreload" href="\/dashboard\/assets\/chunk-AAAAAAAA\.js">\s*<\/head>/);
  assert.doesNotMatch(page, /page-BBBBBBBB/);
});

Deno.test("dashboard serves one style sheet: what the bundler repeats for chunks is left out", () => {
  assert.deepEqual([...assembled().keys()].filter((name) => name.endsWith(".css")).length, 1);
});

Deno.test("dashboard is refused when a name would lead nowhere", () => {
  assert.throws(() => assembled(undefined, '<link href="./logo.png"></head>'), /refers to "logo\.png"/);
  assert.throws(() => assembled('import"./main.js"'), /imports the entry/);
  assert.throws(() => mediaTypeOf("x.exe"), /"x\.exe": its kind is not known/);
});
