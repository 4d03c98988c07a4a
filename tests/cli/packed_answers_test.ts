// Which answers the server packs: those that people and programs read, and neither the live feed nor the short answers to orders.

import assert from "node:assert/strict";
import { get, type IncomingMessage, request } from "node:http";
import { serve } from "../support/process.ts";

interface Got {
  readonly encoding: string | undefined;
  readonly etag: string | undefined;
  readonly status: number | undefined;
}

/** Asks as a browser does, and looks at the head of the answer alone. */
function headOf(url: string, method: "GET" | "POST" = "GET", headers: Record<string, string> = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const told = (response: IncomingMessage) => {
      const { "content-encoding": encoding, etag } = response.headers;
      resolve({ encoding, etag, status: response.statusCode });
      response.destroy();
    };
    const options = { headers: { "Accept-Encoding": "gzip, br", ...headers } };
    const asked = method === "GET" ? get(url, options, told) : request(url, { ...options, method }, told);
    asked.on("error", reject);
    if (method === "POST") asked.end(`{"session_id":1,"timestamp":${Date.now()},"item_id":2}`);
  });
}

Deno.test("the server packs what is read, and neither the live feed nor answers to orders", async () => {
  const data = await Deno.makeTempDir({ prefix: "guardian-packed-" });
  const server = await serve(data);
  try {
    const definitions = await headOf(`${server.url}/definitions`);
    assert.ok(definitions.encoding === "br" || definitions.encoding === "gzip", `packed as ${definitions.encoding}`);
    assert.equal((await headOf(`${server.url}/definitions`, "GET", { "If-None-Match": definitions.etag! })).status, 304);
    assert.equal((await headOf(`${server.url}/definitions`, "GET", { "Accept-Encoding": "identity" })).encoding, undefined);
    assert.deepEqual(await headOf(`${server.url}/live`), { encoding: undefined, etag: undefined, status: 200 });
    assert.deepEqual(await headOf(`${server.url}/events`, "POST"), { encoding: undefined, etag: undefined, status: 202 });
  } finally {
    await server.end("SIGTERM");
    await Deno.remove(data, { recursive: true });
  }
});
