// `deno task bench [--quick] [NAME...]`: measures what the product exists for, each in a process of its own, checks every result against an
// answer counted another way, and prints a table. Writes bench/results.json.

import { fileURLToPath } from "node:url";
import { benchDays } from "./days.ts";
import { benchEngine } from "./engine.ts";
import { benchFile } from "./files.ts";
import { benchHttp } from "./http.ts";
import { type Figures, header, row } from "./measure.ts";
import { benchReplay } from "./replay.ts";
import { benchScan } from "./scan.ts";

const quick = Deno.args.includes("--quick");
const size = quick ? 1_000_000 : 10_000_000;

const benches: Record<string, () => Promise<Figures | Figures[]>> = {
  engine: () => benchEngine(size, 200_000),
  scan: async () => await benchScan(await benchFile(size)),
  replay: async () => await benchReplay(await benchFile(size)),
  http_1000: () => benchHttp(quick ? 200_000 : 2_000_000, 1000, 8),
  http_10: () => benchHttp(quick ? 20_000 : 200_000, 10, 32),
  days: () => benchDays(quick ? 1_000_000 : 33_000_000, 1),
};

/** Figures of requests have the time that one took. */
type Timed = Figures & { p50Ms?: number; p99Ms?: number };

const only = Deno.args.find((arg) => arg.startsWith("--only="))?.slice(7);
if (only !== undefined) {
  console.log(JSON.stringify(await benches[only]()));
} else {
  const named = Deno.args.filter((arg) => !arg.startsWith("--"));
  const results: Figures[] = [];
  await benchFile(size);
  console.log(header);
  for (const name of Object.keys(benches)) {
    if (named.length > 0 && !named.includes(name)) continue;
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-P=test", fileURLToPath(import.meta.url), `--only=${name}`, ...(quick ? ["--quick"] : [])],
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stderr: "inherit",
    }).output();
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    if (code !== 0) {
      console.error(`${name} failed: ${lines.join("\n")}`);
      Deno.exit(1);
    }
    for (const figures of [JSON.parse(lines[lines.length - 1])].flat() as Timed[]) {
      results.push(figures);
      const { p50Ms, p99Ms } = figures;
      console.log(row(figures) + (p50Ms === undefined ? "" : ` p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms!.toFixed(1)} ms`));
    }
  }
  if (!quick && named.length === 0) {
    await Deno.writeTextFile(new URL("./results.json", import.meta.url), JSON.stringify(results, null, 2) + "\n");
  }
}
