// When a local day begins in the dashboard, beside what the server's days say of the same date.

import assert from "node:assert/strict";
import { Zone } from "../../jobs/local_day.ts";
import { localMidnight } from "../../static/shell/local_midnight.ts";

const HOUR_MS = 3_600_000;

Deno.test("localMidnight is the start of the day in a zone without changes", () => {
  assert.equal(localMidnight("2026-11-22", "UTC"), Date.parse("2026-11-22T00:00:00Z"));
  assert.equal(localMidnight("2026-11-22", "Asia/Kathmandu"), Date.parse("2026-11-21T18:15:00Z"));
});

Deno.test("localMidnight makes a day of 23 and one of 25 hours when the clocks change", () => {
  const hours = (from: string, to: string) => (localMidnight(to, "Europe/Berlin") - localMidnight(from, "Europe/Berlin")) / HOUR_MS;
  assert.equal(hours("2026-03-28", "2026-03-29"), 24);
  assert.equal(hours("2026-03-29", "2026-03-30"), 23);
  assert.equal(hours("2026-10-25", "2026-10-26"), 25);
});

Deno.test("localMidnight is the end of the jump when the clocks jump over midnight", () => {
  assert.equal(localMidnight("2018-11-04", "America/Sao_Paulo"), Date.parse("2018-11-04T03:00:00Z"));
});

Deno.test("localMidnight is the first of two midnights when the clocks go back over midnight", () => {
  assert.equal(localMidnight("2023-11-05", "America/Havana"), Date.parse("2023-11-05T04:00:00Z"));
});

Deno.test("localMidnight is the next day's when a zone skipped the date", () => {
  assert.equal(localMidnight("2011-12-30", "Pacific/Apia"), Date.parse("2011-12-30T10:00:00Z"));
  assert.equal(localMidnight("2011-12-31", "Pacific/Apia"), Date.parse("2011-12-30T10:00:00Z"));
});

Deno.test("localMidnight says what the server's days say, on every day of years with odd clocks", () => {
  const years: [zone: string, year: number][] = [
    ["Europe/Berlin", 2026],
    ["America/New_York", 2026],
    ["Australia/Lord_Howe", 2026],
    ["America/Sao_Paulo", 2018],
    ["America/Havana", 2023],
    ["Asia/Beirut", 2026],
    ["Africa/Cairo", 2026],
    ["America/Asuncion", 2023],
    ["Atlantic/Azores", 2026],
    ["America/St_Johns", 2005],
    ["Pacific/Apia", 2011],
    ["Pacific/Kwajalein", 1993],
    ["Pacific/Kiritimati", 1994],
    ["Asia/Tehran", 2021],
    ["Antarctica/Troll", 2026],
    ["Africa/Monrovia", 1972],
  ];
  const wrong: string[] = [];
  for (const [name, year] of years) {
    const zone = new Zone(name);
    for (let at = Date.UTC(year, 0, 1); at < Date.UTC(year + 1, 0, 2); at += 24 * HOUR_MS) {
      const date = new Date(at).toISOString().slice(0, 10);
      if (localMidnight(date, name) !== zone.spanOf(date).start) wrong.push(`${name} ${date}`);
    }
  }
  assert.deepEqual(wrong, []);
});
