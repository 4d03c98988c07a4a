// The server of `server.ts` as tests see it: a process over a folder of its own, which takes orders, and whose files and threads are counted
// from outside. It is gone with its folder when the work with it ends, however that ends.

import { fileURLToPath } from "node:url";
import type { Figures, ServerOptions, SlowStorage } from "./server.ts";

/** What a server answers to each order. */
interface Answers {
  figures: Figures;
  collected: Figures;
  slow: null;
  leap: null;
  now: number;
  hold: null;
  free: null;
  days: null;
  tables: Record<string, number>;
  files: Record<string, number>;
  finish: { files: number; rows: number; bytes: number };
}

/** What the system says of a process: open files, of them those that are sockets; and threads. */
export interface Held {
  readonly files: number;
  readonly sockets: number;
  readonly threads: number;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

export class ServerProcess {
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #told = "";
  #turn: Promise<unknown> = Promise.resolve();
  #hasEnded = false;
  address!: { readonly hostname: string; readonly port: number };

  private constructor(private readonly child: Deno.ChildProcess, readonly data: string) {
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#orders = child.stdin.getWriter();
  }

  /** Runs `work` with a server over a new folder, which is deleted afterwards. */
  static async with<T>(options: Omit<ServerOptions, "data">, work: (server: ServerProcess) => Promise<T>): Promise<T> {
    const data = await Deno.makeTempDir({ prefix: "guardian-slow-" });
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "-P=test",
        "--v8-flags=--expose-gc",
        fileURLToPath(new URL("./server.ts", import.meta.url)),
        JSON.stringify({ ...options, data }),
      ],
      cwd: root,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const server = new ServerProcess(child, data);
    try {
      const { hostname, port } = new URL(await server.#line());
      server.address = { hostname, port: Number(port) };
      return await work(server);
    } finally {
      await server.end("SIGKILL");
      await Deno.remove(data, { recursive: true });
    }
  }

  get url(): string {
    return `http://${this.address.hostname}:${this.address.port}`;
  }

  /** Gives an order and waits for its answer. */
  ask<Order extends keyof Answers>(order: Order, argument: string | number = ""): Promise<Answers[Order]> {
    const answer = this.#turn.then(async () => {
      await this.#orders.write(new TextEncoder().encode(`${order} ${argument}\n`));
      return JSON.parse(await this.#line());
    });
    this.#turn = answer.catch(() => {});
    return answer;
  }

  slow(storage: SlowStorage): Promise<null> {
    return this.ask("slow", JSON.stringify(storage));
  }

  /** What the process holds, as the system tells. */
  async held(): Promise<Held> {
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", `ls -l /proc/${this.child.pid}/fd; grep Threads /proc/${this.child.pid}/status`],
    }).output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    const open = lines.filter((line) => line.includes(" -> ")), sockets = open.filter((line) => line.includes("-> socket:")).length;
    return { files: open.length - sockets, sockets, threads: Number(/Threads:\s*(\d+)/.exec(lines.join("\n"))?.[1]) };
  }

  /** Ends it: in good order, or at once. Its folder stays. */
  async end(how: "in order" | "SIGKILL" = "in order"): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (how === "SIGKILL") this.child.kill("SIGKILL");
    else await this.#orders.close();
    while (!(await this.#lines.read()).done);
    const { code } = await this.child.status;
    if (how === "in order" && code !== 0) throw new Error(`Cannot go on: the server ended with ${code}`);
  }

  async #line(): Promise<string> {
    while (!this.#told.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("Cannot go on: the server ended early");
      this.#told += value;
    }
    const at = this.#told.indexOf("\n"), first = this.#told.slice(0, at);
    this.#told = this.#told.slice(at + 1);
    return first;
  }
}
