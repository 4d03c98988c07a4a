// Sends requests that were made ready before over plain keep-alive connections, for a load generator shares the machine with what it loads:
// written by hand, a request costs a third of what `fetch` costs. What always holds: one request is under way on a connection; of paced
// requests each wait is counted from when it was due, however late it could be sent, so that a server that stalls cannot hide the others.

import assert from "node:assert/strict";

export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** A request as it is on the wire. */
export type WireRequest = Uint8Array<ArrayBuffer>;

/** What an answer is, and its body where somebody wants it. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

const encoder = new TextEncoder(), decoder = new TextDecoder();
const READ_BYTES = 64 * 1024;

/** `POST /events` with lines of NDJSON. */
export function eventsRequest(lines: string): WireRequest {
  const body = encoder.encode(lines);
  const head = encoder.encode(
    `POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  const request = new Uint8Array(head.length + body.length);
  request.set(head);
  request.set(body, head.length);
  return request;
}

export function getRequest(path: string): WireRequest {
  return encoder.encode(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
}

/** One kept connection. */
export class Connection {
  readonly #buffer = new Uint8Array(READ_BYTES);

  private constructor(private readonly tcp: Deno.TcpConn) {
    tcp.setNoDelay(true);
  }

  static async open({ hostname, port }: Address): Promise<Connection> {
    return new Connection(await Deno.connect({ hostname, port }));
  }

  /** Sends a request and reads its answer to the end. */
  async ask(request: WireRequest): Promise<Answer> {
    for (let at = 0; at < request.length;) at += await this.tcp.write(at === 0 ? request : request.subarray(at));
    let text = "", need = -1;
    for (;;) {
      const read = await this.tcp.read(this.#buffer);
      if (read === null) throw new Error("Cannot read an answer: the server closed the connection");
      // Answers are ASCII here, so that characters are bytes.
      text += decoder.decode(this.#buffer.subarray(0, read));
      if (need < 0) {
        const head = text.indexOf("\r\n\r\n");
        if (head < 0) continue;
        const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head));
        assert.ok(length, "an answer tells its length");
        need = head + 4 + Number(length[1]);
      }
      if (text.length >= need) return { status: Number(text.slice(9, 12)), body: text.slice(text.indexOf("\r\n\r\n") + 4) };
    }
  }

  close(): void {
    this.tcp.close();
  }
}

async function withConnections<T>(address: Address, count: number, work: (connection: Connection) => Promise<T>): Promise<void> {
  const connections = await Promise.all(Array.from({ length: count }, () => Connection.open(address)));
  try {
    await Promise.all(connections.map(work));
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Sends all requests, one after the other on each connection, as fast as they are answered. Returns how long each took, ms. */
export async function sendAll(address: Address, requests: readonly WireRequest[], connections: number): Promise<number[]> {
  const took: number[] = [];
  let next = 0;
  await withConnections(address, connections, async (connection) => {
    while (next < requests.length) {
      const request = requests[next++], sent = performance.now();
      const { status, body } = await connection.ask(request);
      assert.equal(status, 202, body);
      took.push(performance.now() - sent);
    }
  });
  return took;
}

/** Requests that are due one after the other. */
export interface Paced {
  readonly requests: readonly WireRequest[];
  /** When the first is due, by `performance.now()`, and the time between two, ms. */
  readonly startMs: number;
  readonly everyMs: number;
  readonly connections: number;
  /** Takes what came of each one; left out: it has to be a 202. */
  readonly onAnswer?: (index: number, answer: Answer, tookMs: number) => void;
}

/**
 * Sends each request when it is due, or once a connection is free. Returns how long after it was due each was answered, ms; and of those that
 * had a connection in time, how late the generator itself was.
 */
export async function sendPaced(address: Address, { requests, startMs, everyMs, connections, onAnswer }: Paced): Promise<
  { readonly took: number[]; readonly late: number[] }
> {
  const took: number[] = [], late: number[] = [];
  let next = 0;
  await withConnections(address, connections, async (connection) => {
    while (next < requests.length) {
      const index = next++, due = startMs + index * everyMs;
      const wait = due - performance.now();
      if (wait > 0) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        late.push(performance.now() - due);
      }
      const answer = await connection.ask(requests[index]), tookMs = performance.now() - due;
      took.push(tookMs);
      if (onAnswer === undefined) assert.equal(answer.status, 202, answer.body);
      else onAnswer(index, answer, tookMs);
    }
  });
  return { took, late };
}
