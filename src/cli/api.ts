// The API as commands ask it: through the owner of the data folder where it has one, and else through the same application without a port,
// over the folder opened for as long as the command takes. So a command has one way to everything, and finds the same either way.

import { endpoints } from "../../routes/mod.ts";
import { openAccess } from "../access/access.ts";
import { systemClock } from "../clock.ts";
import type { Settings } from "../config.ts";
import { makeApp } from "../web/app.ts";
import { makeService } from "../web/service.ts";
import { addressOfOwner, requireDataFolder } from "./existing.ts";
import { quietLogLine } from "./quiet.ts";
import { answered, askServer, ownerAt } from "./remote.ts";
import { openDaysOf, openGuardian } from "./serve.ts";
import type { Shell } from "./shell.ts";

/** Asks the API; throws what a problem says. */
export type Ask = (method: "GET" | "POST", path: string, body?: object) => Promise<Response>;

/** Gives `work` the API of a data folder. make: where there is none, it is made. Throws `folder_unusable`, `folder_in_use`. */
export async function withApi<T>(settings: Settings, shell: Shell, work: (ask: Ask) => Promise<T>, { make = false } = {}): Promise<T> {
  if (!make) requireDataFolder(settings.data);
  const url = await addressOfOwner(settings.data);
  if (url !== null) {
    const remote = await ownerAt(url, settings);
    return await work((method, path, body) => askServer(remote, method, path, body));
  }
  const logLine = quietLogLine(settings, shell);
  const guardian = await openGuardian(settings, logLine, make);
  const days = openDaysOf(guardian, settings);
  try {
    // What a crash left unprocessed decides which sessions are flagged.
    while (await guardian.engine.catchUp());
    const service = makeService({ guardian, days, clock: systemClock, logLine, access: openAccess(), futureMs: 0 });
    const app = makeApp(service, endpoints);
    return await work(async (method, path, body) => {
      const request = new Request(`http://localhost${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
      return await answered(await app.fetch(request), null);
    });
  } finally {
    await days.close();
    await guardian.stop();
  }
}
