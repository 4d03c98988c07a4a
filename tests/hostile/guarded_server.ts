// A real server whose clients mean it no good: raw connections to it, what it says of itself, and what the system says of its process.

import assert from "node:assert/strict";
import { Sockets } from "../../src/cli/sockets.ts";
import type { ConnectionFigures } from "../../src/web/connections.ts";
import type { limits } from "../../src/limits.ts";
import { program } from "../support/process.ts";

type Limits = Partial<Record<keyof typeof limits, number>>;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface GuardedServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** A raw connection that has sent `text`. */
  connect(text?: string): Promise<RawConnection>;
  /** What it says of its connections. */
  connections(): Promise<ConnectionFigures>;
  /** File handles that the process has open, and the most memory that it has taken since its start, MiB. */
  holds(): Promise<{ handles: number; mib: number }>;
}

/** Starts `serve` on a free port of loopback. */
export async function guardedServer(lower: Limits, env: Record<string, string> = {}): Promise<GuardedServer> {
  const data = await Deno.makeTempDir({ prefix: "guardian-sockets-" });
  const child = program("tests/hostile/limited_program.ts", ["serve", "--data", data, "--port", "0"], {
    env: { GUARDIAN_TEST_LIMITS: JSON.stringify(lower), ...env },
  }).spawn();
  let told = "";
  const draining = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (text) => void (told = (told + text).slice(-20_000)) }),
  );
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let out = "";
  for (let piece = await reader.read(); !piece.done && !(out += piece.value).includes("\n"); piece = await reader.read());
  const url = /listening on (http:\S+)/.exec(out)?.[1];
  assert.ok(url, `the server listens: ${out} ${told}`);
  const { hostname, port } = new URL(url), { pid } = child;
  const headers: HeadersInit = env.GUARDIAN_TOKEN === undefined ? {} : { authorization: `Bearer ${env.GUARDIAN_TOKEN}` };
  return {
    url,
    pid,
    async connect(text = "") {
      // Reset, when it was cut before this side had it.
      const connection = new RawConnection(await Deno.connect({ hostname, port: Number(port) }).catch(() => null));
      if (text !== "") await connection.write(text);
      return connection;
    },
    connections: async () => (await (await fetch(`${url}/health`, { headers })).json()).connections,
    async holds() {
      // The runtime lets nobody read these who may not do everything.
      const script = `ls /proc/${pid}/fd | wc -l; grep VmHWM /proc/${pid}/status`;
      const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
      const [handles, kib] = decoder.decode(stdout).match(/\d+/g)!.map(Number);
      return { handles, mib: Math.round(kib / 1024) };
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      const { code } = await child.status;
      await Promise.all([draining, reader.cancel()]);
      await Deno.remove(data, { recursive: true });
      assert.equal(code, 0, told);
      assert.doesNotMatch(told, /"level":"error"/);
    },
  };
}

/** A connection of which every byte is the test's own. That it ends is nothing wrong. */
export class RawConnection {
  #isOpen: boolean;

  constructor(private readonly connection: Deno.TcpConn | null) {
    this.#isOpen = connection !== null;
  }

  /** Whether nobody has seen its end yet. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  async write(text: string): Promise<void> {
    const bytes = encoder.encode(text);
    try {
      for (let sent = 0; this.connection !== null && sent < bytes.length;) sent += await this.connection.write(bytes.subarray(sent));
    } catch {
      this.#isOpen = false;
    }
  }

  /** Reads until the server ends the connection. Returns what came. */
  async readAll(): Promise<string> {
    const buffer = new Uint8Array(16_384);
    let text = "";
    try {
      for (let length = await this.connection?.read(buffer) ?? null; length !== null; length = await this.connection!.read(buffer)) {
        text += decoder.decode(buffer.subarray(0, length));
      }
    } catch {
      // Cut off, which is an end too.
    }
    this.#isOpen = false;
    return text;
  }

  close(): void {
    this.connection?.close();
  }
}

/** How many connections this process can hold at its end: half of its handles, as the server has them too where both have one limit. */
export function connectionsPossible(): number {
  const sockets = Sockets.open();
  try {
    return Math.floor(sockets.handlesMax / 2);
  } finally {
    sockets.close();
  }
}

/** Waits for a state of the server's connections; tells the last one when it does not come. */
export async function untilConnections(server: GuardedServer, what: string, fits: (figures: ConnectionFigures) => boolean) {
  const end = performance.now() + 180_000;
  while (true) {
    const figures = await server.connections();
    if (fits(figures)) return figures;
    assert.ok(performance.now() < end, `${what} did not come: ${JSON.stringify(figures)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
