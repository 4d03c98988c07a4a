// The live list of anomalies, page by page. What always holds: while a person is among the rows (the focus is in the table, it is scrolled, or
// a row is open) no row comes in above it: new ones wait behind a button that says how many there are.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Notice } from "../../parts/notice.tsx";
import { type Column, ExportButtons } from "../../parts/table.tsx";
import { Term } from "../../parts/term.tsx";
import { choose, hrefWith, param } from "../../shell/address.ts";
import type { Anomaly } from "../../shell/answers.ts";
import { getJson, nextCursor } from "../../shell/api.ts";
import { count, counted, instant, shop } from "../../shell/format.ts";
import { chosenFilters, chosenOne, isFiltered } from "./choices.ts";
import { FilterChoice } from "./filter_choice.tsx";
import { fits, listPath, PAGE_ROWS } from "./filters.ts";
import { Linked } from "./linked.tsx";
import { Row } from "./row.tsx";
import { noteStep, pageBefore } from "./trail.ts";
import { type LiveRows, useLiveRows } from "./use_live_rows.ts";
import { lastWords } from "./verdicts.ts";

const columns: readonly Column<Anomaly>[] = [
  { key: "window_start", label: "When", value: (row) => row.window_start, note: "Start of the window that the rule looked at." },
  { key: "session_id", label: "Session", value: (row) => row.session_id },
  { key: "anomaly_type", label: "Type", value: (row) => row.anomaly_type, note: "Which rule found it." },
  { key: "severity", label: "Severity", value: (row) => row.severity, note: "By how far above the rule's limit the clicks are." },
  {
    key: "status",
    label: "Status",
    value: (row) => row.status,
    note: "Provisional while the window goes on; then confirmed, or retracted when the rule no longer held at its end.",
  },
  { key: "click_count", label: "Clicks", value: (row) => row.click_count, numeric: true, means: ["Anomaly", "click_count"] },
  { key: "unique_items", label: "Items", value: (row) => row.unique_items, numeric: true, means: ["Anomaly", "unique_items"] },
  { key: "reason", label: "Why", value: (row) => row.reason },
  { key: "feedback", label: "People say", value: (row) => row.feedback, means: ["Anomaly", "feedback"] },
];
const exported: readonly Pick<Column<Anomaly>, "key" | "value">[] = [
  { key: "anomaly_id", value: (row) => row.anomaly_id },
  ...columns,
  { key: "score", value: (row) => row.score },
  { key: "window_end", value: (row) => row.window_end },
  { key: "event_time", value: (row) => row.event_time },
  { key: "detected_at", value: (row) => row.detected_at },
  { key: "rule_version", value: (row) => row.rule_version },
  { key: "lane", value: (row) => row.lane },
];

export function AnomalyList() {
  const filters = chosenFilters(), cursor = param("cursor"), one = chosenOne(), { timeZone } = shop.value;
  const table = useRef<HTMLDivElement>(null), heading = useRef<HTMLHeadingElement>(null);
  const path = listPath(filters, timeZone, cursor);
  const live = useLiveRows({
    path,
    newestPage: cursor === null,
    isStill: () => one !== null || isAmong(table.current),
    fits: useCallback((anomaly: Anomaly) => fits(anomaly, filters, timeZone), [path]),
  });
  const { list, resource, waiting } = live;
  const toTop = () => {
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: "start" });
  };
  const isHere = one !== null && list.rows.some(({ anomaly_id }) => anomaly_id === one.id);
  const settled = !waiting && resource.data !== null || resource.error !== null;
  return (
    <>
      {one !== null && !isHere && settled && <Linked {...one} />}
      <section class="section" aria-labelledby="list">
        <h2 id="list" ref={heading} tabIndex={-1}>List of anomalies</h2>
        <FilterChoice filters={filters} />
        {resource.error !== null && (
          <Notice kind="error" title={resource.data === null ? "Cannot show anomalies" : "Anomalies could not be refreshed"}>
            {resource.data !== null && `What you see is from ${instant(resource.updatedAt)}. `}
            {resource.error.message}
          </Notice>
        )}
        <div class="above-list">
          <Pager live={live} cursor={cursor} path={path} onMove={() => {}} />
          <HeldBack
            held={list.held.length}
            onShow={() => {
              toTop();
              live.showHeld();
            }}
          />
        </div>
        <p class="visually-hidden" role="status">{lastWords.value}</p>
        <Rows live={live} table={table} openId={one?.id ?? null} around={`${hrefWith({ open: null, of: null, at: null })} ${timeZone}`} />
        <div class="below-list">
          {list.rows.length > 20 && <Pager live={live} cursor={cursor} path={path} onMove={toTop} />}
          {list.rows.length > 0 && <ExportButtons fileName="anomalies" columns={exported} rows={list.rows} what="Anomalies shown" />}
        </div>
      </section>
    </>
  );
}

/** Whether a person is among the rows. */
function isAmong(table: HTMLElement | null): boolean {
  if (table === null) return false;
  return table.contains(document.activeElement) || table.scrollLeft > 0 || table.getBoundingClientRect().top < 0;
}

function HeldBack({ held, onShow }: { held: number; onShow: () => void }) {
  return (
    <div role="status">
      {held > 0 && (
        <button type="button" class="primary" onClick={onShow}>{held >= PAGE_ROWS ? `${PAGE_ROWS} or more` : count(held)} new</button>
      )}
    </div>
  );
}

/** Rows drawn in one frame, so that a page of them does not keep the browser from scrolling. */
const ROWS_PER_FRAME = 12;

/** How many rows of a page are drawn by now: a few more in each frame. */
function useDrawn(page: unknown, rows: number): number {
  const [drawn, setDrawn] = useState({ page, rows: ROWS_PER_FRAME });
  const now = drawn.page === page ? drawn.rows : ROWS_PER_FRAME;
  useEffect(() => {
    if (now >= rows) return;
    const frame = requestAnimationFrame(() => setDrawn({ page, rows: now + ROWS_PER_FRAME }));
    return () => cancelAnimationFrame(frame);
  }, [page, now, rows]);
  return now;
}

function Rows({ live: { list: { rows }, page, resource, older, waiting }, table, openId, around }: {
  live: LiveRows;
  table: preact.RefObject<HTMLDivElement | null>;
  openId: string | null;
  around: string;
}) {
  const drawn = useDrawn(page, rows.length);
  if (rows.length === 0) {
    if (waiting && resource.error === null) return <div class="loading" role="status">Loading anomalies…</div>;
    if (resource.error !== null) return null;
    return (
      <p class="empty">
        {older !== null
          ? "None on this page fits what is chosen; older ones may."
          : isFiltered(chosenFilters())
          ? "No anomaly fits what is chosen."
          : "No anomaly so far. A session that behaves like a bot shows up here within a moment."}
      </p>
    );
  }
  return (
    <div class="scroll" ref={table} role="region" aria-label="Rows of the list" aria-busy={waiting} tabIndex={0}>
      <table class="anomalies">
        <caption class="visually-hidden">Anomalies, newest first. The first cell of a row opens it.</caption>
        <thead>
          <tr>
            {columns.map(({ key, label, numeric = false, means, note }) => (
              <th key={key} scope="col" class={`${key} ${numeric ? "numeric" : ""}`}>
                <Term name={label} means={means} note={note}>{label}</Term>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, drawn).map((row) => (
            <Row key={row.anomaly_id} anomaly={row} open={row.anomaly_id === openId} around={around} columns={columns.length} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Pager({ live: { list: { rows, pushedOut }, older, waiting }, cursor, path, onMove }: {
  live: LiveRows;
  cursor: string | null;
  path: string;
  onMove: () => void;
}) {
  const [failed, setFailed] = useState(false);
  const newer = cursor === null ? undefined : pageBefore(cursor);
  const move = (to: string | null) => {
    setFailed(false);
    choose({ cursor: to, open: null, of: null, at: null });
    onMove();
  };
  const goOlder = async () => {
    try {
      // Rows that made room for new ones are on neither page, until the next one begins where the rows shown end.
      const next = pushedOut > 0 ? nextCursor((await getJson(path)).headers) : older;
      if (next === null) return;
      noteStep(cursor, next);
      move(next);
    } catch {
      setFailed(true);
    }
  };
  const button = (label: string, can: boolean, act: () => void) => (
    <button type="button" aria-disabled={!can} onClick={() => can && act()}>{label}</button>
  );
  return (
    <div class="pager" role="group" aria-label="Pages">
      {button("Newest", cursor !== null, () => move(null))}
      {button("Newer", newer !== undefined && !waiting, () => move(newer!))}
      {button("Older", older !== null && !waiting, goOlder)}
      <span class="aside">
        {waiting
          ? "Loading…"
          : rows.length === 0
          ? ""
          : `${counted(rows.length, "row")}, back to ${instant(rows[rows.length - 1].window_start)}`}
        {failed && " The server cannot be reached; try again in a moment."}
      </span>
    </div>
  );
}
