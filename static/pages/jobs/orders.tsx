// Runs by hand: one job for one day, or all jobs for many days, with how far they are. What always holds: an order is sent once, however
// often its button is pressed.

import { useRef, useState } from "preact/hooks";
import type { Jobs, Run } from "../../shell/answers.ts";
import { ApiError, postJson } from "../../shell/api.ts";
import { addDays, day, dayOf } from "../../shell/format.ts";
import { refreshAll } from "../../shell/resource.ts";
import { mayOperate } from "../../shell/session.ts";
import { Notice } from "../../parts/notice.tsx";
import { backfill, startBackfill, stopBackfill } from "./backfill.ts";
import { runInWords } from "./words.ts";

type Told = { readonly kind: "info" | "error"; readonly title: string; readonly text: string };

export function Orders({ jobs }: { jobs: Jobs["jobs"] }) {
  return (
    <section class="section">
      <h2>Count now</h2>
      {mayOperate()
        ? (
          <div class="grid">
            <RunOne jobs={jobs} />
            <RunMany />
          </div>
        )
        : <p class="aside">You can look at the jobs; to run them, sign in with a token that has the scope operate.</p>}
    </section>
  );
}

function RunOne({ jobs }: { jobs: Jobs["jobs"] }) {
  const yesterday = addDays(dayOf(Date.now()), -1);
  const [job, setJob] = useState(jobs[0].job), [chosen, setChosen] = useState<string | null>(null);
  const date = chosen ?? yesterday;
  const [told, setTold] = useState<Told | null>(null), [busy, setBusy] = useState(false);
  const sent = useRef(false);
  const order = async (event: SubmitEvent) => {
    event.preventDefault();
    if (sent.current) return;
    sent.current = true;
    setBusy(true);
    setTold(null);
    try {
      const { data } = await postJson<Run>(`/jobs/${encodeURIComponent(job)}/runs`, { date });
      const { word, more } = runInWords(data, Date.now());
      const title = `${job} of ${day(date)}: ${word.toLowerCase()}${more === "" ? "" : ` ${more}`}`;
      setTold({ kind: data.state === "failed" ? "error" : "info", title, text: data.error ?? "How it ends stands in the runs below." });
      refreshAll();
    } catch (thrown) {
      setTold({
        kind: "error",
        title: `${job} of ${day(date)} was not run`,
        text: thrown instanceof ApiError ? thrown.message : String(thrown),
      });
    }
    sent.current = false;
    setBusy(false);
  };
  return (
    <form class="card section" aria-labelledby="run-one" onSubmit={order}>
      <h3 id="run-one">One job for one day</h3>
      <p class="aside">What it needs is run before it where it never was, and what reads it that day is run after.</p>
      <div class="choices">
        <label>
          Job
          <select value={job} onChange={(event) => setJob(event.currentTarget.value)}>
            {jobs.map((one) => <option key={one.job} value={one.job}>{one.job}</option>)}
          </select>
        </label>
        <label>
          Day
          <input type="date" required value={date} max={yesterday} onChange={(event) => setChosen(event.currentTarget.value)} />
        </label>
        <button type="submit" class="primary" aria-disabled={busy}>{busy ? "Sending…" : "Run now"}</button>
      </div>
      {told !== null && <Notice kind={told.kind} title={told.title}>{told.text}</Notice>}
    </form>
  );
}

function RunMany() {
  const [from, setFrom] = useState(""), [to, setTo] = useState("");
  const yesterday = addDays(dayOf(Date.now()), -1);
  const { state } = backfill.value, working = state === "working";
  const order = (event: SubmitEvent) => {
    event.preventDefault();
    startBackfill(from || null, to || null);
  };
  const all = from === "" && to === "";
  return (
    <form class="card section" aria-labelledby="run-many" onSubmit={order}>
      <h3 id="run-many">All jobs for many days</h3>
      <p class="aside">
        Every day that has events, oldest first; without dates, all of them. What a day already shows stays until its new figures are there.
      </p>
      <div class="choices">
        <label>
          First day
          <input type="date" value={from} max={yesterday} onChange={(event) => setFrom(event.currentTarget.value)} />
        </label>
        <label>
          Last day
          <input type="date" value={to} max={yesterday} onChange={(event) => setTo(event.currentTarget.value)} />
        </label>
        <button type="submit" aria-disabled={working}>{all ? "Count all days again" : "Count these days again"}</button>
      </div>
      <Progress />
    </form>
  );
}

function Progress() {
  const { state, done, of, date, outcome } = backfill.value;
  if (state === "off") return null;
  if (state === "working") {
    const words = date === null ? "Waiting for its turn…" : `${done} of ${of} days done; at work: ${day(date)}.`;
    return (
      <div class="section">
        <progress aria-label="Days counted" max={Math.max(of, 1)} value={done} />
        <p role="status">{words}</p>
        <p class="aside">
          <button type="button" onClick={stopBackfill}>Stop</button>{" "}
          Who stops it, or closes this window, lets the day at work be finished; the days after it stay as they are.
        </p>
      </div>
    );
  }
  const titles = { done: "All done", stopped: "Stopped", failed: "Not all days were counted" };
  return <Notice kind={state === "failed" ? "error" : "info"} title={titles[state]}>{outcome}</Notice>;
}
