// A small data folder to be backed up, exported and harmed: some sessions, a bot, and a day that is counted.

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { lastJson, run } from "../support/process.ts";
import { filesBelow } from "./folder.ts";

export const DATE = "2026-01-05";

let made: Promise<string> | null = null;

/** A data folder with some sessions, a bot, and a day that is counted; made once. */
function madeData(): Promise<string> {
  return made ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "guardian-backup-" }), data = `${folder}/data`;
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    await Deno.writeTextFile(`${folder}/clicks.ndjson`, clicks(600));
    lastJson(await run("replay", `${folder}/clicks.ndjson`, "--data", data, "--json"));
    assert.equal((await run("jobs", "run", DATE, "--data", data)).code, 0);
    return data;
  })();
}

export function clicks(count: number): string {
  const at = (i: number) => ({ session_id: i < 500 ? i % 50 : "bot", timestamp: Date.parse(`${DATE}T10:00:00Z`) + i * 20, item_id: i % 7 });
  return Array.from({ length: count }, (_, i) => JSON.stringify(at(i))).join("\n");
}

/** Gives `work` a temporary folder with a copy of that data folder in it. */
export async function withData(work: (folder: string, data: string) => Promise<void>): Promise<void> {
  const from = await madeData(), folder = await Deno.makeTempDir({ prefix: "guardian-backup-" }), data = `${folder}/data`;
  try {
    for (const path of filesBelow(from)) {
      await Deno.mkdir(dirname(`${data}/${path}`), { recursive: true });
      await Deno.copyFile(`${from}/${path}`, `${data}/${path}`);
    }
    await work(folder, data);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export function firstPart(folder: string): string {
  return filesBelow(folder).find((path) => path.includes("raw_clicks") && path.endsWith(".parquet"))!;
}

export async function flip(path: string, at: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[at < 0 ? bytes.length + at : at] ^= 0x10;
  await Deno.writeFile(path, bytes);
}
