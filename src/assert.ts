// Assertions that stay on in production: a broken invariant stops the work at hand before it is stored.

/** Throws when `condition` is false: the fault is in the program, not in its input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${message}`);
}
