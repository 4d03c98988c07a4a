// Runs seeds of the simulation one after the other and says what each found: `deno run -P=test tests/sim/main.ts FIRST COUNT EVENTS [until]`.
// A line of JSON for each seed that begins and for each that diverged, and a last one with what was counted. With `until` it ends at the
// first that diverged.

import { hasDays, simulate } from "./simulation.ts";

const [first, count, events] = Deno.args.slice(0, 3).map(Number);
const untilFound = Deno.args[3] === "until";
const totals: Record<string, number> = { seeds: 0, diverged: 0 };
for (let seed = first; seed < first + count; seed++) {
  console.log(JSON.stringify({ begins: seed }));
  const { faults, counts } = await simulate({ seed, events, days: hasDays(seed) });
  totals.seeds++;
  for (const [name, value] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + value;
  if (faults.length === 0) continue;
  totals.diverged++;
  console.log(JSON.stringify({ seed, faults }));
  if (untilFound) break;
}
console.log(JSON.stringify({ totals }));
