// Which days a page is about, kept in the address: a stretch of days, or one of the days that are counted.

import { choose, param } from "../shell/address.ts";
import type { Day } from "../shell/answers.ts";
import { addDays, day, dayOf } from "../shell/format.ts";
import { useResource } from "../shell/resource.ts";

const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** A local day out of the address, or null where there is none that can be one. */
export function dateParam(name: string): string | null {
  const value = param(name);
  return value !== null && DATE.test(value) && !Number.isNaN(Date.parse(value)) ? value : null;
}

/** The stretch of days that the address names; null: no bound on that side. */
export function chosenDays(): { from: string | null; to: string | null } {
  const from = dateParam("from"), to = dateParam("to");
  return from !== null && to !== null && from > to ? { from: to, to: from } : { from, to };
}

/** Two dates, and the stretches that are asked for most. resets: choices that mean nothing with other days; open: what is shown without bounds. */
export function DayRange({ resets = [], open = "All days" }: { resets?: readonly string[]; open?: string }) {
  const { from, to } = chosenDays();
  const today = dayOf(Date.now());
  const range = (days: { from?: string | null; to?: string | null }) =>
    choose({ ...Object.fromEntries(resets.map((name) => [name, null])), ...days });
  const last = (days: number) => range({ from: addDays(today, -days), to: null });
  return (
    <div class="choices" role="group" aria-label="Days">
      <label>
        From
        <input type="date" value={from ?? ""} max={today} onChange={(event) => range({ from: event.currentTarget.value || null })} />
      </label>
      <label>
        To
        <input type="date" value={to ?? ""} max={today} onChange={(event) => range({ to: event.currentTarget.value || null })} />
      </label>
      <button type="button" onClick={() => last(7)}>Last 7 days</button>
      <button type="button" onClick={() => last(30)}>Last 30 days</button>
      {(from !== null || to !== null) && <button type="button" onClick={() => range({ from: null, to: null })}>{open}</button>}
    </div>
  );
}

/** The newest days that are counted, newest first; null while they are not known. */
export function useCountedDays(): readonly Day[] | null {
  return useResource<Day[]>("/metrics/daily?limit=60").data;
}

/** The day that the address names, or the newest one that is counted; null where there is none. */
export function useChosenDay(): string | null {
  const days = useCountedDays();
  return dateParam("day") ?? days?.[0]?.metric_date ?? null;
}

/** A choice among the days that are counted; the address may name any other. */
export function DayPicker({ name = "day", label = "Day", chosen }: { name?: string; label?: string; chosen: string | null }) {
  const days = useCountedDays();
  const dates = (days ?? []).map(({ metric_date }) => metric_date);
  if (chosen !== null && !dates.includes(chosen)) dates.push(chosen);
  dates.sort().reverse(); // newest first
  const at = chosen === null ? -1 : dates.indexOf(chosen);
  const step = (by: number) => choose({ [name]: dates[at + by] });
  return (
    <div class="choices" role="group" aria-label={label}>
      <button type="button" disabled={at < 0 || at >= dates.length - 1} onClick={() => step(1)}>Day before</button>
      <label>
        {label}
        <select value={chosen ?? ""} onChange={(event) => choose({ [name]: event.currentTarget.value })}>
          {dates.map((date) => <option key={date} value={date}>{day(date)}</option>)}
        </select>
      </label>
      <button type="button" disabled={at <= 0} onClick={() => step(-1)}>Day after</button>
    </div>
  );
}
