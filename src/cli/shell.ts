// What a command has of the world around it: streams, environment, signals, and somebody to ask. Tests bring their own.

import { isatty } from "node:tty";

export interface Shell {
  readonly environment: Readonly<Record<string, string>>;
  /** Width of a terminal on stderr, or null when it is none. */
  readonly errorColumns: number | null;
  /** Writes one line to stdout or stderr. */
  out(line: string): void;
  err(line: string): void;
  /** Writes bytes to stdout as they are. */
  outBytes(bytes: Uint8Array): void;
  /** Asks on the terminal, or null when there is nobody to ask. */
  ask(question: string): string | null;
  /** Calls `handle` on SIGINT and SIGTERM until the returned function is called. */
  onStop(handle: (signal: "SIGINT" | "SIGTERM") => void): () => void;
  /** Ends the process at once. */
  exitNow(code: number): never;
}

export function systemShell(): Shell {
  const encoder = new TextEncoder();
  const write = (stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  };
  const writer = (stream: { writeSync(bytes: Uint8Array): number }) => (line: string) => write(stream, encoder.encode(line + "\n"));
  return {
    environment: Deno.env.toObject(),
    errorColumns: isatty(2) ? Deno.consoleSize().columns : null,
    out: writer(Deno.stdout),
    err: writer(Deno.stderr),
    outBytes: (bytes) => write(Deno.stdout, bytes),
    ask: (question) => Deno.stdin.isTerminal() ? prompt(question) : null,
    onStop(handle) {
      const signals = Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const;
      const listeners = signals.map((signal) => [signal, () => handle(signal)] as const);
      for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
      return () => {
        for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
      };
    },
    exitNow: (code) => Deno.exit(code),
  };
}

/** Waits; comes back early when the signal is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
