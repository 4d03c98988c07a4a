// Whether the manifest agrees with itself: offsets, rows and bytes of its parts against what the days and the root say of them together.
// Pure: a manifest in, findings out.

import type { Manifest } from "./manifest.ts";
import type { Part } from "./part.ts";

export interface Finding {
  /** Path within the lake folder, or null when the finding is not about one file of the lake. */
  readonly file: string | null;
  readonly problem: string;
  /** What a person can do. */
  readonly mend: string;
}

/** Each covered offset is a row of one part or counted as none; the parts of one table and hour never share an offset. */
export function checkOffsets({ root, days }: Manifest): Finding[] {
  const findings: Finding[] = [];
  const rows = root.covered.map(() => 0);
  for (const { parts } of days) {
    for (const neighbours of Map.groupBy(parts, ({ table, hour }) => `${table} ${hour}`).values()) findings.push(...checkSpans(neighbours));
    for (const { file, offsets } of parts) {
      for (const [partition, , to, count] of offsets) {
        if (to > (root.covered[partition] ?? 0)) {
          findings.push(finding(file, `It has offsets up to ${to} of partition ${partition}, of which less is covered`));
        } else rows[partition] += count;
      }
    }
  }
  root.covered.forEach((covered, partition) => {
    const listed = rows[partition] + root.rowless[partition];
    if (listed === covered) return;
    findings.push(finding(null, `Partition ${partition} is covered to offset ${covered}, and ${listed} offsets are accounted for`));
  });
  return findings;
}

/** Parts of one table and hour, in sequence. */
export function checkSpans(parts: readonly Part[]): Finding[] {
  const findings: Finding[] = [];
  const ends = new Map<number, number>();
  for (const { file, offsets, rows } of parts) {
    for (const [partition, from, to, count] of offsets) {
      if (from < (ends.get(partition) ?? 0)) {
        findings.push(finding(file, `Its offsets of partition ${partition} are in an earlier file too`));
      }
      if (count > to - from) findings.push(finding(file, `It is listed with more rows than offsets of partition ${partition}`));
      ends.set(partition, to);
    }
    const sum = offsets.reduce((sum, [, , , count]) => sum + count, 0);
    if (sum !== rows) findings.push(finding(file, `It is listed with ${rows} rows, and ${sum} by partition`));
  }
  return findings;
}

export function checkTotals({ root, days }: Manifest): Finding[] {
  const findings: Finding[] = [];
  for (const { dt, parts, ...day } of days) {
    for (const name of ["rows", "bytes"] as const) {
      const sum = parts.reduce((sum, part) => sum + part[name], 0);
      if (sum !== day[name]) findings.push(finding(null, `The day ${dt} has ${sum} ${name} and is listed with ${day[name]}`));
    }
  }
  for (const name of ["rows", "files", "bytes"] as const) {
    const sum = days.reduce((sum, day) => sum + day[name], 0);
    if (sum !== root[name]) findings.push(finding(null, `The days have ${sum} ${name} together and the root says ${root[name]}`));
  }
  return findings;
}

function finding(file: string | null, problem: string): Finding {
  return { file, problem, mend: "Restore the data folder from a backup, and keep this one: the manifest is at odds with itself" };
}
