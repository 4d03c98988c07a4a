// Points in time as text: ISO 8601 with a time zone, or milliseconds since the epoch, to whole milliseconds and back.
// What always holds: a text is read in full or not at all, no zone is ever assumed, and no calendar day is made up (30 February is
// refused, not moved). Whether a time is plausible for an event is for the caller to say.

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** `2014-04-07T10:51:09.277Z`: the form that `formatTimestamp` writes and most input has. */
const USUAL_LENGTH = 24;

const ISO = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?$/;
const DATE_ALONE = /^\d{4}-\d\d-\d\d$/;
const MILLISECONDS = /^-?\d+$/;

const latin1 = new TextDecoder("latin1");

/**
 * Reads a point in time: ms since the epoch, or null when `value` is none (`timestampFault` says why).
 *
 * Text: ISO 8601 date and time with `T` or a space, seconds and a fraction optional (cut to ms), and a zone: `Z`, `+hh:mm`, `+hhmm` or `+hh`;
 * or the digits of a number of ms. Numbers: ms since the epoch, a fraction of a ms is cut off towards the past.
 */
export function parseTimestamp(value: string | number): number | null {
  if (typeof value === "string" && value.length === USUAL_LENGTH) {
    const usual = readUsualText(value);
    if (usual === usual) return usual;
  }
  const read = readTimestamp(value);
  return typeof read === "number" ? read : null;
}

/** Why `parseTimestamp` refuses `value`, to go behind the value in a sentence: "has no time zone". Empty for a valid one. */
export function timestampFault(value: string | number): string {
  const read = readTimestamp(value);
  return typeof read === "number" ? "" : read;
}

/**
 * As `parseTimestamp`, for `length` bytes of `bytes` from `at`; NaN when they are no point in time.
 * Cheap for the usual 24 bytes, most of all while the minute stays the same; keeps hold of the `bytes` seen last.
 */
export function parseTimestampBytes(bytes: Uint8Array, at: number, length: number): number {
  if (length === USUAL_LENGTH && at + length <= bytes.length) {
    const usual = readUsual(viewOf(bytes), at);
    if (usual === usual) return usual;
  }
  const read = readTimestamp(latin1.decode(bytes.subarray(at, at + length)));
  return typeof read === "number" ? read : NaN;
}

/** Endings of time stamps, `SS.` and `mmmZ`, and the start of the one written last: those written together mostly share their minute. */
const secondTexts = Array.from({ length: 60 }, (_, second) => `${String(second).padStart(2, "0")}.`);
const millisecondTexts = Array.from({ length: 1000 }, (_, ms) => `${String(ms).padStart(3, "0")}Z`);
let writtenMinute = NaN, writtenStart = "";

/** ISO 8601 in UTC with milliseconds and `Z`. `ms` lies within the years 0 to 9999; a fraction is cut off. */
export function formatTimestamp(ms: number): string {
  const time = Math.trunc(ms), minute = Math.floor(time / MINUTE_MS);
  if (minute !== writtenMinute) {
    writtenStart = new Date(minute * MINUTE_MS).toISOString().slice(0, USUAL_LENGTH - "SS.mmmZ".length);
    writtenMinute = minute;
  }
  const rest = time - minute * MINUTE_MS, second = Math.floor(rest / 1000);
  return writtenStart + secondTexts[second] + millisecondTexts[rest - second * 1000];
}

function readTimestamp(value: string | number): number | string {
  if (typeof value === "number") return readMilliseconds(value);
  if (MILLISECONDS.test(value)) return readMilliseconds(Number(value));
  const parts = ISO.exec(value);
  if (parts === null) return DATE_ALONE.test(value) ? "has no time of day and no time zone" : "is not a date and time of ISO 8601";
  const [, year, month, day, hour, minute, second, fraction, utc, sign, zoneHour, zoneMinute] = parts;
  if (Number(month) < 1 || Number(month) > 12) return `is not a date: there is no month ${month}`;
  if (Number(day) < 1 || Number(day) > daysOfMonth(Number(year), Number(month))) {
    return `is not a date: ${year}-${month} has no day ${day}`;
  }
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second ?? 0) > 59) {
    return "is not a time of day: that goes from 00:00:00 to 23:59:59";
  }
  if (utc === undefined && sign === undefined) return "has no time zone";
  if (Number(zoneHour ?? 0) > 23 || Number(zoneMinute ?? 0) > 59) return "has a time zone that does not exist";
  const zoneMinutes = Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0);
  return daysSinceEpoch(Number(year), Number(month), Number(day)) * DAY_MS +
    (Number(hour) * 60 + Number(minute) - (sign === "-" ? -zoneMinutes : zoneMinutes)) * MINUTE_MS +
    Number(second ?? 0) * 1000 + Number((fraction ?? "0").slice(0, 3).padEnd(3, "0"));
}

function readMilliseconds(value: number): number | string {
  if (!Number.isFinite(value)) return "is not a number of milliseconds";
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return "is too large for milliseconds since the epoch";
  return Math.floor(value) + 0;
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days from 1970-01-01 in the Gregorian calendar; Date.UTC would take the years 0 to 99 for 1900 to 1999. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  // Years begin in March, so that the leap day is their last one.
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return 365 * marchYear + Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400) + dayOfYear - 719_468;
}

const usualBytes = new Uint8Array(USUAL_LENGTH);
const usualView = new DataView(usualBytes.buffer);

function readUsualText(text: string): number {
  let all = 0;
  for (let i = 0; i < USUAL_LENGTH; i++) {
    const char = text.charCodeAt(i);
    usualBytes[i] = char;
    all |= char;
  }
  return all < 128 ? readUsual(usualView, 0) : NaN;
}

// The bytes read last, for which a view is kept: four bytes are then one load. Callers go through one buffer row by row.
let lastBytes: Uint8Array = usualBytes;
let lastView: DataView = usualView;

function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== lastBytes) {
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    lastBytes = bytes;
  }
  return lastView;
}

// The minute read last, as the four words that its 16 bytes make: events next to each other mostly share it. A cache, nothing more.
let minuteMs = NaN;
let minuteWord0 = 0, minuteWord1 = 0, minuteWord2 = 0, minuteWord3 = 0;

/** The time that 24 bytes of the usual form say, or NaN when they have another form. */
function readUsual(view: DataView, at: number): number {
  const seconds = view.getInt32(at + 16) ^ COLON_00_POINT, fraction = view.getInt32(at + 20) ^ ZERO_ZERO_ZERO_Z;
  const s1 = seconds >> 16 & 255, s0 = seconds >> 8 & 255;
  const f2 = fraction >>> 24, f1 = fraction >> 16 & 255, f0 = fraction >> 8 & 255;
  if ((seconds & 0xff0000ff) !== 0 || (fraction & 255) !== 0 || s1 > 5 || s0 > 9 || f2 > 9 || f1 > 9 || f0 > 9) return NaN;
  const word0 = view.getInt32(at), word1 = view.getInt32(at + 4), word2 = view.getInt32(at + 8), word3 = view.getInt32(at + 12);
  if (word3 !== minuteWord3 || word2 !== minuteWord2 || word1 !== minuteWord1 || word0 !== minuteWord0) {
    minuteMs = readMinute(view, at);
    minuteWord0 = word0;
    minuteWord1 = word1;
    minuteWord2 = word2;
    minuteWord3 = word3;
  }
  return minuteMs + (s1 * 10 + s0) * 1000 + f2 * 100 + f1 * 10 + f0;
}

// `:00.` and `000Z`. Taking them away bit by bit leaves digits as 0 to 9, and marks as 0; anything else leaves more.
const COLON_00_POINT = 0x3a30302e, ZERO_ZERO_ZERO_Z = 0x3030305a;

/** The minute that 16 bytes `YYYY-MM-DDTHH:MM` say, or NaN. */
function readMinute(view: DataView, at: number): number {
  const marked = view.getUint8(at + 4) === 45 && view.getUint8(at + 7) === 45 && view.getUint8(at + 10) === 84 &&
    view.getUint8(at + 13) === 58;
  const year = twoDigits(view, at) * 100 + twoDigits(view, at + 2);
  const month = twoDigits(view, at + 5), day = twoDigits(view, at + 8);
  const hour = twoDigits(view, at + 11), minute = twoDigits(view, at + 14);
  // Written so that NaN fails each comparison.
  const valid = marked && year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysOfMonth(year, month) && hour <= 23 &&
    minute <= 59;
  return valid ? daysSinceEpoch(year, month, day) * DAY_MS + (hour * 60 + minute) * MINUTE_MS : NaN;
}

function twoDigits(view: DataView, at: number): number {
  const tens = view.getUint8(at) ^ 48, ones = view.getUint8(at + 1) ^ 48;
  return tens > 9 || ones > 9 ? NaN : tens * 10 + ones;
}
