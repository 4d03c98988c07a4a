// `deno task bench [--quick] [NAME...]`: measures what the product exists for, each in a process of its own, checks every result against an
// answer counted another way, and prints a table. Writes bench/results.json.

import { fileURLToPath } from "node:url";
import { benchDashboard } from "./dashboard.ts";
import { benchDays } from "./days.ts";
import { benchEngine } from "./engine.ts";
import { benchFile } from "./files.ts";
import { benchHttp } from "./http.ts";
import { type Figures, header, row } from "./measure.ts";
import { benchReplay } from "./replay.ts";
import { benchScan } from "./scan.ts";

const quick = Deno.args.includes("--quick");
const size = quick ? 1_000_000 : 10_000_000;

/** Minutes of live updates, for the memory of the dashboard. */
const minutes = Number(Deno.args.find((arg) => arg.startsWith("--minutes="))?.slice(10) ?? 0.5);

/** Figures of events go into one table; what is measured in other ways comes as a table of its own. */
const benches: Record<string, () => Promise<Figures | Figures[] | string>> = {
  engine: () => benchEngine(size, 200_000),
  scan: async () => await benchScan(await benchFile(size)),
  replay: async () => await benchReplay(await benchFile(size)),
  http_1000: () => benchHttp(quick ? 200_000 : 2_000_000, 1000, 8),
  http_10: () => benchHttp(quick ? 20_000 : 200_000, 10, 32),
  days: () => benchDays(quick ? 1_000_000 : 33_000_000, 1),
  dashboard: () => benchDashboard(minutes),
};
/** Those that read the file of clicks, which is made before they are measured. */
const readFile = ["scan", "replay"];

/** Figures of requests have the time that one took. */
type Timed = Figures & { p50Ms?: number; p99Ms?: number };

const only = Deno.args.find((arg) => arg.startsWith("--only="))?.slice(7);
if (only !== undefined) {
  console.log(JSON.stringify(await benches[only]()));
} else {
  const named = Deno.args.filter((arg) => !arg.startsWith("--"));
  const results: Figures[] = [];
  if (named.length === 0 || named.some((name) => readFile.includes(name))) await benchFile(size);
  let hasHeader = false;
  for (const name of Object.keys(benches)) {
    if (named.length > 0 && !named.includes(name)) continue;
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "-P=test",
        fileURLToPath(import.meta.url),
        `--only=${name}`,
        ...Deno.args.filter((arg) => arg.startsWith("--")),
      ],
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stderr: "inherit",
    }).output();
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    if (code !== 0) {
      console.error(`${name} failed: ${lines.join("\n")}`);
      Deno.exit(1);
    }
    const told: Timed | Timed[] | string = JSON.parse(lines[lines.length - 1]);
    if (typeof told === "string") {
      console.log(told);
      continue;
    }
    if (!hasHeader) console.log(header);
    hasHeader = true;
    for (const figures of [told].flat()) {
      results.push(figures);
      const { p50Ms, p99Ms } = figures;
      console.log(row(figures) + (p50Ms === undefined ? "" : ` p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms!.toFixed(1)} ms`));
    }
  }
  if (!quick && named.length === 0) {
    await Deno.writeTextFile(new URL("./results.json", import.meta.url), JSON.stringify(results, null, 2) + "\n");
  }
}
