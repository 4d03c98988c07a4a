// Listening for requests for as long as the server runs. The runtime stops listening for good when a connection cannot be accepted, as when
// the process has no file handle left; here it is begun again on the same port, once that is possible.
// What always holds: until it is told to stop it listens, or tries to. It must not know what is served.

import { reasonOf } from "../errors.ts";
import type { LogLine } from "../log_line.ts";
import { mendOf } from "../storage_failure.ts";

type Server = Deno.HttpServer<Deno.NetAddr>;

/** Between two tries to listen again: connections that were cut off have given their handles back by then. */
const AGAIN_MS = 100;

export class Listening {
  #server: Server;
  #stopping = false;
  /** Trying to listen again. */
  #trying: Promise<void> | null = null;

  /** serve: begins to listen, on the port of the settings or on the one that is given. Throws what its first call throws. */
  constructor(private readonly serve: (port?: number) => Server, private readonly logLine: LogLine) {
    this.#server = serve();
    this.#watch();
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /**
   * Takes no more requests; resolves when those under way are answered, or were cut off, or are not over after so long, ms. The runtime
   * cannot be told to end those: its signal fails, with the process, once it shuts down.
   */
  async shutdown(withinMs: number): Promise<void> {
    this.#stopping = true;
    const { promise: over, resolve } = Promise.withResolvers<void>(), timer = setTimeout(resolve, withinMs);
    try {
      await Promise.race([this.#server.shutdown(), this.#server.finished, over]);
    } catch {
      // It failed, and listens no more either way.
    } finally {
      clearTimeout(timer);
    }
    await this.#trying;
  }

  #watch(): void {
    this.#server.finished.catch((failure) => this.#trying = this.#again(failure));
  }

  async #again(failure: unknown): Promise<void> {
    const { port } = this, reason = reasonOf(failure);
    if (this.#stopping) return;
    this.logLine("error", "listening_failed", { reason, mend: mendOf(reason) });
    for (let tries = 1;; tries++) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      if (this.#stopping) return;
      try {
        this.#server = this.serve(port);
        this.#watch();
        this.logLine("info", "listening_again", { tries });
        return;
      } catch {
        // as before: it was told, and is tried again
      }
    }
  }
}
