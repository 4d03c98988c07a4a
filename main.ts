// Clickstream Guardian's front door: hands the arguments to the command line and leaves with its exit code.

import { run } from "./src/cli/mod.ts";
import { systemShell } from "./src/cli/shell.ts";

if (import.meta.main) Deno.exit(await run(Deno.args, systemShell()));
