// What the address says of this page: filters, the place in the list, the anomaly that is open. What always holds: with another filter the
// list begins anew, as a place in one list is none in another.

import { choose, hrefWith, param } from "../../shell/address.ts";
import type { Anomaly } from "../../shell/answers.ts";
import { chosenDays } from "../../parts/day_choice.tsx";
import type { Filters } from "./filters.ts";

/** Choices that belong to one list alone. */
export const OF_ONE_LIST = ["cursor", "open", "of", "at"] as const;
const anew = Object.fromEntries(OF_ONE_LIST.map((name) => [name, null]));

export const types = [["HIGH_FREQUENCY", "Too fast"], ["BOT_LIKE", "Few items, many clicks"]] as const;
export const severities = [["low", "Low"], ["medium", "Medium"], ["high", "High"], ["critical", "Critical"]] as const;
export const statuses = [
  ["confirmed", "Confirmed"],
  ["provisional", "Provisional"],
  ["retracted", "Retracted"],
  ["all", "All, retracted ones too"],
] as const;

/** The filters that the address names. A word that is none of the API's goes along: its answer says what is wrong. */
export function chosenFilters(): Filters {
  return {
    type: param("type"),
    severity: param("severity"),
    status: param("status"),
    session: param("session"),
    ...chosenDays(),
  };
}

export function isFiltered(filters: Filters): boolean {
  return Object.values(filters).some((choice) => choice !== null);
}

export function chooseFilter(changes: Readonly<Record<string, string | null>>): void {
  choose({ ...anew, ...changes });
}

export function filterHref(changes: Readonly<Record<string, string | null>>): string {
  return hrefWith({ ...anew, ...changes });
}

/** The anomaly that the address opens, with what it takes to find it when it is on no page that is shown. */
export function chosenOne(): { id: string; session: string | null; at: string | null } | null {
  const id = param("open");
  return id === null ? null : { id, session: param("of") ?? param("session"), at: param("at") };
}

export function toggleOpen({ anomaly_id, session_id, window_start }: Anomaly): void {
  const isOpen = param("open") === anomaly_id;
  choose(isOpen ? { open: null, of: null, at: null } : { open: anomaly_id, of: String(session_id), at: window_start });
}

export function typeWords(type: string): string {
  return types.find(([name]) => name === type)?.[1] ?? type;
}
