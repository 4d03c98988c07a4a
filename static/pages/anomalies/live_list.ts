// The rows of the list as they live on: answers of the server replace them, news of the feed go in among them. What always holds: newest
// first, no anomaly twice, never more rows than one page; while rows are held still, none comes or goes, only what they say changes; an
// anomaly that is decided does not become provisional again by news that were overtaken. Pure.

import type { Anomaly, Verdict } from "../../shell/answers.ts";
import { PAGE_ROWS } from "./filters.ts";

/** rows: what is shown. held: newer ones that wait to be shown. pushedOut: rows that went out at the end to make room. */
export interface LiveList {
  readonly rows: readonly Anomaly[];
  readonly held: readonly Anomaly[];
  readonly pushedOut: number;
}

export const noRows: LiveList = { rows: [], held: [], pushedOut: 0 };

/** What news of the feed come upon. */
export interface Circumstances {
  /** Rows must stay where they are: a person is among them. */
  readonly still: boolean;
  /** This is the page of the newest, so new ones belong here. */
  readonly newestPage: boolean;
  /** There are older pages, so what is older than the last row belongs to one of them. */
  readonly hasOlder: boolean;
  readonly fits: (anomaly: Anomaly) => boolean;
}

/** The list once the server has answered. */
export function afterAnswer(list: LiveList, answer: readonly Anomaly[], { still }: Pick<Circumstances, "still">): LiveList {
  const before = byId(list.rows);
  const known = answer.filter(({ anomaly_id }) => before.has(anomaly_id));
  // Of what is shown nothing is left: that is another shop's data, and must not stay.
  const stays = still && list.rows.length > 0 && known.length > 0;
  if (!stays) return { rows: answer.map((fresh) => unlessSame(before.get(fresh.anomaly_id), fresh)), held: [], pushedOut: 0 };
  const answered = byId(answer);
  const rows = list.rows.map((row) => unlessSame(row, answered.get(row.anomaly_id) ?? row));
  const newest = rows[0];
  const held = answer.filter((one) => !before.has(one.anomaly_id) && inOrder(one, newest) < 0);
  return { rows, held, pushedOut: list.pushedOut };
}

/** The list with news of the feed, oldest news first. */
export function afterNews(list: LiveList, news: readonly Anomaly[], around: Circumstances): LiveList {
  const rows = new Map(byId(list.rows)), held = new Map(byId(list.held));
  for (const one of news) {
    const shown = rows.get(one.anomaly_id), waiting = held.get(one.anomaly_id);
    if (shown !== undefined) rows.set(one.anomaly_id, later(shown, one));
    else if (waiting !== undefined) held.set(one.anomaly_id, later(waiting, one));
    else if (around.newestPage && around.fits(one) && !belongsToOlder(one, list.rows, around.hasOlder)) held.set(one.anomaly_id, one);
  }
  const fitting = [...held.values()].filter(around.fits);
  if (around.still) return { ...list, rows: [...rows.values()], held: fitting.sort(inOrder).slice(0, PAGE_ROWS) };
  return shownAll({ ...list, rows: [...rows.values()], held: fitting });
}

/** The list with what was held among its rows. */
export function shownAll({ rows, held, pushedOut }: LiveList): LiveList {
  if (held.length === 0) return { rows, held, pushedOut };
  const all = [...held, ...rows].sort(inOrder);
  return { rows: all.slice(0, PAGE_ROWS), held: [], pushedOut: pushedOut + Math.max(0, all.length - PAGE_ROWS) };
}

/** The list once a person has said what a session is. */
export function afterVerdict(list: LiveList, session: string, verdict: Verdict): LiveList {
  const told = (rows: readonly Anomaly[]) =>
    rows.map((row) => String(row.session_id) === session && row.feedback !== verdict ? { ...row, feedback: verdict } : row);
  return { ...list, rows: told(list.rows), held: told(list.held) };
}

/** As the API sorts: newest window first, then by id from the last. */
function inOrder(a: Anomaly, b: Anomaly): number {
  if (a.window_start !== b.window_start) return a.window_start < b.window_start ? 1 : -1;
  return a.anomaly_id < b.anomaly_id ? 1 : a.anomaly_id > b.anomaly_id ? -1 : 0;
}

function belongsToOlder(one: Anomaly, rows: readonly Anomaly[], hasOlder: boolean): boolean {
  const full = rows.length >= PAGE_ROWS;
  return (hasOlder || full) && rows.length > 0 && inOrder(one, rows[rows.length - 1]) > 0;
}

/** The later of two states of one anomaly. */
function later(shown: Anomaly, news: Anomaly): Anomaly {
  const overtaken = news.status === "provisional" && (shown.status !== "provisional" || news.click_count < shown.click_count);
  return overtaken ? shown : unlessSame(shown, news);
}

/** The object that was there where the fresh one says the same, so that its row need not be drawn again. */
function unlessSame(before: Anomaly | undefined, fresh: Anomaly): Anomaly {
  return before !== undefined && (before === fresh || JSON.stringify(before) === JSON.stringify(fresh)) ? before : fresh;
}

function byId(rows: readonly Anomaly[]): ReadonlyMap<string, Anomaly> {
  return new Map(rows.map((row) => [row.anomaly_id, row]));
}
