// Runs the program as its users do: as a process of its own, over a folder of its own.

import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A command of the program, not started yet. */
export function guardian(args: readonly string[], options: { env?: Record<string, string> } = {}): Deno.Command {
  return program("main.ts", args, options);
}

/** A script of the project with the program's permissions, not started yet. */
export function program(script: string, args: readonly string[], options: { env?: Record<string, string> } = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=server", script, ...args],
    cwd: root,
    env: { NO_COLOR: "1", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function run(...args: string[]): Promise<Output> {
  const { code, stdout, stderr } = await guardian(args).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** The last line of a command's output, as JSON. */
export function lastJson<T>({ stdout, stderr, code }: Output): T {
  const lines = stdout.trimEnd().split("\n");
  try {
    return JSON.parse(lines[lines.length - 1]) as T;
  } catch {
    throw new Error(`Exit ${code}, no JSON at the end of ${JSON.stringify(stdout.slice(-500))}; stderr: ${stderr.slice(-2000)}`);
  }
}

/** A running server; `url` is where it answers. */
export interface Server {
  readonly url: string;
  readonly child: Deno.ChildProcess;
  /** What it has logged, the last pieces of it. */
  logged(): string;
  /** Ends it with a signal and waits. Returns its exit code. */
  end(signal: Deno.Signal): Promise<number>;
}

/** A server that may not listen yet. */
export interface Starting {
  readonly child: Deno.ChildProcess;
  /** Rejects when it ends before it listens. */
  readonly listening: Promise<Server>;
}

/** Starts `serve` on a free port and waits for its line. */
export function serve(data: string, ...args: string[]): Promise<Server> {
  return starting(data, ...args).listening;
}

/** Starts `serve` on a free port. */
export function starting(data: string, ...args: string[]): Starting {
  const child = guardian(["serve", "--data", data, "--port", "0", ...args]).spawn();
  const listening = listen(child);
  listening.catch(() => {}); // whoever waits for it is told
  return { child, listening };
}

async function listen(child: Deno.ChildProcess): Promise<Server> {
  const errors: string[] = [];
  const draining = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      errors.push(text);
      if (errors.length > 200) errors.shift();
    }
  })();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) {
      await draining;
      throw new Error(`The server ended before it listened: ${errors.join("")}`);
    }
    text += value;
  }
  const url = /listening on (https?:\S+)/.exec(text)?.[1];
  if (url === undefined) throw new Error(`The server said ${JSON.stringify(text)}`);
  const rest = (async () => {
    while (!(await reader.read()).done);
  })();
  return {
    url,
    child,
    logged: () => errors.join(""),
    async end(signal) {
      try {
        child.kill(signal);
      } catch {
        // it has ended already
      }
      const { code } = await child.status;
      await Promise.all([draining, rest]);
      return code;
    },
  };
}
