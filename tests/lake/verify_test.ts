// Verify names what is wrong with the lake, and changes nothing.

import assert from "node:assert";
import { entriesOf, verifyLake } from "../../src/lake/mod.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { clicks, type Lab, labTest } from "./lab.ts";

async function someFile(lab: Lab): Promise<string> {
  lab.log.append(clicks(200), clicks(100, 1));
  await lab.archiver().flush();
  return `${lab.lakeFolder}/${(await entriesOf(lab.kv, "2014-04-07"))[0].file}`;
}

labTest("verify finds nothing when nothing is wrong", async (lab) => {
  await someFile(lab);
  const { findings, files, rows } = await verifyLake(lab);
  assert.deepEqual({ findings, files, rows }, { findings: [], files: 1, rows: 300 });
});

const damages: Record<string, [harm: (file: string) => void, problem: RegExp]> = {
  "is missing": [(file) => Deno.removeSync(file), /not there/],
  "is cut short": [(file) => Deno.truncateSync(file, 100), /has 100 bytes/],
  "is empty": [(file) => Deno.truncateSync(file, 0), /has 0 bytes/],
  "has a flipped bit": [(file) => {
    const bytes = Deno.readFileSync(file);
    bytes[bytes.length >> 1] ^= 4;
    Deno.writeFileSync(file, bytes);
  }, /sha-256/],
  "is a folder": [(file) => {
    Deno.removeSync(file);
    Deno.mkdirSync(file);
  }, /cannot be read|bytes/],
};
for (const [what, [harm, problem]] of Object.entries(damages)) {
  labTest(`verify names a file when it ${what}`, async (lab) => {
    const file = await someFile(lab);
    harm(file);
    const { findings } = await verifyLake(lab);
    assert.equal(findings.length, 1);
    assert.equal(`${lab.lakeFolder}/${findings[0].file}`, file);
    assert.match(findings[0].problem, problem);
    assert.match(findings[0].mend, /from the log/);
    lab.log.trim(0, 200);
    assert.match((await verifyLake(lab)).findings[0].mend, /backup/);
  });
}

labTest("verify names a file that is not listed", async (lab) => {
  const file = await someFile(lab);
  Deno.copyFileSync(file, `${file}.copy`);
  const { findings } = await verifyLake(lab);
  assert.deepEqual(findings.map(({ problem }) => problem), ["It is not listed in the manifest"]);
});

labTest("verify tells offsets that no file accounts for", async (lab) => {
  await someFile(lab);
  const root = await lab.kv.get<Record<string, unknown>>(stateKeys.manifestRoot());
  await lab.kv.set(stateKeys.manifestRoot(), { ...root.value, covered: [201, 100] });
  const { findings } = await verifyLake(lab);
  assert.deepEqual(findings.map(({ problem }) => problem), ["Partition 0 is covered to offset 201, and 200 offsets are accounted for"]);
});
