import assert from "node:assert/strict";
import { scanFile, scanPath } from "../../src/cli/scan.ts";
import { anomalyLine } from "../../src/cli/words.ts";
import type { Reject } from "../../src/event/reject.ts";
import { prescan } from "../../src/source/prescan.ts";
import { Random, TestFolder } from "../source/files.ts";

const T = Date.UTC(2014, 3, 7, 10), NOW = Date.UTC(2026, 0, 1);

/** Bots of both kinds among people, each row up to `behindMs` behind its place, and two lines that are no event. */
function content(behindMs: number, texts: boolean, random: Random): string {
  const rows: { time: number; who: number; what: number }[] = [];
  for (let at = 0; at < 3000; at++) rows.push({ time: T + at * 100, who: 10 + random.below(500), what: random.below(1000) });
  for (let at = 0; at < 80; at++) rows.push({ time: T + 20_000 + at * 100, who: 1, what: at });
  for (let at = 0; at < 130; at++) rows.push({ time: T + 60_000 + at * 400, who: 2, what: at % 3 });
  const place = new Map(rows.map((row) => [row, row.time + random.below(behindMs + 1)]));
  rows.sort((a, b) => place.get(a)! - place.get(b)!);
  const lines = rows.map(({ time, who, what }) => `${texts ? `visitor-${who}` : who},${new Date(time).toISOString()},${1 + what},S`);
  lines.splice(7, 0, "no event");
  lines.splice(2000, 0, "1,yesterday,2,S");
  return lines.join("\n") + "\n";
}

for (const behindMs of [0, 8000, 200_000]) {
  Deno.test(`scan finds in a file that it was given what it finds in one read before, rows being up to ${behindMs} ms behind`, async () => {
    using folder = new TestFolder();
    const random = new Random();
    for (const texts of [false, true]) {
      const path = folder.file(content(behindMs, texts, random)), rejects: Reject[] = [];
      const expected = scanFile(prescan(path), NOW, (reject) => rejects.push(reject));
      assert.deepEqual(expected.anomalies.map(({ anomaly_type }) => anomaly_type).sort(), ["BOT_LIKE", "HIGH_FREQUENCY"]);
      assert.deepEqual(await scanPath(path, null, NOW), { ...expected, refused: rejects });
      const brief = await scanPath(path, null, NOW, true);
      assert.deepEqual(brief.anomalies.map(anomalyLine), expected.anomalies.map(anomalyLine));
      assert.deepEqual({ ...brief, file: { ...brief.file, sha256: "" }, anomalies: [] }, {
        ...expected,
        file: { ...expected.file, sha256: "" },
        anomalies: [],
        refused: rejects,
      });
    }
  });
}
