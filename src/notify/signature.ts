// The signature of a webhook as the Standard Webhooks specification has it: HMAC-SHA256 over id, time and body, in base64.
// What always holds: the time is in whole seconds, the body is signed as it is sent, byte for byte. It must not know what a message says.
// Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

const PREFIX = "whsec_";
/** Bytes that a secret may have, by the specification. */
const BYTES_MIN = 24, BYTES_MAX = 64;

/** The bytes of a secret, or null for what is none: `whsec_` and then the base64, with its padding, of 24 to 64 bytes. */
export function secretBytes(secret: string): Uint8Array | null {
  if (!secret.startsWith(PREFIX)) return null;
  const encoded = secret.slice(PREFIX.length);
  const bytes = Buffer.from(encoded, "base64");
  // What decodes and encodes to something else is no base64, and a receiver that is strict would refuse it.
  if (bytes.toString("base64") !== encoded) return null;
  return bytes.length >= BYTES_MIN && bytes.length <= BYTES_MAX ? bytes : null;
}

/** The three headers of a message. time: ms since the epoch, of this try. */
export function signedHeaders(secret: Uint8Array, id: string, time: number, body: string): Record<string, string> {
  const seconds = String(Math.floor(time / 1000));
  const signature = createHmac("sha256", secret).update(`${id}.${seconds}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": `v1,${signature}` };
}
