// The record of runs, newest first: filters and the place in the list are in the address.

import { choose, hrefWith, param } from "../../shell/address.ts";
import type { Jobs, Run } from "../../shell/answers.ts";
import { nextCursor } from "../../shell/api.ts";
import { count, day, instant } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";
import { dateParam } from "../../parts/day_choice.tsx";
import { Loaded } from "../../parts/notice.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { RunSign } from "./table_of_jobs.tsx";
import { took, tookSeconds } from "./words.ts";

const PAGE_ROWS = 25;
const states: readonly [Run["state"], string][] = [
  ["running", "At work"],
  ["succeeded", "Done"],
  ["waiting", "Failed, tried again"],
  ["failed", "Failed"],
  ["interrupted", "Cut off"],
  ["skipped", "Nothing to count"],
];

const columns: readonly Column<Run>[] = [
  { key: "started_at", label: "Began", value: (run) => run.started_at, show: (run) => <Steady>{instant(run.started_at)}</Steady> },
  { key: "job", label: "Job", value: (run) => run.job, show: (run) => <Steady>{run.job}</Steady> },
  { key: "date", label: "Day", value: (run) => run.date, show: (run) => <Steady>{day(run.date)}</Steady>, means: ["Run", "date"] },
  { key: "state", label: "How it went", value: (run) => run.state, show: (run) => <RunSign run={run} /> },
  { key: "seconds", label: "Took", numeric: true, value: tookSeconds, show: took },
  { key: "rows", label: "Rows", numeric: true, value: (run) => run.rows, show: (run) => count(run.rows), means: ["Run", "rows"] },
  { key: "tries", label: "Try", numeric: true, value: (run) => run.tries, show: (run) => count(run.tries), means: ["Run", "tries"] },
  { key: "trigger", label: "Ordered", value: (run) => run.trigger, show: (run) => run.trigger === "hand" ? "by hand" : "by schedule" },
  { key: "error", label: "What went wrong", value: whatWentWrong, show: (run) => <Wide>{whatWentWrong(run)}</Wide> },
];

/** A sentence in a table: room to be read in. */
function Wide({ children }: { children: string | null }) {
  return children === null ? null : <span class="wide">{children}</span>;
}

/** What is no use when it is broken over lines. */
function Steady({ children }: { children: string }) {
  return <span class="steady">{children}</span>;
}

function whatWentWrong({ error, left_out }: Run): string | null {
  return error ?? (left_out.length === 0 ? null : `Damaged, and left out: ${left_out.join(", ")}`);
}

const FILTERS = ["job", "state", "date"] as const;

export function Runs({ jobs }: { jobs: Jobs["jobs"] }) {
  const job = jobs.find((one) => one.job === param("job"))?.job ?? null;
  const state = states.find(([name]) => name === param("state"))?.[0] ?? null;
  const date = dateParam("date"), cursor = param("before");
  const query = new URLSearchParams({ limit: String(PAGE_ROWS) });
  for (const [name, value] of Object.entries({ job, state, date, cursor })) if (value !== null) query.set(name, value);
  const found = useResource<Run[]>(`/jobs/runs?${query}`);
  const filtered = job !== null || state !== null || date !== null;
  const filter = (name: typeof FILTERS[number], value: string) => choose({ [name]: value === "" ? null : value, before: null });
  return (
    <section class="section">
      <h2>Runs</h2>
      <div class="choices" role="group" aria-label="Which runs">
        <label>
          Job
          <select value={job ?? ""} onChange={(event) => filter("job", event.currentTarget.value)}>
            <option value="">All jobs</option>
            {jobs.map((one) => <option key={one.job} value={one.job}>{one.job}</option>)}
          </select>
        </label>
        <label>
          How it went
          <select value={state ?? ""} onChange={(event) => filter("state", event.currentTarget.value)}>
            <option value="">All</option>
            {states.map(([name, label]) => <option key={name} value={name}>{label}</option>)}
          </select>
        </label>
        <label>
          Day
          <input type="date" value={date ?? ""} onChange={(event) => filter("date", event.currentTarget.value)} />
        </label>
        {filtered && <button type="button" onClick={() => choose({ job: null, state: null, date: null, before: null })}>All runs</button>}
      </div>
      <Loaded of={found} what="runs">
        {(runs) =>
          runs.length === 0
            ? (
              <p class="empty">
                {filtered ? "No run is like this." : cursor === null ? "Nothing has run yet." : "There are no older runs."}
              </p>
            )
            : (
              <Table
                caption={cursor === null ? "Newest runs" : "Older runs"}
                columns={columns}
                rows={runs}
                rowKey={(run) => `${run.number ?? `${run.job} ${run.date}`}`}
                fileName="runs"
              />
            )}
      </Loaded>
      <Pages older={found.headers === null ? null : nextCursor(found.headers)} isFirst={cursor === null} />
    </section>
  );
}

function Pages({ older, isFirst }: { older: string | null; isFirst: boolean }) {
  if (older === null && isFirst) return null;
  return (
    <div class="choices" role="navigation" aria-label="Pages of runs">
      {!isFirst && <a href={hrefWith({ before: null })}>Newest runs</a>}
      {older !== null && <a href={hrefWith({ before: older })}>Older runs</a>}
    </div>
  );
}
