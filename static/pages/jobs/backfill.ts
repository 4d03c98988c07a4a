// Counting many days again, followed line by line. What always holds: one at a time from this page; it goes on while other pages of the
// dashboard are shown; who stops it lets the server finish the day at work.

import { signal } from "@preact/signals";
import type { BackfillLine } from "../../shell/answers.ts";
import { ApiError, send } from "../../shell/api.ts";
import { counted, day } from "../../shell/format.ts";
import { startOver } from "../../shell/resource.ts";

export interface Backfill {
  readonly state: "off" | "working" | "stopped" | "done" | "failed";
  readonly done: number;
  readonly of: number;
  /** The day at work, or null. */
  readonly date: string | null;
  /** How it ended, in sentences. */
  readonly outcome: string;
}

const OFF: Backfill = { state: "off", done: 0, of: 0, date: null, outcome: "" };
export const backfill = signal<Backfill>(OFF);
let abort: AbortController | null = null;

/** Begins, unless one is under way. */
export async function startBackfill(from: string | null, to: string | null): Promise<void> {
  if (abort !== null) return;
  const { signal: cancelled } = abort = new AbortController();
  backfill.value = { ...OFF, state: "working" };
  try {
    const body = JSON.stringify({ ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) });
    const headers = { "Content-Type": "application/json" };
    const response = await send("/jobs/backfill", { method: "POST", headers, body, signal: cancelled });
    if (!response.ok || response.body === null) return ended("failed", await problemOf(response));
    for await (const line of linesOf(response.body)) take(line);
    if (backfill.value.state === "working") ended("failed", "The server broke off; how far it came stands in the runs below.");
  } catch (failure) {
    const { date } = backfill.value;
    if (cancelled.aborted) ended("stopped", `Stopped; the server still finishes ${date === null ? "the day at work" : day(date)}.`);
    else if (failure instanceof ApiError) ended("failed", failure.message);
    else ended("failed", "The server cannot be reached, or broke off; how far it came stands in the runs below.");
  } finally {
    abort = null;
    startOver();
  }
}

export function stopBackfill(): void {
  abort?.abort();
}

function take(line: BackfillLine): void {
  if (line.type === "progress") backfill.value = { ...backfill.value, done: line.done, of: line.of, date: line.date };
  else if (line.type === "problem") ended("failed", line.detail);
  else if (line.days.length === 0) ended("done", "No day of these has events that are stored and has ended, so nothing was counted.");
  else {
    const first = line.failed[0];
    const parts = [
      `${counted(line.days.length, "day")} counted, ${counted(line.succeeded, "run")} done.`,
      first === undefined
        ? ""
        : `${counted(line.failed.length, "run")} failed; the first is ${first.job} of ${day(first.date)}: ${first.error}.`,
      line.not_run.length === 0 ? "" : `${counted(line.not_run.length, "run")} left out, as one before them failed.`,
    ];
    ended(line.ok ? "done" : "failed", parts.filter((part) => part !== "").join(" "));
  }
}

function ended(state: "stopped" | "done" | "failed", outcome: string): void {
  backfill.value = { ...backfill.value, state, outcome };
}

async function problemOf(response: Response): Promise<string> {
  const problem = await response.json().catch(() => null) as { detail?: unknown } | null;
  return typeof problem?.detail === "string" ? problem.detail : `The server answered with status ${response.status}.`;
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<BackfillLine> {
  const reader = body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") yield JSON.parse(line) as BackfillLine;
  }
}
