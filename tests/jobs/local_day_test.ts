// Local days cover time without gap or overlap, in every zone and whatever its clocks do.

import assert from "node:assert";
import { dayAfter, parseClockTime, parseDate, Zone } from "../../jobs/mod.ts";
import { GuardianError } from "../../src/errors.ts";
import { calendarOf } from "./recount.ts";

const HOUR = 3_600_000;

for (
  const name of ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia"]
) {
  Deno.test(`days of ${name} follow each other without gap or overlap`, () => {
    const zone = new Zone(name), dateOf = calendarOf(name);
    for (let date = "2011-01-01"; date < "2013-01-01"; date = dayAfter(date)) {
      const { start, end } = zone.spanOf(date);
      assert.equal(zone.spanOf(dayAfter(date)).start, end);
      if (start === end) continue; // a date that the zone skipped
      for (const at of [start, start + HOUR / 2, end - 1]) assert.equal(zone.dateOf(at), date);
      assert.equal(dateOf(start), date);
      assert.equal(dateOf(end - 1), date);
      const hours = zone.hoursOf(date);
      assert.equal(hours[0], new Date(start).toISOString().slice(0, 13));
      assert.equal(hours.at(-1), new Date(end - 1).toISOString().slice(0, 13));
    }
  });
}

Deno.test("days have 23, 25 or no hours when the clocks change", () => {
  const hours = (zone: string, date: string) => {
    const { start, end } = new Zone(zone).spanOf(date);
    return (end - start) / HOUR;
  };
  assert.equal(hours("Europe/Berlin", "2025-03-30"), 23);
  assert.equal(hours("Europe/Berlin", "2025-10-26"), 25);
  assert.equal(hours("Australia/Lord_Howe", "2025-04-06"), 24.5);
  assert.equal(hours("Pacific/Apia", "2011-12-30"), 0);
});

Deno.test("an evening that comes twice belongs to the day that had begun when clocks go back over midnight", () => {
  const zone = new Zone("America/St_Johns"); // at 00:01 on 2010-11-07 it was 23:01 again
  const { start, end } = zone.spanOf("2010-11-07");
  assert.equal((end - start) / HOUR, 25);
  assert.equal(zone.dateOf(start + 10 * 60_000), "2010-11-07");
});

Deno.test("instantOf takes the first time when clocks show it twice, and goes on when they never do", () => {
  const zone = new Zone("Europe/Berlin");
  assert.equal(zone.instantOf("2025-10-26", "02:30"), Date.parse("2025-10-26T00:30:00Z"));
  assert.equal(zone.instantOf("2025-03-30", "02:30"), Date.parse("2025-03-30T01:30:00Z"));
  assert.equal(zone.instantOf("2025-03-30", "03:00"), Date.parse("2025-03-30T01:00:00Z"));
});

Deno.test("dates, times and zones that do not exist are refused", () => {
  const refused = (code: string) => (error: unknown) => error instanceof GuardianError && error.code === code;
  for (const text of ["2025-02-29", "2025-13-01", "2025-1-1", "20250101", "", "2025-01-01T00:00:00Z", "today"]) {
    assert.throws(() => parseDate(text), refused("invalid_parameter"), text);
  }
  assert.equal(parseDate("2024-02-29"), "2024-02-29");
  for (const text of ["24:00", "3:00", "03:60", "", "03:00:00"]) {
    assert.throws(() => parseClockTime(text), refused("invalid_setting"), text);
  }
  assert.throws(() => new Zone("Mars/Olympus"), refused("invalid_setting"));
});
