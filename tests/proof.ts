// Runs the suites of the proof and prints what they counted as one table: `deno task proof`, or with `--long` the doses meant for a night. Names
// after it choose suites: `deno task proof sim order`. Two run at a time, but for those that measure. It ends with 1 when a suite fails or
// tells nothing.

import { rowsOf, table, type Told } from "./support/proof.ts";

/** A suite: its tests, and its doses by variable: in a usual run, and at length. */
interface Suite {
  readonly name: string;
  readonly paths?: readonly string[];
  readonly doses?: Readonly<Record<string, readonly [usual: number | string, long: number | string]>>;
  /** It measures, so nothing else runs beside it. */
  readonly alone?: boolean;
}

/** A suite that takes longer in a usual run hangs, and fails. */
const SUITE_MS = 20 * 60_000;

const EVERY_CALL = { GUARDIAN_TEST_FAULT_LIVES: [100_000, 100_000] } as const;

// Those that take longest come first.
const suites: readonly Suite[] = [
  {
    name: "crash",
    doses: { GUARDIAN_TEST_KILLS: [50, 2000], GUARDIAN_TEST_READY_KILLS: [10, 100], GUARDIAN_TEST_REPLAY_KILLS: [9, 60] },
    alone: true,
  },
  { name: "sim", doses: { GUARDIAN_TEST_SIM_SEEDS: [300, 10_000], GUARDIAN_TEST_MUTANTS: ["all", "all"] } },
  { name: "faults of the lake", paths: ["faults/lake_test.ts"], doses: EVERY_CALL },
  { name: "faults while events come in", paths: ["faults/events_test.ts"], doses: EVERY_CALL },
  { name: "soak", doses: { GUARDIAN_TEST_SOAK: [150, 28_800] } },
  {
    name: "faults of the machine",
    paths: ["faults/full_disk_test.ts", "faults/handles_test.ts", "faults/read_only_test.ts"],
    doses: { GUARDIAN_TEST_DISK_SIZES: [20, 20] },
  },
  { name: "damage", doses: { GUARDIAN_TEST_DAMAGE: [1, 10] } },
  { name: "backup", doses: { GUARDIAN_TEST_BACKUPS: [10, 100] } },
  { name: "slow", doses: { GUARDIAN_TEST_SLOW: [2, 10] } },
  { name: "order", doses: { GUARDIAN_TEST_ORDERS: [200, 2000], GUARDIAN_TEST_ORDERS_DAYS: [20, 200] } },
  { name: "time", doses: { GUARDIAN_TEST_CLOCKS: [4, 50] } },
  { name: "upgrade", doses: { GUARDIAN_TEST_FIRST_OPENS: [4, 16] } },
  { name: "limits" },
  {
    name: "hostile bodies",
    paths: ["bodies", "bodies_turns", "bodies_mutated"].map((one) => `hostile/${one}_test.ts`),
    doses: { GUARDIAN_TEST_HOSTILE_BODIES: [200_000, 1_000_000] },
  },
  {
    name: "hostile requests",
    paths: ["routes", "sites", "paths", "headers"].map((one) => `hostile/${one}_test.ts`),
    doses: { GUARDIAN_TEST_SPELLINGS: [8, 20] },
  },
  {
    name: "hostile texts",
    paths: ["output", "output_pages", "secrets", "duckdb", "duckdb_locks", "regex", "dependencies"].map((one) => `hostile/${one}_test.ts`),
    doses: { GUARDIAN_TEST_OUTPUT: ["all", "all"], GUARDIAN_TEST_REGEXES: ["all", "all"] },
  },
  { name: "hostile ids", paths: ["hostile/ids_test.ts"], doses: { GUARDIAN_TEST_HOSTILE_IDS: [2_000_000, 10_000_000] } },
  {
    name: "hostile clients",
    paths: ["hostile/sockets_test.ts", "hostile/standstill_test.ts"],
    doses: {
      GUARDIAN_TEST_SOCKETS: [2000, 2000],
      GUARDIAN_TEST_STANDSTILL_MS: [10_000, 60_000],
      GUARDIAN_TEST_PARALLEL: [10_000, 10_000],
      GUARDIAN_TEST_BOMBS: [100, 500],
      GUARDIAN_TEST_SOCKET_LIMITS: ["short", "own"],
    },
  },
];

const chosen = Deno.args.filter((arg) => !arg.startsWith("--")), long = Deno.args.includes("--long");
const folderOf = ({ name }: Suite) => name.split(" ")[0];
const unknown = chosen.filter((name) => !suites.some((suite) => folderOf(suite) === name));
if (unknown.length > 0) {
  console.error(`Cannot run "${unknown[0]}": there is no such suite; there are ${[...new Set(suites.map(folderOf))].join(", ")}`);
  Deno.exit(2);
}
const wanted = suites.filter((suite) => chosen.length === 0 || chosen.includes(folderOf(suite)));

const rows: Told[] = [], failed: string[] = [];
const lane = async (queue: Suite[]) => {
  for (let suite = queue.shift(); suite !== undefined; suite = queue.shift()) await run(suite);
};
await lane(wanted.filter(({ alone }) => alone));
const together = wanted.filter(({ alone }) => !alone);
await Promise.all([lane(together), lane(together)]);

console.log(`\n${table(rows)}`);
if (failed.length > 0) {
  console.error(`\nfailed, or told nothing: ${failed.join(", ")}`);
  Deno.exit(1);
}

/** Runs a suite, prints what it printed once it is done, and takes what it told. */
async function run(suite: Suite): Promise<void> {
  const { name, paths = [`${name}/`], doses = {} } = suite, began = performance.now();
  const told = await Deno.makeTempFile({ prefix: "guardian-proof-" });
  const env = Object.fromEntries(Object.entries(doses).map(([variable, [usual, most]]) => [variable, String(long ? most : usual)]));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-P=test", "--quiet", ...paths.map((path) => `tests/${path}`)],
    env: { ...env, GUARDIAN_TEST_PROOF: told },
    ...long ? {} : { signal: AbortSignal.timeout(SUITE_MS) },
  }).output();
  console.log(`\n-- ${name}: ${Math.round((performance.now() - began) / 1000)} s`);
  await Deno.stdout.write(stdout);
  await Deno.stderr.write(stderr);
  const counted = await rowsOf(told);
  await Deno.remove(told);
  rows.push(...counted);
  if (!success || counted.length === 0) failed.push(name);
}
