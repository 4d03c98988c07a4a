// Long lists as one JSON object a line, sent while they are read, so that they never are in memory whole.

export const NDJSON = "application/x-ndjson";

const CHUNK_CHARS = 64 * 1024;

/** An answer of one line per item, with the name of a file to keep it under. */
export function linesOf(items: AsyncGenerator<unknown>, fileName: string): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let text = "";
      while (text.length < CHUNK_CHARS) {
        const { value, done } = await items.next();
        if (done) {
          if (text !== "") controller.enqueue(encoder.encode(text));
          return controller.close();
        }
        text += JSON.stringify(value) + "\n";
      }
      controller.enqueue(encoder.encode(text));
    },
    async cancel() {
      await items.return(undefined);
    },
  });
  return new Response(body, { headers: { "Content-Type": NDJSON, "Content-Disposition": `attachment; filename="${fileName}"` } });
}

/**
 * An answer of one line per item, each sent as soon as it is there. `first`: what was read of `items` already. What is thrown after that
 * becomes a last line by `problemOf`, with the type `problem`. `onCancel` is called when the client goes away.
 */
export function jsonLines(
  first: IteratorResult<object>,
  items: AsyncGenerator<object>,
  problemOf: (thrown: unknown) => Promise<Record<string, unknown>>,
  onCancel: () => void,
): Response {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<object>> = Promise.resolve(first);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await next;
        if (done) return controller.close();
        controller.enqueue(encoder.encode(JSON.stringify(value) + "\n"));
        next = items.next();
        next.catch(() => {}); // told at the next pull
      } catch (thrown) {
        const { type: about, ...rest } = await problemOf(thrown);
        controller.enqueue(encoder.encode(JSON.stringify({ type: "problem", about, ...rest }) + "\n"));
        controller.close();
      }
    },
    cancel: onCancel,
  });
  return new Response(body, { headers: { "Content-Type": NDJSON } });
}
