// How commands show things to people.

import type { Anomaly } from "../detect/anomaly.ts";
import type { Reject } from "../event/reject.ts";
import type { Prescan } from "../source/prescan.ts";
import type { Shell } from "./shell.ts";

/** 1,234,567 */
export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1 event`, `2 events` */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : several}`;
}

/** An anomaly on one line. */
export function anomalyLine({ window_start, anomaly_type, session_id, status, severity, reason }: Anomaly): string {
  const session = JSON.stringify(session_id);
  return `${window_start}  ${anomaly_type.padEnd(14)}  ${status.padEnd(11)}  ${severity.padEnd(8)}  session ${session}: ${reason}`;
}

/** Anomalies by type, as `12 HIGH_FREQUENCY, 3 BOT_LIKE`. */
export function byType(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).map(([type, count]) => `${grouped(count)} ${type}`).join(", ");
}

/** Why a line of a file was refused. */
export function rejectLine(file: string, { line, field, message }: Reject): string {
  return `${file}, line ${line}${field === null ? "" : `, ${field}`}: ${message}`;
}

/** Says which files have nothing in them. */
export function tellEmpty(files: readonly Prescan[], shell: Shell): void {
  for (const { path, rows, rejected } of files) if (rows + rejected === 0) shell.err(`"${path}" has no lines: nothing was taken from it.`);
}
