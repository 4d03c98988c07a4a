// Answers that a client may keep: told by an ETag of their bytes, and not sent again to who has them already (RFC 9110, 13.1.2).

import type { Context } from "hono";
import { createHash } from "node:crypto";

/** JSON of `body`; with an ETag where it is `settled`, and 304 without a body to a client that has it. */
export function settledJson(c: Context, body: unknown, settled: boolean): Response {
  const text = JSON.stringify(body);
  const headers = { "Content-Type": "application/json" };
  if (!settled) return c.body(text, 200, headers);
  return tagged(c, text, headers);
}

/** A text or bytes that may be kept, as long as each use is asked for first. */
export function tagged(c: Context, content: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>): Response {
  const etag = `"${createHash("sha256").update(content).digest("base64url").slice(0, 27)}"`;
  c.header("ETag", etag);
  c.header("Cache-Control", "private, no-cache");
  return isHeld(c.req.header("if-none-match"), etag) ? c.body(null, 304) : c.body(content, 200, headers);
}

/** Whether an If-None-Match header names `etag`, by the weak comparison. */
export function isHeld(given: string | undefined, etag: string): boolean {
  if (given === undefined) return false;
  return given.trim() === "*" || given.split(",").some((one) => one.trim().replace(/^W\//, "") === etag);
}
