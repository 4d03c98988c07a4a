// The end of a command's work: everything that was opened has to be ended, whatever fails on the way. What always holds: each step is taken,
// in order, and what failed first is what is thrown; it is the cause, and the rest mostly its consequences. It must not know what the steps do.

/** Takes all steps, and throws the first of the failures: of those that were there already, or of the steps. */
export async function endAll(steps: readonly (() => unknown)[], failures: unknown[] = []): Promise<void> {
  for (const step of steps) {
    try {
      await step();
    } catch (failure) {
      failures.push(failure);
    }
  }
  if (failures.length > 0) throw failures[0];
}
