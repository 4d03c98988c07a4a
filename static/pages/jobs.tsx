// Jobs: whether the days are counted, when the next one is, what went wrong and how to do it again, and how the server is.

import { useEffect } from "preact/hooks";
import { traffic } from "../shell/address.ts";
import type { Jobs } from "../shell/answers.ts";
import { onUpdate } from "../shell/feed.ts";
import { refreshAll, useResource } from "../shell/resource.ts";
import { Loaded } from "../parts/notice.tsx";
import { LastDays } from "./jobs/days.tsx";
import { Orders } from "./jobs/orders.tsx";
import { Runs } from "./jobs/runs.tsx";
import { Server } from "./jobs/server.tsx";
import { JobCards, NextRun } from "./jobs/table_of_jobs.tsx";

/** Runs begin in bursts, ms. */
const BURST_MS = 500;

export function JobsPage() {
  const jobs = useResource<Jobs>("/jobs");
  useBegunRuns();
  return (
    <div class="page">
      {traffic.value === "humans" && (
        <p class="aside">Every run makes both kinds of figures, so this page is the same for all traffic and humans.</p>
      )}
      <LastDays />
      <Server />
      <Loaded of={jobs} what="jobs">
        {(table) => (
          <>
            <NextRun jobs={table} />
            <Orders jobs={table.jobs} />
            <JobCards jobs={table.jobs} />
            <Runs jobs={table.jobs} />
          </>
        )}
      </Loaded>
    </div>
  );
}

/** Asks again when a run has begun; one that has ended is heard of by all pages. */
function useBegunRuns(): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onUpdate("run", ({ state }) => {
      if (state !== "running" || timer !== undefined) return;
      timer = setTimeout(() => {
        timer = undefined;
        refreshAll();
      }, BURST_MS);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, []);
}
