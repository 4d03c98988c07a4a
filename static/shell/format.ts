// Figures and times as people read them. Times are shown in the shop's time zone, which is said beside them.

import { signal } from "@preact/signals";

/** The shop's time zone, an IANA name, and its currency or an empty text, once they are known. */
export const shop = signal<{ timeZone: string; currency: string }>({ timeZone: "UTC", currency: "" });

const LOCALE = "en";
const NONE = "–";

export type Maybe = number | null | undefined;

export function count(value: Maybe): string {
  return isNumber(value) ? numberFormat({ maximumFractionDigits: 0 }).format(value) : NONE;
}

/** A figure as a mark on an axis: `1.2K`. */
export function short(value: number): string {
  return numberFormat({ notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** Money as a mark on an axis: `€1.2K`. */
export function moneyMark(value: number): string {
  return numberFormat({ notation: "compact", maximumFractionDigits: 1, ...inCurrency() }).format(value);
}

export function decimal(value: Maybe, digits = 2): string {
  return isNumber(value) ? numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value) : NONE;
}

/** A share of 0 to 1 as percent. */
export function percent(value: Maybe, digits = 1): string {
  return isNumber(value) ? numberFormat({ style: "percent", maximumFractionDigits: digits }).format(value) : NONE;
}

export function money(value: Maybe): string {
  if (!isNumber(value)) return NONE;
  return numberFormat({ minimumFractionDigits: 2, maximumFractionDigits: 2, ...inCurrency() }).format(value);
}

function inCurrency(): Intl.NumberFormatOptions {
  const { currency } = shop.value;
  return currency === "" ? {} : { style: "currency", currency };
}

/** Seconds as `2 min 12 s`. */
export function duration(seconds: Maybe): string {
  if (!isNumber(seconds)) return NONE;
  const whole = Math.round(seconds);
  if (seconds < 10) return `${decimal(seconds, seconds === 0 ? 0 : 1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function bytes(value: Maybe): string {
  if (!isNumber(value)) return NONE;
  const steps = ["B", "KiB", "MiB", "GiB", "TiB"];
  let step = 0, shown = value;
  while (shown >= 1024 && step < steps.length - 1) {
    shown /= 1024;
    step++;
  }
  return `${decimal(shown, step === 0 ? 0 : 1)} ${steps[step]}`;
}

/** Change from one figure to another, as `+12%`; null where it cannot be said. */
export function change(now: Maybe, before: Maybe): string | null {
  if (!isNumber(now) || !isNumber(before) || before === 0) return null;
  return numberFormat({ style: "percent", maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(now / before - 1);
}

/** An instant, given as ISO 8601 or ms, in the shop's time zone: `22 Nov 2026, 10:02:05`. */
export function instant(value: string | number | null | undefined, { seconds = true } = {}): string {
  return timeParts(value, {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
  });
}

/** The time of day of an instant, in the shop's time zone. */
export function timeOfDay(value: string | number | null | undefined, { seconds = true, millis = false } = {}): string {
  return timeParts(value, {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
    ...(millis ? { fractionalSecondDigits: 3 } : {}),
  });
}

function timeParts(value: string | number | null | undefined, parts: Intl.DateTimeFormatOptions): string {
  if (value === null || value === undefined) return NONE;
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return NONE;
  return dateFormat("en-GB", { ...parts, hourCycle: "h23", timeZone: shop.value.timeZone }).format(date);
}

/** A local day, given as `2026-11-22`: `Sun 22 Nov 2026`. */
export function day(date: string | null | undefined): string {
  if (date === null || date === undefined) return NONE;
  const at = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(at.getTime())) return date;
  return dateFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(at);
}

/** A local day as a mark on an axis: `22 Nov`, or `22 Nov 26` where the year is wanted. */
export function shortDay(date: string, { year = false } = {}): string {
  const parts: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", ...(year ? { year: "2-digit" } : {}), timeZone: "UTC" };
  return dateFormat("en-GB", parts).format(new Date(`${date}T00:00:00Z`));
}

/** An instant as a mark on a time axis whose marks are so many seconds apart, with the day at midnight; null: all of it. */
export function markOf(ms: number, stepS: number | null): string {
  const day = { day: "numeric", month: "short" } as const, minute = { hour: "2-digit", minute: "2-digit" } as const;
  if (stepS === null) return timeParts(ms, { ...day, ...minute, second: "2-digit" });
  if (stepS < 60) return timeParts(ms, { ...minute, second: "2-digit" });
  const time = timeParts(ms, minute);
  return stepS >= 86_400 || (stepS >= 3_600 && time === "00:00") ? timeParts(ms, day) : time;
}

/** The local day of an instant in the shop's time zone, as `2026-11-22`. */
export function dayOf(ms: number): string {
  return dateFormat("en-CA", { timeZone: shop.value.timeZone }).format(new Date(ms));
}

/** The day that is `days` after a local day. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** One and many: `1 click`, `2 clicks`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

function isNumber(value: Maybe): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** Formatters by what they were made of: to make one takes longer than to use it a hundred times. */
const numberFormats = new Map<string, Intl.NumberFormat>(), dateFormats = new Map<string, Intl.DateTimeFormat>();

function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return remembered(numberFormats, JSON.stringify(options), () => new Intl.NumberFormat(LOCALE, options));
}

function dateFormat(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return remembered(dateFormats, locale + JSON.stringify(options), () => new Intl.DateTimeFormat(locale, options));
}

function remembered<T>(made: Map<string, T>, key: string, make: () => T): T {
  const found = made.get(key);
  if (found !== undefined) return found;
  const value = make();
  made.set(key, value);
  return value;
}
