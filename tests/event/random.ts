// Random numbers that can be had again: the seed is printed, and taken from TEST_SEED where that is set.

/** Numbers in [0, 1) from mulberry32. Prints the seed under `name`. */
export function seededRandom(name: string): () => number {
  const seed = Number(Deno.env.get("TEST_SEED") ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`${name}: TEST_SEED=${seed}`);
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed = (mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61)) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296;
  };
}
