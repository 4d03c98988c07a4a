// What is around every page: where one is, whose events count, whether what is shown is alive, and that the data is a sample where it is.

import { type ComponentType, lazy } from "../parts/lazy.tsx";
import { useEffect, useRef, useState } from "preact/hooks";
import { chosenDays, dateParam } from "../parts/day_choice.tsx";
import { Notice } from "../parts/notice.tsx";
import { choose, followLink, page, pageHref, type PageName, pages, traffic } from "./address.ts";
import type { Jobs } from "./answers.ts";
import { feedState } from "./feed.ts";
import { day, shop, timeOfDay } from "./format.ts";
import { lastUpdated, refreshAll, useResource } from "./resource.ts";
import { SampleBanner } from "./sample_banner.tsx";
import { caller, signOut } from "./session.ts";
import { ThemeSwitch } from "./theme_switch.tsx";

const shown: Record<PageName, ComponentType> = {
  overview: lazy(() => import("../pages/overview.tsx").then(({ Overview }) => Overview)),
  anomalies: lazy(() => import("../pages/anomalies.tsx").then(({ Anomalies }) => Anomalies)),
  daily: lazy(() => import("../pages/daily.tsx").then(({ Daily }) => Daily)),
  funnel: lazy(() => import("../pages/funnel.tsx").then(({ Funnel }) => Funnel)),
  items: lazy(() => import("../pages/items.tsx").then(({ Items }) => Items)),
  live: lazy(() => import("../pages/live_shop.tsx").then(({ LiveShop }) => LiveShop)),
  jobs: lazy(() => import("../pages/jobs.tsx").then(({ JobsPage }) => JobsPage)),
};

/** isHidden: somebody has to sign in before it may be seen again. */
export function Frame({ isHidden }: { isHidden: boolean }) {
  const name = page.value;
  const title = pages.find((one) => one.name === name)?.title ?? "Not found", about = daysInWords(name);
  const heading = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  useShop();
  useEffect(() => {
    if (!isHidden) document.title = `${title}${about} · Clickstream Guardian`;
  }, [title, about, isHidden]);
  useEffect(() => {
    // Who hears the page, or goes through it by keyboard, begins at the new one.
    if (!first.current) heading.current?.focus({ preventScroll: true });
    first.current = false;
  }, [name]);
  const Page = name === null ? null : shown[name];
  return (
    <div class="frame" onClick={followLink}>
      <a class="skip" href="#main">Skip to the figures</a>
      <header>
        <a class="brand" href={pageHref("overview")}>Clickstream Guardian</a>
        <nav aria-label="Pages">
          <ul>
            {pages.map((one) => (
              <li key={one.name}>
                <a href={pageHref(one.name)} aria-current={one.name === name ? "page" : undefined}>{one.title}</a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="switches">
          <TrafficSwitch />
          <ThemeSwitch />
          <SignedIn />
        </div>
      </header>
      <SampleBanner />
      <main id="main" tabIndex={-1}>
        <div class="title">
          <h1 ref={heading} tabIndex={-1}>{title}</h1>
          <Freshness />
        </div>
        {Page === null
          ? (
            <p>
              There is no such page. <a href={pageHref("overview")}>Go to the overview</a>.
            </p>
          )
          : <Page key={name} />}
      </main>
      <footer>
        <span>Times are in {shop.value.timeZone}.</span>
        <a href="/docs" target="_blank" rel="noopener">API</a>
        <a href="/health" target="_blank" rel="noopener">Health</a>
      </footer>
    </div>
  );
}

/** The days that the address names, for the titles of windows, bookmarks and prints; an empty text where it names none. */
function daysInWords(name: PageName | null): string {
  const one = dateParam("day"), { from, to } = chosenDays();
  if (name === "funnel" || name === "items") return one === null ? "" : `, ${day(one)}`;
  if (name !== "daily" && name !== "anomalies") return "";
  return `${from === null ? "" : ` from ${day(from)}`}${to === null ? "" : ` to ${day(to)}`}`;
}

/** Learns the time zone, which everything is shown in. */
function useShop(): void {
  const { data } = useResource<Jobs>("/jobs");
  useEffect(() => {
    if (data === null) return;
    const { timezone: timeZone, currency } = data;
    if (timeZone !== shop.value.timeZone || currency !== shop.value.currency) shop.value = { timeZone, currency };
  }, [data]);
}

function TrafficSwitch() {
  const options = [["all", "All traffic"], ["humans", "Humans"]] as const;
  return (
    <fieldset class="segmented">
      <legend class="visually-hidden">Whose events count</legend>
      {options.map(([value, label]) => (
        <label key={value} title={value === "humans" ? "Sessions that are flagged as bots are left out" : "Everybody's events"}>
          <input
            type="radio"
            name="traffic"
            value={value}
            checked={traffic.value === value}
            onChange={() =>
              choose({ traffic: value === "all" ? null : value })}
          />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** With which token somebody is signed in, and the way out. */
function SignedIn() {
  const [failure, setFailure] = useState<string | null>(null);
  const { kind, name } = caller.value ?? {};
  if (kind !== "session") return null;
  return (
    <div class="signed-in">
      <span title={`Signed in with the token ${name}`}>
        <span class="visually-hidden">Signed in with the token</span>
        <bdi>{name}</bdi>
      </span>
      <button type="button" class="plain" onClick={async () => setFailure(await signOut())}>Sign out</button>
      {failure !== null && <Notice kind="error" title="Not signed out">{failure}</Notice>}
    </div>
  );
}

const feedWords = {
  connecting: "Connecting",
  live: "Live",
  away: "Live feed away; asking every 5 seconds",
} as const;

function Freshness() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 5_000);
    return () => clearInterval(timer);
  }, []);
  const at = lastUpdated.value;
  return (
    <div class="freshness">
      <span class={`dot ${feedState.value}`} aria-hidden="true" />
      <span role="status">{feedWords[feedState.value]}</span>
      <span>Last updated {at === null ? "–" : timeOfDay(at)}</span>
      <button type="button" onClick={refreshAll}>Refresh</button>
    </div>
  );
}
