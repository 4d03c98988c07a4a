// The shop as it is now: who is there, what they look at, and whom the rules have taken for a bot within the hour.

import { Loaded } from "../parts/notice.tsx";
import { useLiveFigures } from "../shell/live_figures.ts";
import { Alarms } from "./live_shop/alarms.tsx";
import { NowTiles, QuietNotice, RatesChart } from "./live_shop/now.tsx";
import { SessionScatter } from "./live_shop/session_scatter.tsx";
import { TopProducts } from "./live_shop/top_products.tsx";

/** Products and sessions come by asking; figures come by the feed. */
const REFRESH_MS = 5_000;

export function LiveShop() {
  const live = useLiveFigures(REFRESH_MS);
  return (
    <section class="page" aria-labelledby="now">
      <h2 id="now">Now</h2>
      <Loaded of={live} what="live figures">
        {(figures) => (
          <>
            <QuietNotice figures={figures} />
            <NowTiles figures={figures} />
            <RatesChart figures={figures} />
            <div class="grid">
              <SessionScatter sessions={figures.sessions_shown} inAll={figures.sessions} />
              <TopProducts products={figures.top_products} />
            </div>
            <Alarms anomalies={figures.anomalies_last_hour} />
          </>
        )}
      </Loaded>
    </section>
  );
}
