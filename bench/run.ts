// Runs benchmarks one after the other, each in a process of its own, so that none has the memory and the compiled code of another; prints
// what they told as one table, and keeps it in results.json.

import { fileURLToPath } from "node:url";
import { header, row } from "./measure.ts";
import { type Entry, entryOf, readEntries, thisMachine, type Told, withEntries, writeEntries } from "./results.ts";

/** Benchmarks by name, in the order in which they run. */
export type Benches = Readonly<Record<string, () => Promise<Told>>>;

const RESULTS = new URL("./results.json", import.meta.url), ONLY = "--only=";

/** Makes the files that a benchmark reads, by its name, where they are not there yet. */
export type Files = Readonly<Record<string, () => Promise<unknown>>>;

/** What the command line asks for: `--quick`, other flags, and names of benchmarks; none are all of them. */
export async function runBenches(benches: Benches, files: Files, args: readonly string[]): Promise<void> {
  const only = args.find((arg) => arg.startsWith(ONLY))?.slice(ONLY.length);
  if (only !== undefined) return console.log(JSON.stringify(await benches[only]()));
  const flags = args.filter((arg) => arg.startsWith("--")), named = args.filter((arg) => !arg.startsWith("--"));
  const names = Object.keys(benches), unknown = named.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    console.error(`Cannot run "${unknown}": there are ${names.join(", ")}`);
    Deno.exit(2);
  }
  const machine = thisMachine(), entries: Record<string, Entry> = {};
  let hasHeader = false;
  for (const name of named.length === 0 ? names : names.filter((name) => named.includes(name))) {
    await files[name]?.();
    const at = Date.now(), told = await inProcess(name, flags);
    if (typeof told === "string") {
      console.log(`\n${told}\n`);
      hasHeader = false;
      continue;
    }
    if (!hasHeader) console.log(header);
    hasHeader = true;
    for (const figures of told) console.log(row(figures));
    entries[name] = entryOf(told, ["deno task bench", ...flags, name].join(" "), machine, at);
  }
  if (!flags.includes("--quick")) await writeEntries(RESULTS, withEntries(await readEntries(RESULTS), entries, names));
}

async function inProcess(name: string, flags: readonly string[]): Promise<Told> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=test", fileURLToPath(new URL("./main.ts", import.meta.url)), `${ONLY}${name}`, ...flags],
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stderr: "inherit",
  }).output();
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  if (code === 0) return JSON.parse(lines[lines.length - 1]);
  console.error(`${name} failed: ${lines.join("\n")}`);
  Deno.exit(1);
}
