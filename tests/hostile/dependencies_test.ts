// What others wrote and this product runs: known by name, version and licence, pinned, used, and silent when it is installed. What no
// machine without a network can know, the advisories, the page says how to ask for.

import assert from "node:assert/strict";
import { dependencies, PAGE, pageOf } from "../support/dependencies.ts";
import { tell } from "../support/proof.ts";

/** Licences that let anybody use, change and sell the whole under the project's own. */
const ALLOWED = ["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Unlicense", "MPL-2.0"];
/** MPL-2.0 asks for the source of changed files: fine for a tool that only tests use, and is not passed on. */
const FOR_TESTS_ALONE = ["MPL-2.0"];

const all = await dependencies();
const root = new URL("../../", import.meta.url);

Deno.test("docs/dependencies.md lists what the lock has when it is made anew", async () => {
  assert.equal(await Deno.readTextFile(PAGE), pageOf(all), "make it anew: deno run -P=test tests/support/dependencies.ts");
});

Deno.test("a dependency has a licence that allows what is done with it when it is in the lock", () => {
  assert.deepEqual(all.packages.filter(({ license }) => !ALLOWED.includes(license)).map(({ name, license }) => `${name}: ${license}`), []);
  const passedOn = all.packages.filter(({ license, usedBy }) => FOR_TESTS_ALONE.includes(license) && usedBy.join() !== "tests");
  assert.deepEqual(passedOn.map(({ name }) => name), []);
});

Deno.test("a dependency is pinned to one version and one checksum when it is imported", async () => {
  assert.deepEqual(all.loose, []);
  const lock = JSON.parse(await Deno.readTextFile(new URL("deno.lock", root))) as {
    specifiers: Record<string, string>;
    npm: Record<string, { integrity?: string }>;
    [other: string]: unknown;
  };
  assert.deepEqual(Object.keys(lock).sort(), ["npm", "specifiers", "version", "workspace"], "nothing comes from an address or from JSR");
  for (const [id, { integrity }] of Object.entries(lock.npm)) assert.match(integrity ?? "", /^sha512-[\w+/]{86}==$/, id);
  for (const [wanted, version] of Object.entries(lock.specifiers)) assert.ok(wanted.endsWith(`@${version.split("_")[0]}`), wanted);
});

Deno.test("an import of deno.json is used by some source, and a source names no package beside it", () => {
  assert.deepEqual(all.unused, []);
  const wrong: string[] = [];
  const look = (folder: URL) => {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const entry = new URL(isDirectory ? `${name}/` : name, folder);
      if (isDirectory && name !== "dist") look(entry);
      else if (/\.tsx?$/.test(name) && /(?:from |import |import\()"(?:npm|jsr|https?):/.test(Deno.readTextFileSync(entry))) {
        wrong.push(entry.pathname);
      }
    }
  };
  for (const folder of ["src/", "routes/", "jobs/", "static/", "tests/", "bench/"]) look(new URL(folder, root));
  assert.deepEqual(wrong, []);
});

Deno.test("no script of a package runs when packages are installed", async () => {
  const { nodeModulesDir, allowScripts } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as Record<string, unknown>;
  assert.deepEqual([nodeModulesDir, allowScripts], ["none", undefined], "without a folder of packages Deno runs none");
  const ci = await Deno.readTextFile(new URL(".ci/run", root));
  assert.ok(!/allow-scripts/.test(ci));
  const direct = all.packages.filter(({ usedBy }) => usedBy.length > 0);
  tell("dependencies", {
    packages: all.packages.length,
    imported: direct.length,
    licences: new Set(all.packages.map(({ license }) => license)).size,
    loose: all.loose.length,
    unused: all.unused.length,
  });
});
