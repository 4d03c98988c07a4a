// Nothing that is stored changes its form without a fixture: each version of each numbered format is kept as one, and the shapes of all that
// the program stores today are those of the newest one.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { tell } from "../support/proof.ts";
import { formatsOf } from "./formats.ts";
import { type Expected, FIXTURE_BYTES_MAX, fixtures, makeFolder } from "./make_fixture.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const HOW = "make a fixture with tests/upgrade/make_fixture.ts, as its first lines say";

async function kept(): Promise<(Expected & { name: string })[]> {
  const all: (Expected & { name: string })[] = [];
  for await (const { name } of Deno.readDir(fixtures)) {
    if (name.endsWith(".json")) all.push({ name, ...JSON.parse(await Deno.readTextFile(`${fixtures}/${name}`)) });
  }
  return all.sort((a, b) => a.killedAt - b.killedAt);
}

Deno.test("every version of every format has a fixture when its number was raised", async () => {
  const formats = await formatsOf(root), all = await kept();
  assert.ok("FOLDER_FORMAT" in formats && "CODEC_VERSION" in formats, "numbers of formats are found in the source");
  const missing: string[] = [];
  for (const [name, number] of Object.entries(formats)) {
    for (let version = 1; version <= number; version++) {
      if (!all.some((fixture) => fixture.formats[name] === version)) missing.push(`${name} ${version}`);
    }
  }
  assert.deepEqual(missing, [], HOW);
  tell("upgrade: formats with a fixture", { formats: Object.keys(formats).length, fixtures: all.length });
});

Deno.test("fixtures stay small, and are pairs of a folder and what it must hold", async () => {
  const names = [...Deno.readDirSync(fixtures)].map(({ name }) => name).sort();
  const stems = new Set(names.map((name) => name.replace(/\.(tar\.gz|json)$/, "")));
  assert.deepEqual(names, [...stems].flatMap((stem) => [`${stem}.json`, `${stem}.tar.gz`]).sort());
  for (const name of names) assert.ok((await Deno.stat(`${fixtures}/${name}`)).size < FIXTURE_BYTES_MAX, name);
});

Deno.test("what the program stores has the shapes of the newest fixture when no format was changed", async () => {
  const folder = await Deno.makeTempDir({ prefix: "guardian-shapes-" });
  try {
    const today = await makeFolder(root, folder), newest = (await kept()).at(-1)!;
    const words = new Set([...Object.keys(today.shapes), ...Object.keys(newest.shapes)]);
    for (const word of words) assert.equal(today.shapes[word], newest.shapes[word], `records under "${word}" have another shape; ${HOW}`);
    tell("upgrade: records as in the newest fixture", { kinds_of_records_compared: words.size });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
