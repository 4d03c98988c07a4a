// A real server under limits of the operating system, and what a client sees of it.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const STARTS_WITHIN_MS = 60_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

export interface LimitedServer {
  readonly url: string;
  readonly pid: number;
  /** Its log lines and errors so far. */
  readonly told: string[];
  ask(path: string, init?: RequestInit): Promise<Answer>;
  end(): Promise<number>;
}

/** What a start that came to nothing said. */
export interface NoStart {
  readonly code: number;
  readonly stderr: string;
}

/** Starts `serve` on a free port, as `before` has it: `ulimit -n 64;`, or `exec` of a program that runs it. */
export async function start(data: string, before = "", ...args: string[]): Promise<LimitedServer | NoStart> {
  const command = before.startsWith("exec") ? `${before} "$0" "$@"` : `${before} exec "$0" "$@"`;
  const line = ["run", "--quiet", "-P=server", "main.ts", "serve", "--data", data, "--port", "0", "--archive-interval-s", "0.1", ...args];
  const child = new Deno.Command("sh", {
    // Files that may not grow are told as an error, not as a signal.
    args: ["-c", `trap '' XFSZ; ${command}`, Deno.execPath(), ...line],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const told: string[] = [];
  const draining = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) told.push(text);
  })();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const timer = setTimeout(() => child.kill("SIGKILL"), STARTS_WITHIN_MS);
  let out = "";
  while (!out.includes("listening on")) {
    const { value, done } = await reader.read();
    if (done) break;
    out += value;
  }
  clearTimeout(timer);
  const url = /listening on (http:\S+)/.exec(out)?.[1];
  const rest = (async () => {
    while (!(await reader.read()).done);
  })();
  if (url === undefined) {
    const { code } = await child.status;
    await Promise.all([draining, rest]);
    return { code, stderr: told.join("") };
  }
  return {
    url,
    pid: child.pid,
    told,
    async ask(path, init) {
      const response = await fetch(`${url}${path}`, init);
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    async end() {
      try {
        child.kill("SIGTERM");
      } catch {
        // it has ended by itself, which its code tells
      }
      const { code } = await child.status;
      await Promise.all([draining, rest]);
      return code;
    },
  };
}

export function started(server: LimitedServer | NoStart): LimitedServer {
  if ("url" in server) return server;
  throw new Error(`The server ended with ${server.code}: ${server.stderr}`);
}

/** Asks again and again until an answer is as it should be; the last one is told when that takes too long. */
export async function until(what: string, ask: () => Promise<Answer>, fits: (answer: Answer) => boolean): Promise<Answer> {
  const end = performance.now() + 60_000;
  while (true) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (performance.now() > end) throw new Error(`${what} did not come: ${answer.status} ${JSON.stringify(answer.body)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Checks that an answer says clearly that storage fails. */
export function assertStorageFails({ status, headers, body }: Answer, reason: RegExp): void {
  assert.deepEqual([status, body.code], [503, "storage_failing"], JSON.stringify(body));
  assert.match(body.detail, reason);
  assert.match(body.detail, /^Cannot [^:]+: .+; .+/);
  assert.ok(Number(headers.get("retry-after")) > 0);
}
