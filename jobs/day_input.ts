// What a day is made of: the part files that the manifest lists for the UTC hours that the local day touches, checked, with the content
// versions of those hours from the same state of the manifest.
// What always holds: a file whose bytes are not what was listed is named and left out, whole; events count by their own time alone.

import { literal } from "../src/lake/duckdb.ts";
import { readManifest } from "../src/lake/manifest.ts";
import { isWhole, type Part } from "../src/lake/part.ts";
import type { Table } from "../src/lake/schema.ts";
import { selectParts } from "../src/lake/tables.ts";
import type { Span, Zone } from "./local_day.ts";

export interface DayInput {
  readonly span: Span;
  readonly parts: readonly Part[];
  /** Content version of each UTC hour of the day that has one. */
  readonly versions: Readonly<Record<string, number>>;
  /** Files that are damaged or gone. */
  readonly leftOut: readonly string[];
}

/** Finds and checks the files of a local day. Reads each of them once; calls `goOn`, which may throw, before each. */
export async function readDayInput(
  kv: Deno.Kv,
  lakeFolder: string,
  zone: Zone,
  date: string,
  goOn: () => void = () => {},
): Promise<DayInput> {
  const span = zone.spanOf(date);
  const hours = new Set(zone.hoursOf(date));
  const dts = new Set([...hours].map((hour) => hour.slice(0, "2014-04-07".length)));
  const manifest = await readManifest(kv, (dt) => dts.has(dt));
  const versions: Record<string, number> = {};
  const parts: Part[] = [], leftOut: string[] = [];
  for (const day of manifest.days) {
    for (const [hour, version] of Object.entries(day.versions)) {
      const name = hourOfDay(day.dt, Number(hour));
      if (hours.has(name)) versions[name] = version;
    }
    for (const part of day.parts) {
      if (part.maxTime < span.start || part.minTime >= span.end || !hours.has(hourOfDay(part.dt, part.hour))) continue;
      goOn();
      if (await isWhole(lakeFolder, part)) parts.push(part);
      else leftOut.push(part.file);
    }
  }
  return { span, parts, versions, leftOut };
}

/** `2014-04-07T22` of a UTC day and hour. */
export function hourOfDay(dt: string, hour: number): string {
  return `${dt}T${String(hour).padStart(2, "0")}`;
}

/** The events of the day in one table: files that lie wholly in it as they are, the others filtered by event time. */
export function selectDay({ parts, span }: DayInput, table: Table, lakeFolder: string, columns: readonly string[]): string {
  const ofTable = parts.filter((part) => part.table === table);
  const within = ofTable.filter(({ minTime, maxTime }) => minTime >= span.start && maxTime < span.end);
  const across = ofTable.filter((part) => !within.includes(part));
  const select = `SELECT ${columns.join(", ")} FROM`;
  const all = `${select} (${selectParts(within, table, lakeFolder)})`;
  if (across.length === 0) return all;
  const during = `timestamp >= ${timeLiteral(span.start)} AND timestamp < ${timeLiteral(span.end)}`;
  const some = `${select} (${selectParts(across, table, lakeFolder)}) WHERE ${during}`;
  return within.length === 0 ? some : `${all} UNION ALL ${some}`;
}

function timeLiteral(ms: number): string {
  return `TIMESTAMPTZ ${literal(`${new Date(ms).toISOString().slice(0, -1)}+00`)}`;
}
