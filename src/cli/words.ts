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

/** `512 bytes`, `1.5 MB`: as disks are sold, to two digits or more. */
export function sized(bytes: number): string {
  const units = ["kB", "MB", "GB", "TB"];
  let size = bytes / 1000, unit = 0;
  if (size < 1) return counted(Math.round(bytes), "byte");
  for (; size >= 999.5 && unit < units.length - 1; unit++) size /= 1000;
  return `${size < 9.95 ? size.toFixed(1) : grouped(Math.round(size))} ${units[unit]}`;
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
