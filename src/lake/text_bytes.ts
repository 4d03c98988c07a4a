// The bytes of a text in UTF-8, of integers and of words. Four digits are written at a time, and short ASCII without the encoder, which is
// dear for a few bytes.

const utf8 = new TextEncoder();
/** Characters of a word that is tried as ASCII first. */
const SHORT_CHARS = 64;
const ZERO = 48;
/** Four digits of each number below 10,000, the first in the lowest byte. */
const fourDigits = Uint32Array.from(
  { length: 10_000 },
  (_, n) =>
    0x30303030 + Math.floor(n / 1000) + (Math.floor(n / 100) % 10) * 0x100 + (Math.floor(n / 10) % 10) * 0x1_0000 + (n % 10) * 0x100_0000,
);

/** Bytes that `putText` may touch. */
export function textBytesMost(text: string | null): number {
  return text === null ? 16 : 3 * text.length;
}

/** Writes a word, or an integer where it is null, and returns its end. */
export function putText(bytes: Uint8Array, view: DataView, at: number, integer: number, text: string | null): number {
  if (text === null) return putDigits(bytes, view, at, integer);
  const { length } = text;
  if (length <= SHORT_CHARS) {
    let i = 0;
    for (let char; i < length && (char = text.charCodeAt(i)) < 0x80; i++) bytes[at + i] = char;
    if (i === length) return at + length;
  }
  return at + utf8.encodeInto(text, bytes.subarray(at)).written;
}

/** Digits of an integer from 0 to 2^31 - 1. */
function putDigits(bytes: Uint8Array, view: DataView, at: number, value: number): number {
  if (value >= 10_000) {
    const high = (value / 10_000) | 0;
    at = putDigits(bytes, view, at, high);
    view.setUint32(at, fourDigits[value - 10_000 * high], true);
    return at + 4;
  }
  if (value >= 1000) {
    view.setUint32(at, fourDigits[value], true);
    return at + 4;
  }
  if (value >= 100) bytes[at++] = ZERO + ((value / 100) | 0);
  if (value >= 10) bytes[at++] = ZERO + (((value / 10) | 0) % 10);
  bytes[at++] = ZERO + (value % 10);
  return at;
}
