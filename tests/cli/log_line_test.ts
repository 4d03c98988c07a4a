// Lines of the log that nobody takes: the disk that they go to is full, or whoever read them is gone.

import assert from "node:assert/strict";
import { logLineTo } from "../../src/log_line.ts";

Deno.test("log lines that cannot be written harm nothing and are counted in the next one that can", () => {
  const lines: string[] = [];
  let failure: Error | null = null;
  const logLine = logLineTo((line) => {
    if (failure !== null) throw failure;
    lines.push(line);
  }, "info");
  logLine("info", "first");
  for (failure of [new Deno.errors.BrokenPipe(), new Error("No space left on device (os error 28)"), new Deno.errors.WouldBlock()]) {
    logLine("warn", "lost", { reason: "x" });
  }
  logLine("debug", "below the level, so it is none");
  failure = null;
  logLine("info", "next");
  logLine("info", "last");
  const told = lines.map((line) => JSON.parse(line)).map(({ event, lines_lost }) => [event, lines_lost]);
  assert.deepEqual(told, [["first", undefined], ["next", 3], ["last", undefined]]);
});
