// The version of the program, from the one place where it is set.

import config from "../deno.json" with { type: "json" };

export const VERSION: string = config.version;
