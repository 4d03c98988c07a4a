// When the next day is counted, what is due and why, and each job with what it makes, what it needs, and how it last went.

import { useEffect, useState } from "preact/hooks";
import type { Jobs, Run } from "../../shell/answers.ts";
import { counted, day, instant } from "../../shell/format.ts";
import { reasonInWords, runInWords, stretch, took } from "./words.ts";

const TICK_MS = 15_000;

/** The time, every so often. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function NextRun({ jobs: { next_run, run_at, timezone, due } }: { jobs: Jobs }) {
  const now = useNow(), left = Date.parse(next_run.at) - now;
  return (
    <section class="section">
      <h2>Next run</h2>
      <div class="card section">
        <p>
          <strong>{instant(next_run.at, { seconds: false })}</strong> in {timezone} ({left > 0 ? `in ${stretch(left)}` : "about now"}):{" "}
          {day(next_run.date)} is counted.
        </p>
        <p class="aside">Every day at {run_at}, the day before is counted. What failed is tried three more times, five minutes apart.</p>
        {due === null ? <p>Nothing is due now. A stale day is counted again when an hour has passed since its last run began.</p> : (
          <>
            <p>
              {due.jobs.some(({ reason }) => reason === "interrupted")
                ? <span class="sign info">At work</span>
                : <span class="sign warning">Due now</span>} {day(due.date)}:
            </p>
            <ul class="due">
              {due.jobs.map(({ job, reason }) => (
                <li key={job}>
                  <code>{job}</code>: {reasonInWords(reason)}
                </li>
              ))}
            </ul>
            <p class="aside">What is due runs by itself within a minute; later days follow it.</p>
          </>
        )}
      </div>
    </section>
  );
}

export function JobCards({ jobs }: { jobs: Jobs["jobs"] }) {
  return (
    <section class="section">
      <h2>Jobs</h2>
      <div class="grid of-three">{jobs.map((job) => <JobCard key={job.job} job={job} />)}</div>
    </section>
  );
}

function JobCard({ job: { job, description, depends_on, per, tables, last_run } }: { job: Jobs["jobs"][number] }) {
  return (
    <article class="card section" aria-labelledby={`job-${job}`}>
      <h3 id={`job-${job}`}>{job}</h3>
      <p>{description}.</p>
      <dl class="pairs">
        <dt>Makes</dt>
        <dd>
          {tables.map(({ name, description }) => <span key={name} title={description}>{name}</span>)
            .flatMap((shown, i) => i === 0 ? [shown] : [", ", shown])}
          {per === "day" ? ", for each day" : ", of many days, once for the newest"}
        </dd>
        <dt>Needs</dt>
        <dd>{depends_on.length === 0 ? "the stored events alone" : depends_on.join(", ")}</dd>
        <dt>Last run</dt>
        <dd>{last_run === null ? "never" : <LastRun run={last_run} />}</dd>
      </dl>
      {last_run !== null && last_run.error !== null && last_run.state !== "succeeded" && <p class="error-text">{last_run.error}</p>}
    </article>
  );
}

function LastRun({ run }: { run: Run }) {
  return (
    <>
      <RunSign run={run} /> for {day(run.date)}
      {run.ended_at !== null && (
        <span class="aside">
          <br />ended {instant(run.ended_at)}, took {took(run)}
          {run.rows !== null && `, ${counted(run.rows, "row")} written`}
        </span>
      )}
    </>
  );
}

export function RunSign({ run }: { run: Run }) {
  const { kind, word, more } = runInWords(run, useNow());
  return (
    <>
      <span class={`sign ${kind}`}>{word}</span>
      {more === "" ? "" : ` ${more}`}
    </>
  );
}
