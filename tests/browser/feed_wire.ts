// The wire between the live feed and the browser, with a switch in it: cut, every stream ends in the middle and none comes through; the rest
// of the server stays within reach. Remembers what was said first on each stream.

type Bytes = Uint8Array<ArrayBuffer>;

export interface Connection {
  /** The last number that the browser said it had seen, or null. */
  readonly lastEventId: string | null;
  /** What the server said of it, once it has. */
  hello: { readonly feed: number; readonly resumed: boolean; readonly missed: number | null } | null;
}

export class FeedWire {
  readonly connections: Connection[] = [];
  #isCut = false;
  #streams = new Set<TransformStreamDefaultController<Bytes>>();

  /** Ends every stream, and lets none through, until `mend`. */
  cut(): void {
    this.#isCut = true;
    for (const stream of this.#streams) stream.terminate();
    this.#streams.clear();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** What the browser gets of a stream that the server opens. */
  async pass(request: Request, open: () => Response | Promise<Response>): Promise<Response> {
    if (this.#isCut) return new Response(null, { status: 503 });
    const response = await open();
    if (response.body === null || response.status !== 200) return response;
    const connection: Connection = { lastEventId: new URL(request.url).searchParams.get("last_event_id"), hello: null };
    this.connections.push(connection);
    const decoder = new TextDecoder();
    let said = "", stream: TransformStreamDefaultController<Bytes>;
    const { readable, writable } = new TransformStream<Bytes, Bytes>({
      start: (out) => {
        stream = out;
        this.#streams.add(out);
      },
      transform(bytes, out) {
        if (connection.hello === null) {
          said += decoder.decode(bytes, { stream: true });
          const hello = /event: hello\ndata: (.+)\n/.exec(said)?.[1];
          if (hello !== undefined) connection.hello = JSON.parse(hello);
        }
        out.enqueue(bytes);
      },
    });
    response.body.pipeTo(writable).catch(() => {}).finally(() => this.#streams.delete(stream));
    return new Response(readable, response);
  }
}
