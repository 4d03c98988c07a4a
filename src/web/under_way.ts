// Which clients have requests under way, by the address and port that a request names: what nothing else can tell of a connection.
// What always holds: a request counts from the call of its handler until its answer is handed over or its connection is gone, once; and a
// client without one takes no memory. It costs a request about a microsecond.

/** How far the requests of a connection are: one is being answered, or answers are only being sent, or there are none. */
export type Phase = "answering" | "sending" | null;

interface Requests {
  answering: number;
  sending: number;
}

type Handler = (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) => Response | Promise<Response>;

export class UnderWay {
  readonly #peers = new Map<string, Requests>();

  /** Clients with a request under way. */
  get size(): number {
    return this.#peers.size;
  }

  phaseOf(peer: string): Phase {
    const requests = this.#peers.get(peer);
    return requests === undefined ? null : requests.answering > 0 ? "answering" : "sending";
  }

  /** The same handler, with its requests counted. */
  counting(handler: Handler): Handler {
    return (request, info) => {
      const { hostname, port } = info.remoteAddr, peer = `${hostname}:${port}`;
      let requests = this.#peers.get(peer);
      if (requests === undefined) this.#peers.set(peer, requests = { answering: 0, sending: 0 });
      return this.#counted(peer, requests, info, () => handler(request, info));
    };
  }

  /** answer: may throw, as a handler may. */
  async #counted(
    peer: string,
    requests: Requests,
    info: Deno.ServeHandlerInfo,
    answer: () => Response | Promise<Response>,
  ): Promise<Response> {
    let phase: keyof Requests | null = "answering";
    requests.answering++;
    const ended = () => {
      requests[phase!]--;
      phase = null;
      if (requests.answering === 0 && requests.sending === 0) this.#peers.delete(peer);
    };
    info.completed.then(ended, ended);
    try {
      return await answer();
    } finally {
      // Not when its connection was gone before it was answered.
      if (phase !== null) {
        requests.answering--;
        requests.sending++;
        phase = "sending";
      }
    }
  }
}
