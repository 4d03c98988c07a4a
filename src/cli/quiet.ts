// Log lines of commands that are done in a moment: warnings and errors, unless somebody wants all of them.

import { type LogLine, logLineTo } from "../log_line.ts";
import type { Settings } from "../config.ts";
import type { Shell } from "./shell.ts";

/** Log lines on stderr; at the usual level, those that tell that all is well are left out. */
export function quietLogLine({ logLevel }: Settings, shell: Shell): LogLine {
  return logLineTo(shell.err, logLevel === "info" ? "warn" : logLevel);
}
