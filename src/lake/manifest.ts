// The manifest: the lake is what it lists. A root names one page a month, a month names the pages of its UTC days, a day's pages list parts.
// What always holds: pages never change, a change writes new ones and then swaps the root by compare-and-swap; so a reader sees one state,
// and a crash leaves the old one. `covered` (the archiver's position) lives in the root, with the parts that it covers.

import { serialize } from "node:v8";
import { assert } from "../assert.ts";
import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { commit, deleteAll, type Mutations } from "../store/commit.ts";
import { stateKeys } from "../store/keys.ts";
import type { OffsetRange } from "./gather.ts";
import type { Part } from "./part.ts";

export interface Totals {
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
}

export interface Root extends Totals {
  readonly format: 1;
  /** Raised by every change. */
  readonly version: number;
  /** Ids of the last changes: KV may answer "a check failed" for a change that landed and was sent twice. */
  readonly changes: readonly string[];
  /** Next offset to archive, and how many offsets before it made no row (marks, and what the log had lost), by partition. */
  readonly covered: readonly number[];
  readonly rowless: readonly number[];
  /** Given to the next flush or compaction; names its files. */
  readonly nextNumber: number;
  /** Page of each month (`2014-04`) that has parts. */
  readonly months: Readonly<Record<string, string>>;
}

/** What the manifest knows of a UTC day without reading its pages. */
export interface Day extends Totals {
  readonly dt: string;
  readonly pages: readonly string[];
  /** Content version of each hour that ever had an append: raised by appends alone. */
  readonly versions: Readonly<Record<number, number>>;
}

/** A day and its parts: both tables, by table, hour and sequence. */
export interface DayParts extends Day {
  readonly parts: readonly Part[];
}

/** One state of the lake. `days` has those asked for, in order. */
export interface Manifest {
  readonly root: Root;
  readonly days: readonly DayParts[];
}

/** What to change in one step. */
export interface Change {
  readonly add?: readonly Part[];
  /** Files to list no longer. All of them must be listed. */
  readonly remove?: ReadonlySet<string>;
  /** Appends: offsets that are covered from now on. Each must begin where `covered` stands. */
  readonly covered?: readonly OffsetRange[];
  /** Goes into the same commit as the root. */
  readonly with?: Mutations;
}

/** Told of a day (`2014-04-07`) or month (`2014-04`) whose list of files is damaged. */
export type OnUnreadable = (dt: string, reason: string) => void;

type Month = Record<string, Day>;
/** A page, or why it cannot be read. */
type PageRead = readonly Part[] | GuardianError;
type Stored = { key: Deno.KvKey; value: unknown };

const SWAPS_MAX = 20;
const READS_MAX = 20;
const KEYS_PER_READ = 10;
/** Sets of one commit besides the root's: pages of limits.kvValueBytesMax stay within what a commit may hold. */
const PAGES_PER_COMMIT = 8;
const PAGE_OVERHEAD_BYTES = 512;
const CHANGES_KEPT = 8;

const emptyRoot: Root = {
  format: 1,
  version: 0,
  changes: [],
  covered: [],
  rowless: [],
  rows: 0,
  files: 0,
  bytes: 0,
  nextNumber: 1,
  months: {},
};

/** The root alone; an empty one before the first change. Throws `newer_format`. */
export async function readRoot(kv: Deno.Kv): Promise<Root> {
  return (await storedRoot(kv)).root;
}

/**
 * The manifest with the parts of the days that `wanted` picks. All of it is one state, however busy the archiver is. A day whose list is
 * damaged is left out and told to `onUnreadable`; without that, throws `corrupt`.
 */
export async function readManifest(
  kv: Deno.Kv,
  wanted: (dt: string) => boolean = () => true,
  onUnreadable?: OnUnreadable,
): Promise<Manifest> {
  for (let attempt = 0; attempt < READS_MAX; attempt++) {
    const { root } = await storedRoot(kv);
    const unreadable = new Map<string, GuardianError>();
    const days = await readDays(kv, root, wanted, unreadable);
    if (days === null) continue;
    for (const [dt, damage] of unreadable) {
      if (onUnreadable === undefined) throw damage;
      onUnreadable(dt, damage.message);
    }
    return { root, days };
  }
  throw new GuardianError("storage_failing", "Cannot read the lake's manifest: its pages are not there", { retryAfterS: 1 });
}

/** The parts of one UTC day. */
export async function entriesOf(kv: Deno.Kv, dt: string): Promise<readonly Part[]> {
  return (await readManifest(kv, (day) => day === dt)).days[0]?.parts ?? [];
}

/** A UTC day of which pages are damaged, and the parts of those that are not. Throws `corrupt` when its month is damaged. */
export async function readableParts(kv: Deno.Kv, dt: string): Promise<{ day: Day; parts: readonly Part[] }> {
  for (let attempt = 0; attempt < READS_MAX; attempt++) {
    const { root } = await storedRoot(kv);
    const day = (await readMonth(kv, root, dt.slice(0, 7)))?.[dt];
    const pages = day === undefined ? null : await readPages(kv, dt, day.pages);
    if (day !== undefined && pages !== null) return { day, parts: pages.flatMap((page) => page instanceof GuardianError ? [] : page) };
  }
  throw new GuardianError(
    "corrupt",
    `Cannot read the list of ${dt}: the month that names it is damaged; restore the data folder from a backup`,
  );
}

/** Lists exactly these parts for a UTC day of which pages are damaged, with the totals and versions that it has. */
export async function restoreDay(kv: Deno.Kv, dt: string, parts: readonly Part[]): Promise<void> {
  const month = dt.slice(0, 7);
  for (let attempt = 0; attempt < SWAPS_MAX; attempt++) {
    const { root, versionstamp } = await storedRoot(kv);
    const days = await readMonth(kv, root, month);
    if (days === null) continue;
    const before = days[dt], names: string[] = [];
    const sum = (name: "rows" | "bytes") => parts.reduce((sum, part) => sum + part[name], 0);
    assert(parts.length === before.files && sum("rows") === before.rows && sum("bytes") === before.bytes, "a restored day has its totals");
    const sets: Stored[] = packed(parts).map((value) => {
      names.push(pageName());
      return { key: stateKeys.manifestPage(dt, names[names.length - 1]), value };
    });
    while (sets.length > PAGES_PER_COMMIT) await commit(kv, { sets: sets.splice(0, PAGES_PER_COMMIT) });
    const id = pageName(), monthName = pageName();
    const next: Root = {
      ...root,
      version: root.version + 1,
      changes: [id, ...root.changes.slice(0, CHANGES_KEPT - 1)],
      months: { ...root.months, [month]: monthName },
    };
    sets.push({ key: stateKeys.manifestMonth(month, monthName), value: { ...days, [dt]: { ...before, pages: names } } });
    const checks = [{ key: stateKeys.manifestRoot(), versionstamp }];
    const landed = await commit(kv, { checks, sets: [...sets, { key: stateKeys.manifestRoot(), value: next }] });
    if (!landed && !(await storedRoot(kv)).root.changes.includes(id)) continue;
    return await deleteAll(kv, [
      stateKeys.manifestMonth(month, root.months[month]),
      ...before.pages.map((page) => stateKeys.manifestPage(dt, page)),
    ]);
  }
  throw busy();
}

/** Every part, day by day, of one state. */
export function allParts(manifest: Manifest): Part[] {
  return manifest.days.flatMap(({ parts }) => parts);
}

/** Takes the next number, storing `sets(number)` in the same commit. */
export async function takeNumber(kv: Deno.Kv, sets: (number: number) => readonly Stored[]): Promise<number> {
  for (let attempt = 0; attempt < SWAPS_MAX; attempt++) {
    const { root, versionstamp } = await storedRoot(kv);
    const number = root.nextNumber;
    const rootSet = { key: stateKeys.manifestRoot(), value: { ...root, nextNumber: number + 1 } };
    const checks = [{ key: stateKeys.manifestRoot(), versionstamp }];
    if (await commit(kv, { checks, sets: [rootSet, ...sets(number)] })) return number;
  }
  throw busy();
}

/** Makes a change, trying again when another one came between. Returns the new root. Throws `storage_failing`: then it may have landed. */
export async function changeManifest(kv: Deno.Kv, change: Change): Promise<Root> {
  for (let attempt = 0; attempt < SWAPS_MAX; attempt++) {
    const { root, versionstamp } = await storedRoot(kv);
    const plan = await planChange(kv, root, change);
    if (plan === null) continue;
    const { sets, replaced } = plan;
    while (sets.length > PAGES_PER_COMMIT) await commit(kv, { sets: sets.splice(0, PAGES_PER_COMMIT) });
    const also = change.with ?? {};
    const landed = await commit(kv, {
      checks: [{ key: stateKeys.manifestRoot(), versionstamp }, ...also.checks ?? []],
      sets: [...sets, { key: stateKeys.manifestRoot(), value: plan.root }, ...also.sets ?? []],
      deletes: also.deletes ?? [],
    });
    if (landed || (await storedRoot(kv)).root.changes.includes(plan.id)) {
      await deleteAll(kv, replaced);
      return plan.root;
    }
    await deleteAll(kv, plan.written);
  }
  throw busy();
}

/** Deletes pages that no root names: what a crash between pages and root left. For the owner alone, while nothing else changes the lake. */
export async function sweepPages(kv: Deno.Kv): Promise<number> {
  let damaged = false;
  const { root, days } = await readManifest(kv, undefined, () => damaged = true);
  // What damaged lists name is not known, and stays.
  if (damaged) return 0;
  const named = new Set([...Object.values(root.months), ...days.flatMap(({ pages }) => pages)]);
  const unnamed: Deno.KvKey[] = [];
  for (const prefix of [stateKeys.manifestMonths(), stateKeys.manifestPages()]) {
    for await (const { key } of kv.list({ prefix })) if (!named.has(key[2] as string)) unnamed.push(key);
  }
  await deleteAll(kv, unnamed);
  return unnamed.length;
}

async function storedRoot(kv: Deno.Kv): Promise<{ root: Root; versionstamp: string | null }> {
  const { value, versionstamp } = await kv.get<Root>(stateKeys.manifestRoot());
  if (value !== null && value.format !== 1) {
    throw new GuardianError("newer_format", `Cannot read the lake's manifest: its format ${value.format} is not known here`);
  }
  return { root: value ?? emptyRoot, versionstamp };
}

/** The days wanted, or null when the root was replaced meanwhile. `unreadable` gets days and months whose lists are damaged. */
async function readDays(
  kv: Deno.Kv,
  root: Root,
  wanted: (dt: string) => boolean,
  unreadable: Map<string, GuardianError>,
): Promise<DayParts[] | null> {
  const days: DayParts[] = [];
  for (const month of Object.keys(root.months).sort()) {
    const stored = await orDamage(readMonth(kv, root, month));
    if (stored === null) return null;
    if (stored instanceof GuardianError) {
      if (daysOfMonth(month).some(wanted)) unreadable.set(month, stored);
      continue;
    }
    for (const dt of Object.keys(stored).sort()) {
      if (!wanted(dt)) continue;
      const pages = await readPages(kv, dt, stored[dt].pages);
      if (pages === null) return null;
      const parts: Part[] = [];
      for (const page of pages) {
        if (page instanceof GuardianError) unreadable.set(dt, page);
        else parts.push(...page);
      }
      if (!unreadable.has(dt)) days.push({ ...stored[dt], parts: parts.sort(byPlace) });
    }
  }
  return days;
}

/** What was read, or the error that says that it is damaged. */
async function orDamage<T>(reading: Promise<T>): Promise<T | GuardianError> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof GuardianError && error.code === "corrupt") return error;
    throw error;
  }
}

function daysOfMonth(month: string): string[] {
  return Array.from({ length: 31 }, (_, day) => `${month}-${String(day + 1).padStart(2, "0")}`);
}

async function readMonth(kv: Deno.Kv, root: Root, month: string): Promise<Month | null> {
  if (root.months[month] === undefined) return {};
  return (await kv.get<Month>(stateKeys.manifestMonth(month, root.months[month]))).value;
}

/** Pages of a day, or null when one of them is not there: then the root was replaced meanwhile. */
async function readPages(kv: Deno.Kv, dt: string, pages: readonly string[]): Promise<PageRead[] | null> {
  const read: PageRead[] = [];
  for (let from = 0; from < pages.length; from += KEYS_PER_READ) {
    const keys = pages.slice(from, from + KEYS_PER_READ).map((page) => stateKeys.manifestPage(dt, page));
    const values = await orDamage(kv.getMany<(readonly Part[])[]>(keys).then((entries) => entries.map(({ value }) => value)));
    // One of them is damaged: read one by one, the others are there.
    const each = values instanceof GuardianError
      ? await Promise.all(keys.map((key) => orDamage(kv.get<readonly Part[]>(key).then(({ value }) => value))))
      : values;
    for (const page of each) {
      if (page === null) return null;
      read.push(page);
    }
  }
  return read;
}

function byPlace(a: Part, b: Part): number {
  return (a.table < b.table ? -1 : a.table > b.table ? 1 : 0) || a.hour - b.hour || a.sequence - b.sequence;
}

interface Plan {
  readonly id: string;
  readonly root: Root;
  readonly sets: Stored[];
  /** Keys of new pages, and of pages that the new root no longer names. */
  readonly written: Deno.KvKey[];
  readonly replaced: Deno.KvKey[];
}

/** The pages and the root that a change leads to, or null when the root was replaced meanwhile. */
async function planChange(kv: Deno.Kv, root: Root, change: Change): Promise<Plan | null> {
  const { add = [], remove = new Set() } = change;
  const sets: Stored[] = [], replaced: Deno.KvKey[] = [];
  const months: Record<string, string> = { ...root.months };
  const dts = new Set([...add.map(({ dt }) => dt), ...[...remove].map(dtOfFile)]);
  const totals = { rows: root.rows, files: root.files, bytes: root.bytes };
  for (const [month, days] of Map.groupBy([...dts].sort(), (dt) => dt.slice(0, 7))) {
    const stored = await readMonth(kv, root, month);
    if (stored === null) return null;
    const changed: Month = { ...stored };
    for (const dt of days) {
      const before = stored[dt] ?? { dt, pages: [], versions: {}, rows: 0, files: 0, bytes: 0 };
      const pages = await readPages(kv, dt, before.pages);
      if (pages === null) return null;
      const day = planDay(before, pages, add.filter((part) => part.dt === dt), remove, change.covered !== undefined);
      sets.push(...day.sets);
      replaced.push(...day.replaced);
      changed[dt] = day.day;
      for (const name of ["rows", "files", "bytes"] as const) totals[name] += day.day[name] - before[name];
    }
    if (months[month] !== undefined) replaced.push(stateKeys.manifestMonth(month, months[month]));
    months[month] = pageName();
    sets.push({ key: stateKeys.manifestMonth(month, months[month]), value: changed });
  }
  const id = pageName();
  const changes = [id, ...root.changes.slice(0, CHANGES_KEPT - 1)];
  const next = { ...root, ...totals, ...coveredAfter(root, change.covered ?? []), version: root.version + 1, changes, months };
  return { id, root: next, sets, written: sets.map(({ key }) => key), replaced };
}

/** A day after a change: pages that lose parts, and the last one if there are parts to add, are packed anew; the others stay. */
function planDay(
  before: Day,
  pages: readonly PageRead[],
  add: readonly Part[],
  remove: ReadonlySet<string>,
  appended: boolean,
): { day: Day; sets: Stored[]; replaced: Deno.KvKey[] } {
  const { dt } = before;
  const kept: string[] = [], replaced: Deno.KvKey[] = [], repack: Part[] = [];
  let removed = 0;
  let { rows, files, bytes } = before;
  pages.forEach((page, i) => {
    // A damaged page stays named, so that its files are missed; the day goes on in another one.
    if (page instanceof GuardianError) return kept.push(before.pages[i]);
    const stay = page.filter(({ file }) => !remove.has(file));
    removed += page.length - stay.length;
    if (stay.length === page.length && !(add.length > 0 && i === pages.length - 1)) return kept.push(before.pages[i]);
    replaced.push(stateKeys.manifestPage(dt, before.pages[i]));
    repack.push(...stay);
    for (const part of page) {
      if (!remove.has(part.file)) continue;
      rows -= part.rows;
      bytes -= part.bytes;
      files--;
    }
  });
  assert(removed === [...remove].filter((file) => dtOfFile(file) === dt).length, "parts that are removed were listed");
  const versions = { ...before.versions };
  for (const part of add) {
    repack.push(part);
    rows += part.rows;
    bytes += part.bytes;
    files++;
  }
  if (appended) { for (const hour of new Set(add.map(({ hour }) => hour))) versions[hour] = (versions[hour] ?? 0) + 1; }
  if (appended && files > limits.partsPerDayMax) {
    throw new GuardianError("storage_failing", `Cannot archive: the day ${dt} has ${files} part files; compaction must come first`);
  }
  const sets = packed(repack).map((value) => ({ key: stateKeys.manifestPage(dt, pageName()), value }));
  return { day: { dt, pages: [...kept, ...sets.map(({ key }) => key[2] as string)], versions, rows, files, bytes }, sets, replaced };
}

function coveredAfter(root: Root, ranges: readonly OffsetRange[]): Pick<Root, "covered" | "rowless"> {
  const covered = [...root.covered], rowless = [...root.rowless];
  for (const { partition, from, to, rowless: more } of ranges) {
    while (covered.length <= partition) {
      covered.push(0);
      rowless.push(0);
    }
    assert(covered[partition] === from, "the lake is covered without a gap or an overlap");
    covered[partition] = to;
    rowless[partition] += more;
  }
  return { covered, rowless };
}

/** Parts as pages, each within limits.kvValueBytesMax. */
export function packed(parts: readonly Part[]): Part[][] {
  const pages: Part[][] = [];
  let bytes = Infinity;
  for (const part of parts) {
    const size = serialize(part).byteLength;
    bytes += size;
    if (bytes > limits.kvValueBytesMax - PAGE_OVERHEAD_BYTES) {
      pages.push([]);
      bytes = size;
    }
    pages[pages.length - 1].push(part);
  }
  return pages;
}

/** The UTC day in the path of a part file. */
function dtOfFile(file: string): string {
  return file.split("/")[1].slice("dt=".length);
}

/** A name that no page has had: short, as a month's page names all pages of its days. */
function pageName(): string {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return high.toString(36).padStart(7, "0") + low.toString(36).padStart(7, "0");
}

function busy(): GuardianError {
  return new GuardianError("storage_failing", "Cannot change the lake's manifest: other changes keep coming first", { retryAfterS: 1 });
}
