// What to choose from: type, severity, status, session, days.

import { DayRange } from "../../parts/day_choice.tsx";
import { chooseFilter, isFiltered, OF_ONE_LIST, severities, statuses, types } from "./choices.ts";
import type { Filters } from "./filters.ts";

export function FilterChoice({ filters }: { filters: Filters }) {
  const { type, severity, status, session } = filters;
  return (
    <div class="filters">
      <div class="choices" role="group" aria-label="Which anomalies">
        <Choice name="type" label="Type" none="All types" options={types} chosen={type} />
        <Choice name="severity" label="Severity" none="All severities" options={severities} chosen={severity} />
        <Choice name="status" label="Status" none="Confirmed and provisional" options={statuses} chosen={status} />
        <label>
          Session
          <input
            type="search"
            autocomplete="off"
            spellcheck={false}
            placeholder="All sessions"
            value={session ?? ""}
            onChange={(event) => chooseFilter({ session: event.currentTarget.value.trim() || null })}
          />
        </label>
        {isFiltered(filters) && (
          <button
            type="button"
            onClick={() => chooseFilter({ type: null, severity: null, status: null, session: null, from: null, to: null })}
          >
            Show all
          </button>
        )}
      </div>
      <DayRange resets={OF_ONE_LIST} />
    </div>
  );
}

function Choice({ name, label, none, options, chosen }: {
  name: string;
  label: string;
  none: string;
  options: readonly (readonly [value: string, label: string])[];
  chosen: string | null;
}) {
  const unknown = chosen !== null && !options.some(([value]) => value === chosen);
  return (
    <label>
      {label}
      <select value={chosen ?? ""} onChange={(event) => chooseFilter({ [name]: event.currentTarget.value || null })}>
        <option value="">{none}</option>
        {options.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
        {unknown && <option value={chosen}>{chosen}</option>}
      </select>
    </label>
  );
}
