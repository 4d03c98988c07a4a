// The first page: what goes on now, who was taken for a bot, and how the last day was.

import { Loaded } from "../parts/notice.tsx";
import { useResource } from "../shell/resource.ts";
import { useLiveFigures } from "../shell/live_figures.ts";
import { pageHref } from "../shell/address.ts";
import type { Stats } from "../shell/answers.ts";
import { bytes, count } from "../shell/format.ts";
import { Tile, Tiles } from "../parts/tile.tsx";
import { LastDay } from "./overview/last_day.tsx";
import { NewestAnomalies } from "./overview/newest_anomalies.tsx";
import { NowTiles, QuietNotice, RatesChart } from "./live_shop/now.tsx";

const REFRESH_MS = 30_000;

export function Overview() {
  const live = useLiveFigures(REFRESH_MS);
  return (
    <div class="page">
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
      <NewestAnomalies />
      <LastDay />
      <Totals />
    </div>
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
              value={`${data.total_sessions_approximate ? "about " : ""}${count(data.total_sessions)}`}
              means={["Stats", "total_sessions"]}
            />
            <Tile name="Anomalies" value={count(data.total_anomalies)} means={["Stats", "total_anomalies"]} />
            <Tile name="Days counted" value={count(data.days_processed)} means={["Stats", "days_processed"]} />
            <Tile
              name="Kept in the lake"
              value={bytes(data.lake.bytes)}
              means={["Stats", "lake.bytes"]}
              beside={`${count(data.lake.rows)} events in Parquet`}
            />
          </Tiles>
        )}
      </Loaded>
    </section>
  );
}
