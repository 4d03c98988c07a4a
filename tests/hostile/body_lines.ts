// Hostile lines, made by kind. What must become of each is for the oracle to say; here is only what there is to try.
// A line may hold line ends: then it is several.

import { fields } from "../../src/event/names.ts";
import { limits } from "../../src/limits.ts";

export interface HostileLine {
  readonly kind: string;
  readonly name: string;
  readonly bytes: Uint8Array;
}

export const T = "2014-04-07T10:51:09.277Z";
const encoder = new TextEncoder();
/** The usual event, with one field in other words. */
const withField = (name: string, json: string): string =>
  JSON.stringify({ session_id: "x", timestamp: T, item_id: 7, kind: "purchase", price: 1, quantity: 1, [name]: 0 }).replace(
    new RegExp(`"${name}":0`),
    () => `"${name}":${json}`,
  );
const event = (rest: string) => `{"session_id":"x","timestamp":"${T}","item_id":7${rest}}`;
const short = (text: string) => text.length > 60 ? `${text.slice(0, 60)}… of ${text.length}` : text;
const bytesOf = (...parts: (string | number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => typeof part === "string" ? [...encoder.encode(part)] : part));

type Lines = Record<string, (string | Uint8Array)[]>;

const numbers = [
  ...[
    "1e400",
    "-1e400",
    "1E+400",
    "1e-400",
    "-0",
    "0",
    "-1",
    "00",
    "01",
    "-01",
    "+1",
    ".5",
    "5.",
    "-.5",
    "1.",
    "1.0",
    "1.5",
    "0x10",
    "0b1",
  ],
  ...["0o7", "1_000", "1e", "1e+", "1e5", "1E5", "10e-1", "NaN", "Infinity", "-Infinity", "nan", "1n", "1,5", "१", "1 2", "--1", "1-1"],
  ...[
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740991",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
  ],
  ...[
    "18446744073709551616",
    "123456789",
    "1234567890",
    "999999999",
    "1000000000",
    "1000000001",
    "900000000000",
    "900000000000.0001",
    "0.0001",
  ],
  ...["0.00001", "0.00000001", "1e-7", "4.35", "0.30000000000000004", "9".repeat(400), "1" + "0".repeat(308), "0." + "0".repeat(400) + "1"],
];
const strings = ["1e400", "0x10", "-0", "-1", "1.5", "12.50000", "1.00001", "+1", " 1", "1 ", "1_0", "١", "9".repeat(21), "007", "1e3", ""];

const wrongValues = [
  "true",
  "false",
  "[]",
  "{}",
  "[1]",
  '{"a":1}',
  "1.5",
  '""',
  '" "',
  "null",
  '"\\u0000"',
  "-1",
  '[["x"]]',
  '{"toString":1}',
];
const protos = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "prototype",
  "valueOf",
  "__defineGetter__",
  "then",
  "length",
  "toJSON",
];
const times = [
  ...[
    "0",
    "946684799999",
    "946684800000",
    "946684800000.5",
    "946684799999.9",
    "1396867869",
    "253402300800000",
    "-1",
    "8640000000000001",
    "1e15",
  ],
  ...["1e3", "1396867869277.999", "9007199254740992"],
  ...[
    ...[
      "1999-12-31T23:59:59.999Z",
      "2000-01-01T00:00:00Z",
      "2000-01-01T00:00:00+00:01",
      "9999-12-31T23:59:59.999Z",
      "10000-01-01T00:00:00Z",
    ],
    ...["2014-02-29T00:00:00Z", "2012-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "2014-04-31T00:00:00Z"],
    ...["2014-00-01T00:00:00Z", "2014-13-01T00:00:00Z", "2014-01-00T00:00:00Z", "2014-01-32T00:00:00Z", "2014-04-07T24:00:00Z"],
    ...["2014-04-07T23:60:00Z", "2014-04-07T23:59:60Z", "2014-04-07T10:51:09", "2014-04-07", "2014-04-07T10:51Z", "2014-04-07T10Z"],
    ...["2014-04-07T10:51:09.1Z", "2014-04-07T10:51:09.123456789Z", "2014-04-07T10:51:09,5Z", "2014-04-07T10:51:09.Z", "20140407T105109Z"],
    ...["2014-04-07 10:51:09Z", "2014-04-07t10:51:09z", "2014-04-07T10:51:09+02", "2014-04-07T10:51:09+0200", "2014-04-07T10:51:09+24:00"],
    ...["2014-04-07T10:51:09-23:59", "2014-04-07T10:51:09+02:60", "2014-04-07T10:51:09+02:", "2014-W15-1T00:00:00Z", "2014-097T00:00:00Z"],
    ...[
      "-2014-04-07T10:51:09Z",
      "+002014-04-07T10:51:09Z",
      "Mon, 07 Apr 2014 10:51:09 GMT",
      "now",
      "",
      " ",
      "1396867869277",
      "-1396867869277",
    ],
    ...["1396867869", "99999999999999999999", "2014-04-07T10:51:09.277Z ", " 2014-04-07T10:51:09.277Z", "2014-04-07T10:51:09.277Ｚ"],
    ...["２０１４-04-07T10:51:09.277Z", "0000-01-01T00:00:00Z", "2014-04-07T10:51:09.277Z\u0000", "2014-04-07T10:51:09.277ZZ"],
  ].map((text) => JSON.stringify(text)),
];
const idTexts = [
  ...[
    "0",
    "00",
    "007",
    "2147483647",
    "2147483648",
    "4294967295",
    "9007199254740992",
    "-1",
    "1.0",
    "1e3",
    " ",
    "a b",
    "\u0080",
    "\u00a0",
    "é",
    "e\u0301",
  ],
  ...[
    "ﷺ",
    "👩‍👩‍👧‍👦",
    "\u202e\u202d",
    "\ufeff",
    "\u2028",
    "%00",
    "../../etc/passwd",
    "'; drop table clicks; --",
    "<script>",
    "=1+1",
    "null",
    "undefined",
  ],
  ...[
    "NaN",
    "[object Object]",
    "user:1",
    "a#1",
    "a\u007fb",
    "a\tb",
    "a\nb",
    "\u0000",
    "𝟙",
    "x".repeat(64),
    "x".repeat(65),
    "x".repeat(127),
  ],
  ...[
    "x".repeat(128),
    "x".repeat(129),
    "ü".repeat(32),
    "ü".repeat(33),
    "ü".repeat(64),
    "ü".repeat(65),
    "😀".repeat(32),
    "😀".repeat(33),
    "1".repeat(128),
  ],
];
/** Bytes that are no UTF-8: alone, cut, overlong, surrogates, beyond the last character. */
const badUtf8: number[][] = [
  ...[[0x80], [0xbf], [0xc0], [0xc1], [0xc2], [0xe0], [0xe0, 0xa0], [0xf0], [0xf0, 0x90], [0xf0, 0x90, 0x80], [0xf5], [0xf8], [0xfc], [
    0xfe,
  ], [0xff]],
  ...[[0xc0, 0x80], [0xc0, 0xaf], [0xc1, 0xbf], [0xe0, 0x80, 0x80], [0xe0, 0x80, 0xaf], [0xe0, 0x9f, 0xbf], [0xf0, 0x80, 0x80, 0x80]],
  ...[[0xf0, 0x8f, 0xbf, 0xbf], [0xf8, 0x80, 0x80, 0x80, 0x80], [0xfc, 0x80, 0x80, 0x80, 0x80, 0x80], [0xed, 0xa0, 0x80], [
    0xed,
    0xbf,
    0xbf,
  ]],
  ...[[0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf7, 0xbf, 0xbf, 0xbf], [0xff, 0xfe], [0xfe, 0xff], [0xc3, 0x28]],
  ...[[0xe2, 0x28, 0xa1], [0xe2, 0x82, 0x28], [0xf0, 0x28, 0x8c, 0xbc], [0x80, 0x80, 0x80], [0xc2, 0xc2], [0xe9], [0xdf, 0xff]],
];

const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);
const codes = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

const lines: Lines = {
  "numbers": [
    ...["session_id", "timestamp", "price", "quantity"].flatMap((field) => numbers.map((number) => withField(field, number))),
    ...["session_id", "price", "quantity"].flatMap((field) => strings.map((text) => withField(field, JSON.stringify(text)))),
    ...["1e400", "-0", "9007199254740993", "0.1", "1e21"].map((number) => event(`,"properties":{"n":${number}}`)),
  ],
  "depth": [
    ...[7, 8, 9, 100, 5000, 100_000].flatMap((depth) => [
      nested("[", "]", depth),
      event(`,"other":${nested("[", "]", depth - 1)}`),
      event(`,"other":${nested('{"a":', "}", depth - 1).replace(":}", ":1}")}`),
    ]),
    ...["[", "{", '{"a":', "[{", '[{"a":['].flatMap((open) => [open.repeat(20_000 / open.length), event(`,"a":${open.repeat(100)}`)]),
    ...["]", "}", "]}"].map((close) => close.repeat(1000)),
  ],
  "width": [
    event("," + codes(0, 5000).map((i) => `"k${i}":${i}`).join(",")),
    event("," + codes(0, 1_000_000).map((i) => `"${i}":1`).join(",")),
    event(`,"properties":{${codes(0, 16).map((i) => `"k${i}":"v"`)}}`),
    event(`,"properties":{${codes(0, 17).map((i) => `"k${i}":"v"`)}}`),
    event(`,"properties":{${codes(0, 4000).map((i) => `"k${i}":"v"`)}}`),
    event(`,"context":{${codes(0, 4000).map((i) => `"k${i}":"v"`)}}`),
    event(`,"other":[${codes(0, 20_000)}]`),
    event(`,"other":[${codes(0, 1_000_000).map(() => 1)}]`),
    ...[1000, 1001, 3000].map((count) =>
      `{"sessionId":"x","timestamp":"${T}","orderItems":[${codes(0, count).map(() => '{"productId":1,"quantity":1,"price":1}')}]}`
    ),
    `{"sessionId":"x","timestamp":"${T}","orderItems":[${codes(0, 1000).map(() => "1")}]}`,
  ],
  "prototype names": protos.flatMap((name) => [
    event(`,"${name}":1`),
    event(`,"${name}":{"session_id":"y","item_id":null}`),
    event(`,"properties":{"${name}":"v"}`),
    event(`,"properties":{"${name}":{"item_id":1}}`),
    event(`,"context":{"${name}":{"page":7}}`),
    `{"${name}":{"session_id":"x","timestamp":"${T}","item_id":7}}`,
    withField("kind", JSON.stringify(name)),
    withField("session_id", JSON.stringify(name)),
    `{"sessionId":"x","timestamp":"${T}","orderItems":[{"${name}":{"productId":1,"quantity":1,"price":1}}],"status":"${name}"}`,
  ]),
  "duplicate names": [
    ...["session_id", "timestamp", "item_id", "other", "__proto__", ""].flatMap((name) => [
      event(`,"${name}":1,"${name}":1`),
      event(`,"a":{"${name}":1,"${name}":2}`),
      event(`,"a":[{"${name}":1},{"${name}":1}]`),
    ]),
    ...["sessionId", "itemId", "productId", "product_id", "eventType"].flatMap((name) => [
      event(`,"${name}":"x"`),
      event(`,"${name}":null`),
      event(`,"${name}":7`),
      event(`,"${name}":"${name}"`),
    ]),
    event(',"session\\u005fid":"y"'),
    event(',"a":1,"\\u0061":2'),
    event(',"A":1,"a":2'),
    event(',"é":1,"e\\u0301":2'),
    event(',"order_items":[],"orderItems":[]'),
    event(',"properties":{"a":"1","a":"2"}'),
  ],
  "surrogates": [
    "\\ud800",
    "\\udc00",
    "\\udfff",
    "\\udbff",
    "\\ud83d\\ude00",
    "\\ude00\\ud83d",
    "\\ud83dx",
    "x\\ude00",
    "\\ud83d\\ud83d\\ude00",
  ].flatMap((
    text,
  ) => [
    ...["session_id", "item_id", "category", "user_agent", "event_id", "kind", "timestamp", "currency"].map((field) =>
      withField(field, `"${text}"`)
    ),
    event(`,"properties":{"${text}":"v"}`),
    event(`,"properties":{"k":"${text}"}`),
    event(`,"${text}":1`),
  ]),
  "control characters": [
    ...codes(0, 32).flatMap((code) => [
      withField("session_id", `"a\\u${code.toString(16).padStart(4, "0")}b"`),
      withField("page", `"a\\u${code.toString(16).padStart(4, "0")}b"`),
      bytesOf('{"session_id":"a', [code], `b","timestamp":"${T}","item_id":7}`),
      bytesOf([code], event("")),
      bytesOf(event(""), [code]),
    ]),
    ...[0x7f, 0x80, 0x85, 0x9f, 0xa0, 0xad, 0x200b, 0x2028, 0x2029, 0x202e, 0xfeff, 0xfffe, 0xffff].map((code) =>
      withField("session_id", JSON.stringify(`a${String.fromCharCode(code)}b`))
    ),
  ],
  "long texts": [
    ...(fields as readonly { flat: string; bytesMax?: number }[]).filter(({ bytesMax, flat }) =>
      bytesMax !== undefined && flat !== "properties"
    )
      .flatMap(({ flat, bytesMax = 0 }) => [-1, 0, 1].map((by) => withField(flat, JSON.stringify("x".repeat(bytesMax + by))))),
    ...[-1, 0, 1].flatMap((by) => [
      event(`,"a":"${"x".repeat(limits.lineBytesMax + by - event(',"a":""').length)}"`),
      event(" ".repeat(limits.lineBytesMax + by - event("").length)),
      "x".repeat(limits.lineBytesMax + by),
    ]),
    ...[100_000, 2_000_000].flatMap((size) => [
      withField("session_id", `"${"x".repeat(size)}"`),
      `{"${"x".repeat(size)}":1}`,
      withField("timestamp", `"${"2".repeat(size)}"`),
      withField("price", "9".repeat(size)),
      '"' + "\\".repeat(size),
      "{" + " ".repeat(size) + "}",
    ]),
  ],
  "wrong types": (fields as readonly { flat: string; camel: readonly string[] }[]).flatMap(({ flat }) =>
    wrongValues.map((value) => withField(flat, value))
  ),
  "times": times.map((time) => withField("timestamp", time)),
  "ids": ["session_id", "item_id", "category", "event_id", "order_id"].flatMap((field) =>
    idTexts.filter((_, i) => field === "session_id" || i % 4 === 0).map((text) => withField(field, JSON.stringify(text)))
  ),
  "bytes that are no UTF-8": badUtf8.flatMap((bad) => [
    bytesOf('{"session_id":"a', bad, `b","timestamp":"${T}","item_id":7}`),
    bytesOf(bad, event("")),
    bytesOf(event(""), bad),
  ]),
  "comments and commas": [
    ...["// a", "/* a */", "# a", "-- a", "<!-- a -->", ";", ",", "'", "`", "%YAML 1.2", "---"].flatMap((text) => [
      text,
      text + event(""),
      event("") + text,
      event(`,${text}"a":1`),
    ]),
    ...[
      event(","),
      event(",,"),
      "{,}",
      "{}",
      "[]",
      "[,]",
      "{:}",
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      "{a:1}",
      "{'a':1}",
      '{"a":1;"b":2}',
      '{"a":=1}',
    ],
    ...['{"a":undefined}', '{"a":None}', '{"a":True}', '{"a":1}}', '{"a":1}{"a":1}', event("") + event(""), event("") + " " + event("")],
    ...['{"a":"\\x41"}', '{"a":"\\u12"}', '{"a":"\\', '{"a":"b', '{"a', "{", '"', '"a"', "null", "true", "1", "tru", "nul", "\\", "\\n"],
  ],
  "arrays in arrays": [
    `[${event("")}]`,
    `[[${event("")}]]`,
    "[[],[]]",
    "[1,2,3]",
    '["session_id","x"]',
    ...["session_id", "timestamp", "item_id", "kind", "properties", "context"].map((field) => withField(field, `[[${event("")}]]`)),
    ...["[[]]", "[[1]]", "[null]", '["x"]', "[{}]", "[[{}]]", '[{"productId":[1],"quantity":1,"price":1}]', "[{},[],1,null]"].map((items) =>
      `{"sessionId":"x","timestamp":"${T}","orderItems":${items}}`
    ),
  ],
};

/** All of them, each once. */
export const hostileLines: readonly HostileLine[] = Object.entries(lines).flatMap(([kind, all]) => {
  const seen = new Set<string>();
  return all.flatMap((line) => {
    const bytes = typeof line === "string" ? encoder.encode(line) : line, name = typeof line === "string" ? line : [...line].join(" ");
    if (seen.has(name)) return [];
    seen.add(name);
    return [{ kind, name: short(name), bytes }];
  });
});
