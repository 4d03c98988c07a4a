// The hash by which tables of our own look words up. What always holds: whoever does not know the keys, which are drawn anew by each process,
// cannot choose texts that meet more often than others do; so it is not for anything that is stored.
// Source: multilinear hashing (Lemire and Kaser, Strongly universal string hashing is fast, 2014), two sums of which the upper halves count.

/** Characters that have keys of their own: more than an id has. */
const KEYS = 512;
const upper = crypto.getRandomValues(new Uint32Array(KEYS)), lower = crypto.getRandomValues(new Uint32Array(KEYS));

/** 32 bits of hash of a text. */
export function wordHash(text: string): number {
  const { length } = text;
  // The length tells a text from the same with zeros behind.
  let high = Math.imul(length, upper[KEYS - 1]) | 0, low = Math.imul(length, lower[KEYS - 1]) | 0;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at), key = at & (KEYS - 1);
    high = (high + Math.imul(unit, upper[key])) | 0;
    low = (low + Math.imul(unit, lower[key])) | 0;
  }
  // Texts that count up make sums that do; mixed, they lie apart.
  const hash = (high & 0xffff_0000) | (low >>> 16), mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
