// A process of its own that opens a data folder as a server does and compacts all of its lake, again and again where `forever` is given: to be
// killed in the midst of it. Says "compacting" once it begins. Arguments: the data folder, and `forever` or `once`.

import { systemClock } from "../../src/clock.ts";
import { Guardian } from "../../src/guardian.ts";
import { compactLake } from "../../src/lake/compact.ts";
import { silent } from "../../src/log_line.ts";

const [data, howLong] = Deno.args;
const guardian = await Guardian.open({ data, clock: systemClock, logLine: silent, partitions: 4 });
console.log("compacting");
do {
  const { state: kv, duck } = guardian;
  await compactLake({ kv, duck, clock: systemClock, logLine: silent, force: true });
} while (howLong === "forever");
await guardian.stop();
