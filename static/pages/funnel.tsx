// How far the sessions of a day came: to the click that ended them, on to more, to a purchase; and the same of other days beside it.

import { DayPicker, useChosenDay } from "../parts/day_choice.tsx";
import { NoDayYet } from "../parts/first_steps.tsx";
import { DayStateNotice, DayStateSign, Loaded } from "../parts/notice.tsx";
import { param, traffic } from "../shell/address.ts";
import type { DayState, FunnelStage, Traffic } from "../shell/answers.ts";
import { day as dayName, instant } from "../shell/format.ts";
import { type Resource, useResource } from "../shell/resource.ts";
import { Comparison } from "./funnel/comparison.tsx";
import { FunnelOfDay } from "./funnel/of_day.tsx";
import { comparedDays } from "./funnel/steps.ts";

export function Funnel() {
  const date = useChosenDay();
  const stages = useFunnel(date, traffic.value);
  const other = useFunnel(stages.data === null ? null : date, traffic.value === "humans" ? "all" : "humans");
  const compared = date === null ? [] : comparedDays(param("compare"), date);
  // As many as there can be, as what a component follows must not change in number.
  const beside = [
    useFunnel(compared[0] ?? null, traffic.value),
    useFunnel(compared[1] ?? null, traffic.value),
    useFunnel(compared[2] ?? null, traffic.value),
  ];
  if (date === null) {
    return (
      <div class="page">
        <NoDayYet />
      </div>
    );
  }
  const state = stages.headers?.get("day-state") as DayState | null | undefined;
  return (
    <div class="page">
      <div class="section">
        <DayPicker chosen={date} />
        <p class="aside">
          {traffic.value === "humans" ? "Sessions that are flagged as bots are left out." : "Everybody counts, bots included."}
        </p>
      </div>
      <section class="section" aria-labelledby="of-day">
        <h2 id="of-day">
          {dayName(date)} {stages.data !== null && state !== null && state !== undefined && <DayStateSign state={state} />}
        </h2>
        <Loaded of={stages} what={`the funnel of ${dayName(date)}`}>
          {(data) => (
            <>
              {state !== null && state !== undefined && <DayStateNotice state={state} date={dayName(date)} />}
              <FunnelOfDay date={date} stages={data} other={other.data} />
              <p class="aside">Counted {instant(stages.headers?.get("day-finished"))}.</p>
            </>
          )}
        </Loaded>
      </section>
      <Comparison day={date} stages={stages} compared={compared.map((date, i) => ({ date, stages: beside[i] }))} />
    </div>
  );
}

function useFunnel(date: string | null, whose: Traffic): Resource<FunnelStage[]> {
  return useResource<FunnelStage[]>(date === null ? null : `/metrics/funnel/${date}${whose === "humans" ? "?traffic=humans" : ""}`);
}
