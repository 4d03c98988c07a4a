// Structured log lines on stderr: one JSON object each, an event name and bounded fields.
// WARN: nothing was lost. ERROR: something was, or a person is needed.
// What always holds: a line is one line wherever it is read, and steers no terminal, whatever text of a client is in its fields; and nothing
// fails because nobody takes its line, be it that a disk is full or that the reader of a pipe is gone: it is counted, and the next one tells.

export type Level = "debug" | "info" | "warn" | "error";
export type LogLine = (level: Level, event: string, fields?: Record<string, string | number | boolean | null>) => void;

const rank: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const VALUE_CHARS_MAX = 500;
/** What JSON leaves as it is: some take it for the end of a line or a command to a terminal, or turn the direction of what follows. */
const STEERING = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Returns a writer of log lines at `level` and above; long values are cut. Never throws, whatever `write` does. */
export function logLineTo(write: (line: string) => void, level: Level): LogLine {
  let lost = 0;
  return (at, event, fields = {}) => {
    if (rank[at] < rank[level]) return;
    const cut = Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? value.slice(0, VALUE_CHARS_MAX) : value]);
    const before = lost > 0 ? { lines_lost: lost } : {};
    const line = JSON.stringify({ time: new Date().toISOString(), level: at, event, ...Object.fromEntries(cut), ...before });
    try {
      write(line.replaceAll(STEERING, (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0")));
      lost = 0;
    } catch {
      lost++;
    }
  };
}

export const silent: LogLine = () => {};
