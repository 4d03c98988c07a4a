import assert from "node:assert/strict";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${name}`;
    if (name.startsWith(".") || path === "static/dist") continue;
    if (isDirectory) yield* sources(path);
    else if (/\.tsx?$/.test(name)) yield path;
  }
}

Deno.test("dashboard is made from static/ and src/dashboard alone, as the task that builds it looks nowhere else for changes", async () => {
  const wrong: string[] = [];
  let seen = 0;
  for await (const path of sources("static")) {
    seen++;
    const text = await Deno.readTextFile(join(root, path));
    for (const [, kind, to] of text.matchAll(/^(?:import|export)\s+(type\s)?[^"';]*?(?:from\s*)?"(\.[^"]+)"/gm)) {
      const target = relative(root, resolve(root, path, "..", to));
      // Types leave no trace in what is built.
      if (kind === undefined && !target.startsWith("static/") && !target.startsWith("src/dashboard/")) {
        wrong.push(`${path} imports ${target}`);
      }
    }
  }
  assert.ok(seen > 0, "there are sources");
  assert.deepEqual(wrong, []);
});
