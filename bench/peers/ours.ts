// What `scan` does with a file when people read the result, as a contender like the others. Usage: ours.ts FILE.

import { scanPath } from "../../src/cli/scan.ts";
import { tell } from "./tell.ts";

const { anomalies, events } = await scanPath(Deno.args[0], null, Date.now(), true);
tell(events, anomalies.map(({ anomaly_type, session_id, window_start }) => `${anomaly_type} ${session_id} ${Date.parse(window_start)}`));
