// The program as it is, but for limits that the environment names: so that a real server can be met at limits of time and number without
// waiting for minutes or taking all of a machine.

import { limits } from "../../src/limits.ts";

const lower = JSON.parse(Deno.env.get("GUARDIAN_TEST_LIMITS") ?? "{}");
for (const name of Object.keys(lower)) if (!(name in limits)) throw new Error(`There is no limit ${name}`);
Object.assign(limits, lower);
// Only now, as some read their limits when they are loaded.
const { run } = await import("../../src/cli/mod.ts");
const { systemShell } = await import("../../src/cli/shell.ts");
Deno.exit(await run(Deno.args, systemShell()));
