// Items: what sold and what was looked at on a day, by item and by category, how well looks turn into sales, and what rises.

import { choose, traffic } from "../shell/address.ts";
import type { DayState, PopularItem } from "../shell/answers.ts";
import { day } from "../shell/format.ts";
import { type Resource, useResource } from "../shell/resource.ts";
import { DayPicker, useChosenDay } from "../parts/day_choice.tsx";
import { NoDayYet } from "../parts/first_steps.tsx";
import { DayStateNotice, Loaded } from "../parts/notice.tsx";
import { Categories } from "./items/categories.tsx";
import { Conversion } from "./items/conversion.tsx";
import { chosenMeasure, type Measure, measureOf, measures } from "./items/figures.ts";
import { AllItems, ITEMS_MAX, TopItems } from "./items/top_items.tsx";
import { Trending } from "./items/trending.tsx";

export function Items() {
  const date = useChosenDay(), by = chosenMeasure();
  return (
    <div class="page">
      {date === null ? <NoDayYet /> : (
        <>
          <div class="choices">
            <DayPicker chosen={date} />
            <MeasureChoice by={by} />
          </div>
          <ChartsOfDay date={date} by={by} />
          <Trending />
          <TableOfDay date={date} by={by} />
        </>
      )}
    </div>
  );
}

/** What is in order of what: of equal items the one with more revenue is first. */
function MeasureChoice({ by }: { by: Measure }) {
  return (
    <fieldset class="segmented">
      <legend class="visually-hidden">Items in order of</legend>
      {measures.map((measure) => (
        <label key={measure}>
          <input
            type="radio"
            name="by"
            value={measure}
            checked={measure === by}
            onChange={() => choose({ by: measure === "revenue" ? null : measure })}
          />
          <span>By {measureOf[measure].label.toLowerCase()}</span>
        </label>
      ))}
    </fieldset>
  );
}

function useItems(date: string, by: Measure): Resource<PopularItem[]> {
  return useResource<PopularItem[]>(`/items/popular/${date}?limit=${ITEMS_MAX}&by=${by}&traffic=${traffic.value}`);
}

function ChartsOfDay({ date, by }: { date: string; by: Measure }) {
  const found = useItems(date, by);
  const state = found.headers?.get("Day-State") as DayState | null ?? "finished";
  return (
    <section class="section">
      <h2>What sold on {day(date)}</h2>
      {found.data !== null && <DayStateNotice state={state} date={day(date)} />}
      <Loaded of={found} what={`items of ${day(date)}`}>
        {(rows) => (
          <>
            <div class="grid">
              <TopItems date={date} by={by} rows={rows} />
              <Categories date={date} by={by} />
            </div>
            <Conversion date={date} by={by} rows={rows} />
          </>
        )}
      </Loaded>
    </section>
  );
}

function TableOfDay({ date, by }: { date: string; by: Measure }) {
  const { data } = useItems(date, by);
  return data === null || data.length === 0 ? null : <AllItems date={date} by={by} rows={data} />;
}
