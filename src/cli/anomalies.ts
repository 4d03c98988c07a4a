// `anomalies`: what was found, in a fixed order. A folder that has an owner is asked through it; a folder that has none is opened, and what
// a crash left unprocessed in its log is processed first.

import { statusesOf } from "../../routes/anomalies.ts";
import type { Anomaly, AnomalyStatus } from "../detect/anomaly.ts";
import type { Settings } from "../config.ts";
import { addressOfOwner, requireDataFolder } from "./existing.ts";
import { quietLogLine } from "./quiet.ts";
import { askServer, linesIn, ownerAt } from "./remote.ts";
import { openGuardian } from "./serve.ts";
import type { Shell } from "./shell.ts";
import { anomalyLine } from "./words.ts";

export async function anomaliesCommand(flags: { json?: true; status?: string }, settings: Settings, shell: Shell): Promise<number> {
  requireDataFolder(settings.data);
  const address = await addressOfOwner(settings.data);
  const anomalies = address === null
    ? inFolder(settings, statusesOf(flags.status as AnomalyStatus | "all" | undefined), shell)
    : fromServer(await ownerAt(address, settings), flags.status);
  for await (const anomaly of anomalies) shell.out(flags.json ? JSON.stringify(anomaly) : anomalyLine(anomaly));
  return 0;
}

async function* fromServer(remote: { url: string; token: string | null }, status: string | undefined): AsyncGenerator<Anomaly> {
  const response = await askServer(remote, "GET", `/anomalies?format=ndjson${status === undefined ? "" : `&status=${status}`}`);
  for await (const line of linesIn(response)) yield JSON.parse(line);
}

async function* inFolder(settings: Settings, statuses: readonly AnomalyStatus[], shell: Shell): AsyncGenerator<Anomaly> {
  const guardian = await openGuardian(settings, quietLogLine(settings, shell), false);
  try {
    while (await guardian.engine.catchUp());
    // With the bookmark all that was found is stored.
    await guardian.engine.bookmark();
    yield* guardian.anomalies.all(statuses);
  } finally {
    await guardian.stop();
  }
}
