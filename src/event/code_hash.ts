// The hash by which tables of our own look codes up. What always holds: it is another one in each process, so that nobody can choose ids
// that all fall into one place; it is not for anything that is stored, nor may a result depend on the order that it gives.

const KEY = crypto.getRandomValues(new Int32Array(1))[0];

/** 32 bits, signed, of which the upper ones are spread best. */
export function codeHash(code: number): number {
  const mixed = Math.imul(code ^ KEY, 0x9e3779b1);
  return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
}
