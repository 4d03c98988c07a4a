// The server of `http_server.ts` as seen by a benchmark: a process over an empty folder of its own, which takes orders and is gone afterwards.

import { fileURLToPath } from "node:url";
import type { Stalls } from "./stall_watch.ts";

export interface Cost {
  readonly cpuS: number;
  readonly peakMib: number;
  readonly residentMib: number;
  /** Of it: what JavaScript holds in its heap, and in buffers beside it. */
  readonly heapMib: number;
  readonly externalMib: number;
}

/** What a server answers to each order. */
interface Answers {
  finish: { cpuS: number; peakMib: number; events: number; rows: number };
  cost: Cost;
  watch: null;
  stalls: Stalls;
  import: { accepted: number; stalls: Stalls };
  anomalies: null;
  counts: Record<string, number>;
}

export class ServerProcess {
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #told = "";
  /** Host and port that it listens on. */
  address!: { readonly hostname: string; readonly port: number };

  private constructor(private readonly child: Deno.ChildProcess, private readonly data: string) {
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#orders = child.stdin.getWriter();
  }

  /** Runs `work` with a server. profileFolder: where the server leaves a profile of its main thread; its longest stalls go to stderr then. */
  static async with<T>(work: (server: ServerProcess) => Promise<T>, profileFolder = Deno.env.get("GUARDIAN_BENCH_PROFILE")): Promise<T> {
    const data = await Deno.makeTempDir({ prefix: "guardian-bench-" });
    const profiled = profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-P=test", ...profiled, fileURLToPath(new URL("./http_server.ts", import.meta.url)), data],
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const server = new ServerProcess(child, data);
    try {
      const { hostname, port } = new URL(await server.#line());
      server.address = { hostname, port: Number(port) };
      if (profileFolder !== undefined) await server.ask("watch");
      const result = await work(server);
      if (profileFolder !== undefined) console.error(JSON.stringify((await server.ask("stalls")).longest));
      await server.#orders.close();
      return result;
    } catch (failure) {
      child.kill("SIGKILL");
      throw failure;
    } finally {
      while (!(await server.#lines.read()).done);
      await child.status;
      await Deno.remove(data, { recursive: true });
    }
  }

  get url(): string {
    return `http://${this.address.hostname}:${this.address.port}`;
  }

  /** Gives an order and waits for its answer. One at a time. */
  async ask<Order extends keyof Answers>(order: Order, argument: string | number = ""): Promise<Answers[Order]> {
    await this.#orders.write(new TextEncoder().encode(`${order} ${argument}\n`));
    return JSON.parse(await this.#line());
  }

  async #line(): Promise<string> {
    while (!this.#told.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("Cannot go on: the server ended early");
      this.#told += value;
    }
    const [first] = this.#told.split("\n", 1);
    this.#told = this.#told.slice(first.length + 1);
    return first;
  }
}
