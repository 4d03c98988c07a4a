// Texts of spans of bytes, for those that read a buffer piece by piece. Nothing is kept but hold of the buffer read last.

import { Buffer } from "node:buffer";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// The bytes read last, as what is quickest at making strings of them. Callers go through one buffer.
let lastBytes: Uint8Array = new Uint8Array(0);
let lastBuffer: Buffer = Buffer.from(lastBytes.buffer);

/** The text of bytes [from, to), which are ASCII. Keeps hold of the `bytes` seen last. */
export function asciiText(bytes: Uint8Array, from: number, to: number): string {
  if (bytes !== lastBytes) {
    lastBuffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    lastBytes = bytes;
  }
  return lastBuffer.toString("latin1", from, to);
}

/** The text of bytes [from, to), or null where they are not UTF-8. */
export function utf8Text(bytes: Uint8Array, from: number, to: number): string | null {
  try {
    return decoder.decode(bytes.subarray(from, to));
  } catch {
    return null;
  }
}
