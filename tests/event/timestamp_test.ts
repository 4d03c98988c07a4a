// Timestamps against what Date says for the same text, and against a list of texts that must not be read.

import assert from "node:assert/strict";
import { formatTimestamp, parseTimestamp, parseTimestampBytes, timestampFault } from "../../src/event/timestamp.ts";
import { seededRandom } from "./random.ts";

const encoder = new TextEncoder();
const usual = Date.UTC(2014, 3, 7, 10, 51, 9, 277);

const accepted: [string | number, number][] = [
  ["2014-04-07T10:51:09.277Z", usual],
  ["2014-04-07t10:51:09.277z", usual],
  ["2014-04-07 10:51:09.277Z", usual],
  ["2014-04-07T10:51:09,277Z", usual],
  ["2014-04-07T12:51:09.277+02:00", usual],
  ["2014-04-07T12:51:09.277+0200", usual],
  ["2014-04-07T12:51:09.277+02", usual],
  ["2014-04-07T05:21:09.277-05:30", usual],
  ["2014-04-07T10:51:09.277-00:00", usual],
  ["2014-04-07T10:51:09.2779999999999Z", usual],
  ["2014-04-07T10:51:09.2Z", usual - 77],
  ["2014-04-07T10:51:09Z", usual - 277],
  ["2014-04-07T10:51Z", usual - 9277],
  ["2014-04-07T10:51:09.000Z", usual - 277],
  ["2000-02-29T00:00:00.000Z", Date.UTC(2000, 1, 29)],
  ["1969-12-31T23:59:59.999Z", -1],
  ["0000-01-01T00:00:00.000Z", -62_167_219_200_000],
  ["0099-12-31T00:00:00Z", Date.parse("0099-12-31T00:00:00Z")],
  ["9999-12-31T23:59:59.999Z", 253_402_300_799_999],
  ["2014-01-01T00:30+01:00", Date.UTC(2013, 11, 31, 23, 30)],
  [String(usual), usual],
  ["0", 0],
  ["-5", -5],
  [usual, usual],
  [usual + 0.9, usual],
  [-0.5, -1],
  [0, 0],
];

for (const [value, expected] of accepted) {
  Deno.test(`parseTimestamp reads ${JSON.stringify(value)}`, () => {
    assert.equal(parseTimestamp(value), expected);
    assert.equal(timestampFault(value), "");
    if (typeof value === "string") {
      const bytes = encoder.encode(`>${value}<`);
      assert.equal(parseTimestampBytes(bytes, 1, bytes.length - 2), expected);
    }
  });
}

const refused: [string | number, RegExp][] = [
  ["", /ISO 8601/],
  ["now", /ISO 8601/],
  ["2014-04-07", /no time of day/],
  ["2014-04-07T10:51:09.277", /no time zone/],
  ["2014-04-07T10:51:09", /no time zone/],
  ["2014-02-30T10:51:09.277Z", /not a date.*day 30/],
  ["2015-02-29T10:51:09.277Z", /not a date/],
  ["1900-02-29T10:51:09.277Z", /not a date/],
  ["2014-04-31T00:00:00Z", /not a date/],
  ["2014-13-01T10:51:09.277Z", /no month 13/],
  ["2014-00-01T10:51:09.277Z", /no month 00/],
  ["2014-01-00T10:51:09.277Z", /not a date/],
  ["2014-04-07T24:00:00.000Z", /time of day/],
  ["2014-04-07T23:60:00.000Z", /time of day/],
  ["2014-04-07T23:59:60.000Z", /time of day/],
  ["2014-04-07T10:51:09.277+24:00", /zone/],
  ["2014-04-07T10:51:09.277+02:60", /zone/],
  ["2014-04-07T10:51:09.277+2", /ISO 8601/],
  ["2014-04-07T10:51:09.Z", /ISO 8601/],
  ["2014-04-07T10:51.5Z", /ISO 8601/],
  ["2014-04-07T10Z", /ISO 8601/],
  ["2014-4-7T10:51:09Z", /ISO 8601/],
  ["20140407T105109Z", /ISO 8601/],
  [" 2014-04-07T10:51:09.277Z", /ISO 8601/],
  ["2014-04-07T10:51:09.277Z ", /ISO 8601/],
  ["2014-04-07T10:51:09.277Z\n", /ISO 8601/],
  ["2014-04-07T10:51:09.27\u0137Z", /ISO 8601/],
  ["\u0132014-04-07T10:51:09.277Z".slice(0, 24), /ISO 8601/],
  ["2014-04-07T10:51:09.2x7Z", /ISO 8601/],
  ["2014-04-07T10:51:09:277Z", /ISO 8601/],
  ["+02014-04-07T10:51:09.277Z", /ISO 8601/],
  ["Mon, 07 Apr 2014 10:51:09 GMT", /ISO 8601/],
  ["1396867869.277", /ISO 8601/],
  ["99999999999999999999", /too large/],
  [1e300, /too large/],
  [NaN, /number of milliseconds/],
  [Infinity, /number of milliseconds/],
];

for (const [value, fault] of refused) {
  Deno.test(`parseTimestamp refuses ${JSON.stringify(value)} ${typeof value === "number" ? String(value) : ""}`, () => {
    assert.equal(parseTimestamp(value), null);
    assert.match(timestampFault(value), fault);
    if (typeof value === "string") {
      const bytes = encoder.encode(value);
      assert.equal(parseTimestampBytes(bytes, 0, bytes.length), NaN);
    }
  });
}

Deno.test("parseTimestampBytes agrees with Date on random times, in order and out of order", () => {
  const random = seededRandom("timestamps");
  const bytes = new Uint8Array(64);
  for (let i = 0, ms = usual; i < 20_000; i++) {
    ms = random() < 0.8 ? ms + Math.floor(random() * 5000) : Math.floor(random() * 253_402_300_799_999);
    const at = Math.floor(random() * 30);
    const text = new Date(ms).toISOString();
    bytes.set(encoder.encode(text), at);
    assert.equal(parseTimestampBytes(bytes, at, 24), ms, text);
    assert.equal(parseTimestamp(text), ms, text);
    assert.equal(formatTimestamp(ms), text);
  }
});

Deno.test("parseTimestampBytes agrees with parseTimestamp when one byte of the usual form is another", () => {
  const random = seededRandom("mutated timestamps");
  for (let i = 0; i < 20_000; i++) {
    const bytes = encoder.encode(new Date(Math.floor(random() * 4e12)).toISOString());
    bytes[Math.floor(random() * 24)] = Math.floor(random() * 128);
    const text = String.fromCharCode(...bytes);
    // With an offset spelt out, the text is read the long way.
    const slow = parseTimestamp(text.replace(/Z$/, "+00:00")) ?? NaN;
    assert.equal(parseTimestampBytes(bytes, 0, 24), slow, text);
    assert.equal(timestampFault(text) === "", !isNaN(slow), text);
  }
});

Deno.test("parseTimestampBytes returns NaN when the bytes end before the text does", () => {
  const bytes = encoder.encode("2014-04-07T10:51:09.277Z");
  assert.equal(parseTimestampBytes(bytes, 5, 24), NaN);
  assert.equal(parseTimestampBytes(new Uint8Array(0), 0, 24), NaN);
});
