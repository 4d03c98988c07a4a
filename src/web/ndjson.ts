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
