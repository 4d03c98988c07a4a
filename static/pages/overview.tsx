// The first page: what goes on now, who was taken for a bot, and how the last day was.

import { Loaded } from "../parts/notice.tsx";
import { useResource } from "../shell/resource.ts";
import { useLiveFigures } from "../shell/live_figures.ts";
import { pageHref } from "../shell/address.ts";
import type { Stats } from "../shell/answers.ts";
import { bytes, count, counted } from "../shell/format.ts";
import { FirstSteps } from "../parts/first_steps.tsx";
import { Tile, Tiles } from "../parts/tile.tsx";
import { LastDay } from "./overview/last_day.tsx";
import { NewestAnomalies } from "./overview/newest_anomalies.tsx";
import { NowTiles, QuietNotice, RatesChart } from "./live_shop/now.tsx";

const REFRESH_MS = 30_000;

export function Overview() {
  return (
    <div class="page">
      <FirstSteps />
      <Now />
      <NewestAnomalies />
      <LastDay />
      <Totals />
    </div>
  );
}

/** Its own component, as the feed brings its figures every second. */
function Now() {
  const live = useLiveFigures(REFRESH_MS);
  return (
    <section class="section" aria-labelledby="now">
      <h2 id="now">Now</h2>
      <Loaded of={live} what="live figures">
        {(figures) => (
          <>
            <QuietNotice figures={figures} />
            <NowTiles figures={figures} />
            <RatesChart figures={figures} />
          </>
        )}
      </Loaded>
    </section>
  );
}

function Totals() {
  const stats = useResource<Stats>("/stats");
  return (
    <section class="section" aria-labelledby="totals">
      <h2 id="totals">Since the start</h2>
      <p class="aside">
        All traffic, bots included. What was sent and refused is under <a href={pageHref("jobs")}>Jobs</a>.
      </p>
      <Loaded of={stats} what="totals">
        {(data) => (
          <Tiles label="Totals since the start">
            <Tile name="Clicks" value={count(data.total_clicks)} means={["Stats", "total_clicks"]} />
            <Tile name="Purchases" value={count(data.total_purchases)} means={["Stats", "total_purchases"]} />
            <Tile
              name="Sessions"
              value={count(data.total_sessions)}
              means={["Stats", "total_sessions"]}
              beside={data.total_sessions_approximate && data.total_sessions > 0 && "an estimate, right to a percent or so"}
            />
            <Tile name="Anomalies" value={count(data.total_anomalies)} means={["Stats", "total_anomalies"]} />
            <Tile name="Days counted" value={count(data.days_processed)} means={["Stats", "days_processed"]} />
            <Tile
              name="Stored"
              value={bytes(data.lake.bytes)}
              note="Every event is kept below lake/ in the data folder, as Parquet files that are open to any tool."
              beside={counted(data.lake.rows, "event")}
            />
          </Tiles>
        )}
      </Loaded>
    </section>
  );
}
