// The last 30 days at a glance: each a link to its figures, with a symbol, a number and words for how it stands.

import { pageHref } from "../../shell/address.ts";
import type { JobDay } from "../../shell/answers.ts";
import { count, counted, day } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";
import { Loaded } from "../../parts/notice.tsx";
import { dayInWords, keyOfDay, legend } from "./words.ts";

const DAYS = 30;
/** How days stand for which somebody has to do something. */
const WRONG = ["failed", "incomplete"];

export function LastDays() {
  const found = useResource<JobDay[]>(`/jobs/days?limit=${DAYS}`);
  return (
    <section class="section">
      <h2>Last {DAYS} days</h2>
      <Loaded of={found} what="days">{(days) => <Strip days={days} />}</Loaded>
    </section>
  );
}

function Strip({ days }: { days: readonly JobDay[] }) {
  const now = Date.now();
  const keys = days.map(keyOfDay);
  const met = Object.keys(legend).filter((key) => keys.includes(key));
  const wrong = days.filter((one) => WRONG.includes(keyOfDay(one)));
  return (
    <>
      <p class={wrong.length > 0 ? "down" : "aside"}>{inWords(keys, wrong)}</p>
      <ol class="day-strip">
        {days.toReversed().map((one, i) => {
          const { symbol, kind } = legend[keyOfDay(one)];
          const words = dayInWords(one, now);
          const isFirst = i === 0 || one.date.endsWith("-01");
          return (
            <li key={one.date}>
              <a href={dailyHref(one.date)} class={kind} title={words}>
                <span class="visually-hidden">{words}</span>
                <span class="month" aria-hidden="true">{isFirst ? day(one.date).split(" ")[2] : ""}</span>
                <span aria-hidden="true">{Number(one.date.slice(-2))}</span>
                <span class="symbol" aria-hidden="true">{symbol}</span>
              </a>
            </li>
          );
        })}
      </ol>
      <ul class="legend">
        {met.map((key) => (
          <li key={key}>
            <span class={`symbol ${legend[key].kind}`} aria-hidden="true">{legend[key].symbol}</span> {legend[key].word}: {legend[key].more}
          </li>
        ))}
      </ul>
    </>
  );
}

function inWords(keys: readonly string[], wrong: readonly JobDay[]): string {
  if (wrong.length > 0) return `${counted(wrong.length, "day")} to look at: ${wrong.map(({ date }) => day(date)).join(", ")}.`;
  const parts = Object.keys(legend).map((key) => [key, keys.filter((one) => one === key).length] as const).filter(([, n]) => n > 0);
  return `Each day leads to its figures: ${parts.map(([key, n]) => `${count(n)} ${legend[key].word.toLowerCase()}`).join(", ")}.`;
}

function dailyHref(date: string): string {
  const url = new URL(pageHref("daily"), globalThis.location.href);
  url.searchParams.set("from", date);
  url.searchParams.set("to", date);
  return url.pathname + url.search;
}
