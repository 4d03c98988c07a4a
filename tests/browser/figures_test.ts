// The figures on each page against those of the API, asked beside the page, for all traffic and for humans; and the switch between the two:
// it changes every page that has figures of traffic, is in the address, and comes along wherever a person goes.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { type BrowserLab, labTests } from "./lab.ts";
import { becomes, pagePaths, settled, shown, tableOf, tilesOf } from "./reading.ts";

type Traffic = "all" | "humans";
type Get = BrowserLab["get"];
/** What is read, by a name that says where it stands. */
type Figures = Record<string, unknown>;

interface View {
  readonly path: string;
  /** Whether the switch changes what is read. */
  readonly switches: boolean;
  readonly read: (page: Page) => Promise<Figures>;
  readonly expected: (get: Get, traffic: Traffic) => Promise<Figures>;
}

interface Day {
  metric_date: string;
  total_clicks: number;
  unique_sessions: number;
  total_purchases: number;
  total_revenue: number;
}
interface LiveFigures {
  active_sessions: number;
  sessions: number;
  clicks: number;
  anomalies_last_hour: { total: number };
  top_products: { item_id: number; clicks: number; purchases: number }[];
}
interface Stats {
  total_clicks: number;
  total_purchases: number;
  total_anomalies: number;
  days_processed: number;
  total_events: number;
}
interface Anomaly {
  session_id: number;
  click_count: number;
  reason: string;
}
interface Stage {
  reached: number;
  reached_rate: number;
  session_count: number;
}
interface Item {
  item_id: number;
  click_count: number;
  purchase_count: number;
  revenue: number;
}

/** The columns of a table that are named, row by row. */
function columns([head, ...rows]: string[][], names: readonly string[]): string[][] {
  const places = names.map((name) => head.indexOf(name));
  assert.ok(!places.includes(-1), `no column ${names[places.indexOf(-1)]} in ${head}`);
  return rows.map((row) => places.map((place) => row[place]));
}

function dayName(date: string): string {
  const parts = { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" } as const;
  return new Intl.DateTimeFormat("en-GB", parts).format(new Date(date));
}

const newestDay = async (get: Get, traffic: Traffic) => (await get<Day[]>(`/metrics/daily?limit=1&traffic=${traffic}`))[0];
const euros = (value: number) => `€${shown(value, 2)}`;
const rate = (percentage: number) => new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 2 }).format(percentage / 100);

async function chosen(page: Page, label: string, names: readonly string[]): Promise<string[]> {
  const tiles = await tilesOf(page.locator(`.tiles[aria-label="${label}"]`));
  return names.map((name) => tiles[name]);
}

const NOW_TILES = ["Active sessions", "Clicks", "Anomalies, last hour"];

async function nowTiles(get: Get, traffic: Traffic): Promise<string[]> {
  const { active_sessions, clicks, anomalies_last_hour } = await get<LiveFigures>(`/live/figures?traffic=${traffic}`);
  return [active_sessions, clicks, anomalies_last_hour.total].map((value) => shown(value));
}

const views: Record<string, View> = {
  overview: {
    path: "/dashboard",
    switches: true,
    read: async (page) => ({
      now: await chosen(page, "The last 30 minutes", NOW_TILES),
      day: (await tilesOf(page.locator('.tiles[aria-label^="Figures of"]'))).Clicks,
      since: await chosen(page, "Totals since the start", ["Clicks", "Purchases", "Anomalies", "Days counted"]),
      newest: await page.locator(".reasons li a bdi").first().textContent(),
    }),
    expected: async (get, traffic) => {
      const { total_clicks, total_purchases, total_anomalies, days_processed } = await get<Stats>("/stats");
      return {
        now: await nowTiles(get, traffic),
        day: shown((await newestDay(get, traffic)).total_clicks),
        since: [total_clicks, total_purchases, total_anomalies, days_processed].map((value) => shown(value)),
        newest: String((await get<Anomaly[]>("/anomalies?limit=1"))[0].session_id),
      };
    },
  },
  anomalies: {
    path: "/dashboard/anomalies",
    switches: false,
    read: async (page) => {
      const [, ...rows] = await tableOf(page.locator("table.anomalies"));
      return {
        inAll: (await tilesOf(page))["In all"],
        rows: rows.length,
        first: rows.slice(0, 5).map((row) => [row[1], row[5], row[7]]),
      };
    },
    expected: async (get) => {
      const types = await get<{ count: number }[]>("/anomalies/types"), list = await get<Anomaly[]>("/anomalies?limit=50");
      return {
        inAll: shown(types.reduce((sum, { count }) => sum + count, 0)),
        rows: list.length,
        first: list.slice(0, 5).map((one) => [String(one.session_id), shown(one.click_count), one.reason]),
      };
    },
  },
  daily: {
    path: "/dashboard/daily",
    switches: true,
    read: async (page) => ({
      days: columns(await tableOf(page.getByRole("region", { name: /^Days, / }).locator("table")), [
        "Day",
        "Clicks",
        "Sessions",
        "Purchases",
        "Revenue",
      ])
        .filter((row) => row[1] !== "–"),
    }),
    expected: async (get, traffic) => ({
      days: (await get<Day[]>(`/metrics/daily?traffic=${traffic}`)).map((day) => [
        dayName(day.metric_date),
        ...[day.total_clicks, day.unique_sessions, day.total_purchases].map((value) => shown(value)),
        euros(day.total_revenue),
      ]),
    }),
  },
  funnel: {
    path: "/dashboard/funnel",
    switches: true,
    read: async (page) => ({
      tiles: Object.values(await tilesOf(page.locator('.tiles[aria-label="Figures of the funnel"]'))),
      ended: columns(await tableOf(page.getByRole("region", { name: /by where it ended/ }).locator("table")), ["Sessions"]).flat(),
    }),
    expected: async (get, traffic) => {
      const { metric_date } = await newestDay(get, traffic);
      const stages = await get<Stage[]>(`/metrics/funnel/${metric_date}?traffic=${traffic}`);
      return {
        tiles: stages.map(({ reached, reached_rate }, i) => i === 0 ? shown(reached) : rate(reached_rate)),
        ended: stages.map(({ session_count }) => shown(session_count)),
      };
    },
  },
  items: {
    path: "/dashboard/items",
    switches: true,
    read: async (page) => ({
      items: columns(await tableOf(page.getByRole("region", { name: /^Items of/ }).locator("table")), [
        "Item",
        "Clicks",
        "Purchases",
        "Revenue",
      ]),
    }),
    expected: async (get, traffic) => {
      const { metric_date } = await newestDay(get, traffic);
      return {
        items: (await get<Item[]>(`/items/popular/${metric_date}?traffic=${traffic}`)).map((item) => [
          String(item.item_id),
          shown(item.click_count),
          shown(item.purchase_count),
          euros(item.revenue),
        ]),
      };
    },
  },
  live: {
    path: "/dashboard/live",
    switches: true,
    read: async (page) => {
      const asTable = page.getByRole("button", { name: "Top products as a table" });
      if (await asTable.getAttribute("aria-pressed") === "false") await asTable.click();
      return {
        now: await chosen(page, "The last 30 minutes", NOW_TILES),
        products: columns(await tableOf(page.getByRole("region", { name: "Top products" }).locator("table")), [
          "Item",
          "Clicks",
          "Purchases",
        ]),
      };
    },
    expected: async (get, traffic) => {
      const { top_products } = await get<LiveFigures>(`/live/figures?traffic=${traffic}`);
      return {
        now: await nowTiles(get, traffic),
        products: top_products.map(({ item_id, clicks, purchases }) => [item_id, clicks, purchases].map(String)),
      };
    },
  },
  jobs: {
    path: "/dashboard/jobs",
    switches: false,
    read: async (page) => ({
      taken: (await chosen(page, "Totals", ["Events taken in"]))[0],
      finished: await page.locator(".day-strip a.good").count(),
      jobs: columns(await tableOf(page.getByRole("region", { name: "Newest runs" }).locator("table")), ["Job"]).flat(),
    }),
    expected: async (get) => ({
      taken: shown((await get<Stats>("/stats")).total_events),
      finished: (await get<{ state: string }[]>("/jobs/days?limit=30")).filter(({ state }) => state === "finished").length,
      jobs: (await get<{ job: string }[]>("/jobs/runs?limit=25")).map(({ job }) => job),
    }),
  },
};

/** Figures of all and of humans differ whatever the sample shop does in the last half hour: a bot came just now. */
const test = labTests({
  setup: ({ send }) => {
    const at = Date.now();
    return send(Array.from({ length: 90 }, (_, i) => ({ session_id: 7, timestamp: at + i, item_id: 77 })));
  },
});

for (const [name, { path, switches, read, expected }] of Object.entries(views)) {
  test(`${name} shows the figures of the API, and the other ones when the switch is turned`, async ({ open, get }) => {
    const page = await open(path);
    await settled(page);
    const all = await expected(get, "all"), humans = await expected(get, "humans");
    await becomes(page, () => read(page), all);
    if (switches) assert.notDeepEqual(humans, all);
    await page.getByText("Humans", { exact: true }).click();
    await becomes(page, () => read(page), humans);
    assert.match(page.url(), /\?traffic=humans/);
    if (name === "anomalies") await page.getByText("These are the sessions that “Humans” leaves out").waitFor();
    await page.reload();
    await becomes(page, () => read(page), humans);
    await page.getByText("All traffic", { exact: true }).click();
    await becomes(page, () => read(page), all);
    assert.doesNotMatch(page.url(), /traffic/);
    await page.goBack();
    await becomes(page, () => read(page), humans);
  });
}

test("the choice of humans goes along from page to page, and a link with it shows the same", async ({ open, get, url }) => {
  const page = await open("/dashboard/daily?traffic=humans");
  const expectedDaily = await views.daily.expected(get, "humans");
  await becomes(page, () => views.daily.read(page), expectedDaily);
  for (const title of ["Funnel", "Items", "Live shop", "Overview", "Anomalies", "Jobs"]) {
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: title, exact: true }).click();
    await page.getByRole("heading", { level: 1, name: title }).waitFor();
    assert.match(page.url(), /traffic=humans/, title);
    assert.equal(await page.getByRole("radio", { name: "Humans" }).isChecked(), true, title);
  }
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Daily" }).click();
  const link = page.url();
  assert.equal(link, `${url}/dashboard/daily?traffic=humans`);
  const other = await open(link.slice(url.length));
  await becomes(other, () => views.daily.read(other), expectedDaily);
});

test("the views that are held to the API are all the pages that there are", () => {
  assert.deepEqual(Object.values(views).map(({ path }) => path).toSorted(), pagePaths.toSorted());
  return Promise.resolve();
});
