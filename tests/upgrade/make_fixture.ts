// Makes a data folder as some version of the program leaves it when it is killed, and keeps it as a fixture that all later versions must open.
//
// When a format changes (a number in tests/upgrade/formats.ts, or the shape of something that is stored), the test of the formats fails
// until there is a fixture of it. Make it in a tree of the version that is to be kept, before or after the change as the case may be:
//   git archive <commit> | tar x -C <tree>
//   deno run --quiet -P=test tests/upgrade/make_fixture.ts <tree> <name>
// It speaks to the program by its command line and its API alone, so it works with any version.

import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { sealedKv } from "../../src/store/sealed.ts";
import { formatsOf, shapesOf } from "./formats.ts";
import { clicksFile, REPLAYED_FIRST, type Request, requests } from "./traffic.ts";

/** What is kept beside a fixture: what the program that made it had, and said. */
export interface Expected {
  /** Formats of the tree that made it, and the shapes of all that is stored in its state, by key. */
  readonly formats: Record<string, number>;
  readonly shapes: Record<string, string>;
  /** Wall clock at the kill, ms: identities are kept for a day, so whoever opens it must not be later than that. */
  readonly killedAt: number;
  /** Requests that were sent, in order, and what was answered. */
  readonly answers: { accepted: number; duplicates: number; rejected: number }[];
  /** Rows of the file that were taken in before its replay was interrupted. */
  readonly replayed: number;
  readonly anomalies: Record<string, unknown>[];
  readonly deadLetters: unknown[];
  /** Answers of the API about finished days, by path. */
  readonly days: Record<string, unknown>;
}

export const fixtures = join(dirname(fileURLToPath(import.meta.url)), "fixtures");
/** Below, what a fixture takes in the repository. */
export const FIXTURE_BYTES_MAX = 300_000;
const DAY_PATHS = ["/metrics/daily/2025-01-05", "/metrics/daily/2025-01-06", "/metrics/funnel/2025-01-06", "/items/popular/2025-01-06"];

/** A tree of the program as a process. */
class Program {
  constructor(private readonly tree: string, private readonly data: string) {}

  command(...args: string[]): Deno.Command {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-P=server", "main.ts", ...args, "--data", this.data],
      cwd: this.tree,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.command(...args).output();
    if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  }

  async serve(): Promise<{ url: string; kill(): Promise<void> }> {
    const child = this.command("serve", "--port", "0", "--archive-interval-s", "3600", "--run-at", "03:00").spawn();
    const told = child.stderr.pipeTo(new WritableStream());
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error("The server ended before it listened");
      text += value;
    }
    const rest = (async () => {
      while (!(await reader.read()).done);
    })();
    return {
      url: /listening on (http:\S+)/.exec(text)![1],
      async kill() {
        child.kill("SIGKILL");
        await Promise.all([child.status, told, rest]);
      },
    };
  }
}

async function send(url: string, { key, body }: Request): Promise<Expected["answers"][number]> {
  const answer = await fetch(`${url}/events`, { method: "POST", body, headers: key === null ? {} : { "idempotency-key": key } });
  const { accepted, duplicates, rejected } = await answer.json();
  if (answer.status !== 202) throw new Error(`POST /events was answered with ${answer.status}`);
  return { accepted, duplicates, rejected };
}

async function getJson<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  if (answer.status !== 200) throw new Error(`GET ${url} was answered with ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}

/** Runs the program of `tree` over a new folder `data` until it is killed in the middle of its work. */
export async function makeFolder(tree: string, folder: string): Promise<Expected> {
  const data = join(folder, "data"), file = join(folder, "clicks.csv");
  const program = new Program(resolve(tree), data);
  await Deno.writeTextFile(file, clicksFile());
  const replay = JSON.parse(
    (await program.run("replay", file, "--max-events", String(REPLAYED_FIRST), "--json")).trim().split("\n").at(-1)!,
  );
  const server = await program.serve();
  let killedAt = 0;
  try {
    const answers: Expected["answers"] = [];
    const all = requests();
    for (const request of all.slice(0, -1)) answers.push(await send(server.url, request));
    await program.run("jobs", "backfill", "--json");
    const days: Record<string, unknown> = {};
    for (const path of DAY_PATHS) days[path] = await getJson(server.url + path);
    // Not archived, in windows that stay open.
    answers.push(await send(server.url, all.at(-1)!));
    const anomalies = await settledAnomalies(server.url);
    const deadLetters = await getJson<unknown[]>(`${server.url}/dead_letters`);
    // Until what is known of identities has been written down, which is done every second.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    killedAt = Date.now();
    await server.kill();
    const state = sealedKv(await Deno.openKv(join(data, "state.kv")));
    const shapes = await shapesOf(state).finally(() => state.close());
    return { formats: await formatsOf(tree), shapes, killedAt, answers, replayed: replay.accepted, anomalies, deadLetters, days };
  } finally {
    if (killedAt === 0) await server.kill();
  }
}

/** The anomalies once the provisional one of the open window is told. */
async function settledAnomalies(url: string): Promise<Record<string, unknown>[]> {
  for (let tries = 0; tries < 200; tries++) {
    const items = await getJson<Record<string, unknown>[]>(`${url}/anomalies?limit=100&since=2014-01-01T00:00:00Z`);
    if (items.some(({ session_id }) => String(session_id) === "98")) return items;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("Cannot go on: the anomaly of the open window never came");
}

async function pack(folder: string, name: string): Promise<void> {
  await Deno.remove(join(folder, "data", "lock"));
  const tar = new Deno.Command("tar", { args: ["czf", join(fixtures, `${name}.tar.gz`), "-C", folder, "data", "clicks.csv"] });
  const { success, stderr } = await tar.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Unpacks a fixture into a folder: `data` and `clicks.csv`. */
export async function unpack(name: string, folder: string): Promise<Expected> {
  const tar = new Deno.Command("tar", { args: ["xzf", join(fixtures, `${name}.tar.gz`), "-C", folder] });
  const { success, stderr } = await tar.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(await Deno.readTextFile(join(fixtures, `${name}.json`)));
}

if (import.meta.main) {
  const [tree, name] = Deno.args;
  if (name === undefined) throw new Error("Cannot make a fixture: give the folder of a tree, and a name");
  const folder = await Deno.makeTempDir({ prefix: "guardian-fixture-" });
  try {
    const expected = await makeFolder(tree, folder);
    await pack(folder, name);
    await Deno.writeTextFile(join(fixtures, `${name}.json`), JSON.stringify(expected, null, 1) + "\n");
    console.log(`${name}: ${JSON.stringify(expected.formats)}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
