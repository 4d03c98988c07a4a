// Structured log lines on stderr: one JSON object each, an event name and bounded fields.
// WARN: nothing was lost. ERROR: something was, or a person is needed.

export type Level = "debug" | "info" | "warn" | "error";
export type LogLine = (level: Level, event: string, fields?: Record<string, string | number | boolean | null>) => void;

const rank: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const VALUE_CHARS_MAX = 500;

/** Returns a writer of log lines at `level` and above; long values are cut. */
export function logLineTo(write: (line: string) => void, level: Level): LogLine {
  return (at, event, fields = {}) => {
    if (rank[at] < rank[level]) return;
    const cut = Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? value.slice(0, VALUE_CHARS_MAX) : value]);
    write(JSON.stringify({ time: new Date().toISOString(), level: at, event, ...Object.fromEntries(cut) }));
  };
}

export const silent: LogLine = () => {};
