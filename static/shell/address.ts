// The address is the state: which page, which days, whose events count, which row is open. What always holds: whatever a person has chosen
// is in the address, so a link shows the same view and the browser's back button undoes a choice. It knows nothing of what pages show.

import { computed, signal } from "@preact/signals";
import type { Traffic } from "./answers.ts";

export type { Traffic };

const BASE = "/dashboard";

export const pages = [
  { name: "overview", title: "Overview" },
  { name: "anomalies", title: "Anomalies" },
  { name: "daily", title: "Daily" },
  { name: "funnel", title: "Funnel" },
  { name: "items", title: "Items" },
  { name: "live", title: "Live shop" },
  { name: "jobs", title: "Jobs" },
] as const;
export type PageName = (typeof pages)[number]["name"];

/** Choices that go along from page to page; all others belong to one page. */
const CARRIED = ["traffic", "from", "to"];

const current = signal(new URL(globalThis.location.href));
globalThis.addEventListener("popstate", () => current.value = new URL(globalThis.location.href));

export const page = computed<PageName | null>(() => {
  const path = current.value.pathname.replace(/\/$/, "");
  if (path === BASE) return "overview";
  return pages.find(({ name }) => path === `${BASE}/${name}`)?.name ?? null;
});

export const traffic = computed<Traffic>(() => param("traffic") === "humans" ? "humans" : "all");

/** A choice in the address, or null where nothing is chosen. */
export function param(name: string): string | null {
  const value = current.value.searchParams.get(name);
  return value === "" ? null : value;
}

/** The address of a page with what is carried along. */
export function pageHref(name: PageName): string {
  const url = new URL(current.value);
  url.pathname = name === "overview" ? BASE : `${BASE}/${name}`;
  for (const key of [...url.searchParams.keys()]) if (!CARRIED.includes(key)) url.searchParams.delete(key);
  return url.pathname + url.search;
}

/** The address of this page with other choices; null takes one back. */
export function hrefWith(changes: Readonly<Record<string, string | null>>): string {
  const url = new URL(current.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.pathname + url.search;
}

/** Goes to an address of the dashboard, to its top where it is of another page. replace: the one before is not worth coming back to. */
export function go(href: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  const url = new URL(globalThis.location.href);
  if (url.pathname !== current.value.pathname) globalThis.scrollTo(0, 0); // where one was, going back finds again
  current.value = url;
}

export function choose(changes: Readonly<Record<string, string | null>>, options?: { replace?: boolean }): void {
  go(hrefWith(changes), options);
}

/** Turns a click on a link within the dashboard into a change of the address; other clicks are the browser's. */
export function followLink(event: MouseEvent): void {
  const link = (event.target as Element).closest("a");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (link === null || !plain || event.defaultPrevented || link.target !== "" || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (url.origin !== globalThis.location.origin || (url.pathname !== BASE && !url.pathname.startsWith(`${BASE}/`))) return;
  if (url.hash !== "" && url.pathname === current.value.pathname) return;
  event.preventDefault();
  go(url.pathname + url.search);
}
