// Hostile bodies as a whole, made by kind: how they are written, packed, named and cut; and those of other orders than events.
// Each says what must come: a refusal of the whole, or, where only its lines are refused, which of the events in it get in.

import { Buffer } from "node:buffer";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { limits } from "../../src/limits.ts";
import { T } from "./body_lines.ts";

/** What must come; status 0: whatever does not break, with events of the sessions `maybe` in the log or not. inLog: sessions of events that are in the log then, each once; no other event of the body is. */
export type Expected =
  | { readonly status: 202; readonly inLog: readonly string[]; readonly refused: readonly (readonly string[])[] }
  | { readonly status: 0; readonly maybe: readonly string[] }
  | { readonly status: number; readonly code: string };

export interface HostileBody {
  readonly kind: string;
  readonly name: string;
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
  readonly expected: Expected;
}

const encoder = new TextEncoder();
const bad = { status: 400, code: "bad_request" }, unread = { status: 415, code: "unsupported_media_type" };
const tooLarge = { status: 413, code: "body_too_large" };
let events = 0;

/** An event of a session of its own, whose neighbours get in. */
export function neighbour(): { session: string; json: string } {
  const session = `n${events++}`;
  return { session, json: `{"session_id":"${session}","timestamp":"${T}","item_id":7}` };
}

/** A body of two good events, put together by `make`. refused: codes of what else is in it. */
function pair(make: (a: string, b: string) => string, ...refused: string[]): { text: string; expected: Expected } {
  const a = neighbour(), b = neighbour(), text = make(a.json, b.json);
  const inLog = [a, b].filter(({ json }) => text.includes(json)).map(({ session }) => session);
  return { text, expected: { status: 202, inLog, refused: refused.map((code) => [code]) } };
}

const all: HostileBody[] = [];
function add(
  kind: string,
  name: string,
  bytes: Uint8Array | string,
  expected: Expected,
  headers: Record<string, string> = {},
  path?: string,
): void {
  all.push({ kind, name, bytes: typeof bytes === "string" ? encoder.encode(bytes) : bytes, expected, headers, path });
}
const addPair = (kind: string, name: string, { text, expected }: ReturnType<typeof pair>, headers = {}) =>
  add(kind, name, text, expected, headers);
const lines = (a: string, b: string) => `${a}\n${b}\n`;
const GZIP = { "Content-Encoding": "gzip" };
const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

// Encodings and marks. What is no UTF-8 is no JSON, line by line.
const utf16le = (text: string) => new Uint8Array(Buffer.from(text, "utf16le")),
  utf16be = (text: string) => new Uint8Array(Buffer.from(text, "utf16le").swap16());
const utf32 = (text: string, little: boolean) => {
  const view = new DataView(new ArrayBuffer(4 * text.length));
  for (let i = 0; i < text.length; i++) view.setUint32(4 * i, text.charCodeAt(i), little);
  return new Uint8Array(view.buffer);
};
for (
  const [name, write] of [["UTF-16LE", utf16le], ["UTF-16BE", utf16be], ["UTF-32LE", (t: string) => utf32(t, true)], [
    "UTF-32BE",
    (t: string) => utf32(t, false),
  ]] as const
) {
  for (const mark of ["", "\ufeff"]) {
    for (const make of [(a: string) => a, (a: string) => `[${a}]`]) {
      const one = neighbour();
      // The bracket of an array is seen where it is the first byte, and what is behind its other one is a piece of its own.
      const pieces = name.endsWith("LE") && mark === "" && make("") !== "" ? 2 : 1;
      add("encodings and marks", `${name}${mark && " with a mark"}`, write(mark + make(one.json)), {
        status: 202,
        inLog: [],
        refused: Array(pieces).fill(["not_json", "not_utf8"]),
      });
    }
  }
}
const latin1 = neighbour();
add("encodings and marks", "Latin-1", new Uint8Array(Buffer.from(latin1.json.replace('"item_id"', '"page":"é","item_id"'), "latin1")), {
  status: 202,
  inLog: [],
  refused: [["not_utf8"]],
});
addPair("encodings and marks", "UTF-8 with a mark", pair((a, b) => "\ufeff" + lines(a, b)));
addPair("encodings and marks", "an array with a mark", pair((a, b) => `\ufeff[${a},${b}]`));
addPair("encodings and marks", "an object with a mark", pair((a) => "\ufeff" + a));
addPair("encodings and marks", "two marks", pair((a, b) => "\ufeff\ufeffx\n" + lines(a, b), "not_json"));
addPair("encodings and marks", "a mark behind a line", pair((a, b) => `${a}\n\ufeff{}\n${b}`, "not_json"));
addPair("encodings and marks", "a mark and blanks", pair((a, b) => `\ufeff \r\n\t${a}\n${b}`));

// Cut everywhere: as it is, as an array, and packed.
const three = (make: (a: string, b: string, c: string) => string) => {
  const some = [neighbour(), neighbour(), neighbour()];
  return { some, text: make(some[0].json, some[1].json, some[2].json) };
};
for (let at = 1; at < 230; at += 3) {
  const { some, text } = three((a, b, c) => [a, b, c].join("\n")),
    cut = text.slice(0, at),
    whole = some.filter(({ json }) => cut.includes(json));
  const rest = cut.slice(cut.lastIndexOf("\n") + 1), isBroken = rest !== "" && !whole.some(({ json }) => json === rest);
  add("cut anywhere", `lines at ${at}`, cut, {
    status: 202,
    inLog: whole.map(({ session }) => session),
    refused: isBroken ? [["not_json"]] : [],
  });
}
for (let at = 1; at < 230; at += 5) {
  const { some, text } = three((a, b, c) => `[${a},${b},${c}]`),
    cut = text.slice(0, at),
    whole = some.filter(({ json }) => cut.includes(json));
  const expected: Expected = cut === "["
    ? bad
    : { status: 202, inLog: whole.map(({ session }) => session), refused: at >= text.length ? [] : [["body_truncated"]] };
  add("cut anywhere", `an array at ${at}`, cut, expected);
}
const packedText = three((a, b, c) => [a, b, c].join("\n")).text, packedLength = gzipSync(packedText).length;
for (let at = 1; at < packedLength; at += 4) {
  const { some, text } = three((a, b, c) => [a, b, c].join("\n")), maybe = some.map(({ session }) => session);
  // How much of it can be unpacked is for the packing to say; the suite asks it.
  add("cut anywhere", `packed at ${at}`, new Uint8Array(gzipSync(text)).slice(0, at), { status: 0, maybe }, GZIP);
}

// Packed, in order and not.
const space = (mib: number) => new Uint8Array(mib * 2 ** 20).fill(32);
const addPacked = (
  name: string,
  pack: (text: string) => Uint8Array,
  headers: Record<string, string> = GZIP,
  expected?: Expected | null,
  kind = "packed",
) => {
  const made = pair(lines), anything: Expected = { status: 0, maybe: "inLog" in made.expected ? made.expected.inLog : [] };
  add(kind, name, pack(made.text), expected === null ? anything : expected ?? made.expected, headers);
};
for (const level of [0, 1, 6, 9]) addPacked(`gzip of level ${level}`, (text) => new Uint8Array(gzipSync(text, { level })));
addPacked("x-gzip", (text) => new Uint8Array(gzipSync(text)), { "Content-Encoding": "x-gzip" });
addPacked("GZip", (text) => new Uint8Array(gzipSync(text)), { "Content-Encoding": "GZip" });
addPacked("identity", (text) => encoder.encode(text), { "Content-Encoding": "identity" });
addPacked("no encoding", (text) => encoder.encode(text), { "Content-Encoding": "" });
addPacked("two members", (text) => joined(gzipSync(text.split("\n")[0] + "\n"), gzipSync(text.split("\n")[1])));
addPacked("a thousand empty members", (text) => joined(...Array.from({ length: 1000 }, () => gzipSync("")), gzipSync(text)));
addPacked("one byte a member", (text) => joined(...[...text].map((char) => gzipSync(char))));
for (const [name, pack] of [["deflate", deflateSync], ["raw deflate", deflateRawSync], ["br", brotliCompressSync]] as const) {
  addPacked(`${name} called gzip`, (text) => new Uint8Array(pack(text)), GZIP, bad);
}
addPacked("text called gzip", (text) => encoder.encode(text), GZIP, bad);
addPacked("a mark before gzip", (text) => joined(encoder.encode("\ufeff"), gzipSync(text)), GZIP, bad);
addPacked("a zip file", () => encoder.encode("PK\u0003\u0004"), GZIP, bad);
for (const [name, at] of [["magic", 0], ["method", 2], ["flags", 3], ["sum", -8], ["length", -4], ["first block", 10]] as const) {
  addPacked(
    `a wrong ${name}`,
    (text) => {
      const packed = new Uint8Array(gzipSync(text));
      packed[at < 0 ? packed.length + at : at] ^= 0xff;
      return packed;
    },
    GZIP,
    name === "first block" ? null : bad,
  );
}
add("packed", "a bomb of 65 MiB", new Uint8Array(gzipSync(space(65))), tooLarge, GZIP);
add("packed", "a bomb of 1000 MiB", joined(...Array(1000).fill(gzipSync(space(1)))), tooLarge, GZIP);
add(
  "packed",
  "a bomb in members",
  joined(...Array.from(
    { length: 70 },
    (() => {
      const one = gzipSync(space(1));
      return () => one;
    })(),
  )),
  tooLarge,
  GZIP,
);
add("packed", "a bomb behind events", joined(gzipSync(lines(neighbour().json, neighbour().json)), gzipSync(space(65))), tooLarge, GZIP);
add("packed", "blanks that unpack to less than a bomb", new Uint8Array(gzipSync(space(60))), bad, GZIP);
add("packed", "one bad line of 60 MiB", new Uint8Array(gzipSync(space(60).fill(120))), {
  status: 202,
  inLog: [],
  refused: [["line_too_long"]],
}, GZIP);
add("packed", "one string of 60 MiB", new Uint8Array(gzipSync(joined(encoder.encode('{"session_id":"'), space(60).fill(120)))), {
  status: 202,
  inLog: [],
  refused: [["line_too_long"]],
}, GZIP);
add("packed", "60 MiB of open brackets", new Uint8Array(gzipSync(space(60).fill(91))), {
  status: 202,
  inLog: [],
  refused: [["body_truncated"]],
}, GZIP);
add("packed", "8 MiB of bad lines", new Uint8Array(gzipSync("x\n".repeat(4 * 2 ** 20))), bad, GZIP);
add("packed", "8 MiB of commas", new Uint8Array(gzipSync("[" + ",".repeat(8 * 2 ** 20))), bad, GZIP);

// Several encodings at once, and others.
for (
  const encoding of [
    "gzip, gzip",
    "gzip,br",
    "identity, gzip",
    "gzip;q=1",
    "br",
    "deflate",
    "zstd",
    "compress",
    "chunked",
    "*",
    "gzip gzip",
    "gz",
    "x",
    "g".repeat(5000),
  ]
) {
  addPacked(
    `called ${encoding.slice(0, 40)}`,
    (text) => new Uint8Array(gzipSync(gzipSync(text))),
    { "Content-Encoding": encoding },
    unread,
    "stacked encodings",
  );
}
addPacked("gzip in gzip", (text) => new Uint8Array(gzipSync(gzipSync(text))), GZIP, null, "stacked encodings");
add("stacked encodings", "a bomb in gzip in gzip", new Uint8Array(gzipSync(gzipSync(space(100)))), { status: 0, maybe: [] }, GZIP);

// Line ends and blanks.
for (
  const [name, end] of [["LF", "\n"], ["CRLF", "\r\n"], ["LF and blanks", " \t\n  "], ["LFLF", "\n\n"], ["CRCRLF", "\r\r\n"], [
    "many",
    "\n".repeat(100_000),
  ], ["blank lines", " \r\n".repeat(50_000)]]
) {
  addPair("line ends", name, pair((a, b) => a + end + b));
  addPair("line ends", `${name}, and at both ends`, pair((a, b) => end + a + end + b + end));
  addPair("line ends", `${name}, a bad line between`, pair((a, b) => a + end + "x" + end + b, "not_json"));
  addPair("line ends", `${name} in an array`, pair((a, b) => `[${end}${a}${end},${end}${b}${end}]${end}`));
}
for (const end of ["\r", "\u2028", "\u0085", "\v", "\f", "\0", "\\n", ";", ","]) {
  const [a, b] = [neighbour(), neighbour()];
  add("line ends", `no line end: ${JSON.stringify(end)}`, a.json + end + b.json, { status: 202, inLog: [], refused: [["not_json"]] });
}
for (const [name, body] of [["LF first", "\n\r"], ["mixed", "\r\n\n"], ["CR first", "\r\n"]]) {
  addPair(
    "line ends",
    name,
    pair((a, b) => a + body + b + "\r"),
  );
}

// Nothing.
for (
  const body of [
    "",
    " ",
    "\n",
    "\r\n\r\n",
    "\t",
    "[]",
    "[ ]",
    "[\n]",
    "\ufeff",
    "\ufeff[]",
    " ".repeat(1_000_000),
    "[" + " ".repeat(1_000_000) + "]",
    "[",
  ]
) {
  add("emptiness", JSON.stringify(body.slice(0, 20)), body, bad);
  add("emptiness", `packed ${JSON.stringify(body.slice(0, 20))}`, new Uint8Array(gzipSync(body)), bad, GZIP);
}
for (const body of ["{}", "null", '""', "0", "[null]", "[{}]", "[[]]", '[""]', "{ }"]) {
  const code = /\{/.test(body) ? "missing_field" : "not_object";
  add("emptiness", body, body, { status: 202, inLog: [], refused: [[code]] });
}

// Media types.
for (
  const type of [
    "application/json",
    "application/x-ndjson",
    "APPLICATION/JSON",
    "application/json;charset=utf-8",
    "application/json ; charset=utf-16",
    "text/plain",
    "text/json",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/jsonlines",
    "application/octet-stream",
    "application/vnd.api+json",
    "application/cloudevents+json; x=1",
  ]
) addPair("media types", type, pair(lines), { "Content-Type": type });
for (
  const type of [
    "text/html",
    "text/csv",
    "text/xml",
    "application/xml",
    "image/png",
    "application/json/x",
    "json",
    "*/*",
    "application/*",
    "application/gzip",
    "application/x-protobuf",
    "application/json,text/plain",
    "text/plain+json",
    "application/+json",
    "application/ json",
    "x".repeat(5000),
    "application/" + "a".repeat(5000) + "!",
    "multipart/mixed; boundary=a",
    "application/jsonx",
    "x-application/json",
  ]
) addPacked(type.slice(0, 60), (text) => encoder.encode(text), { "Content-Type": type }, unread, "media types");

// Forms and CSV.
const form = (text: string) => `--b\r\nContent-Disposition: form-data; name="events"\r\n\r\n${text}\r\n--b--\r\n`;
for (const type of ["multipart/form-data; boundary=b", "multipart/form-data", "multipart/related; boundary=b"]) {
  addPacked(
    type,
    (text) => encoder.encode(form(text)),
    { "Content-Type": type },
    unread,
    "forms and CSV",
  );
}
const PLAIN = { "Content-Type": "text/plain" }, FORM = { "Content-Type": "application/x-www-form-urlencoded" };
add("forms and CSV", "a form", `events=${encodeURIComponent(neighbour().json)}`, { status: 202, inLog: [], refused: [["not_json"]] }, FORM);
add("forms and CSV", "an escaped form", `%7B%22session_id%22%3A1%7D`, { status: 202, inLog: [], refused: [["not_json"]] }, FORM);
addPair("forms and CSV", "JSON of a simple tool", pair(lines), FORM);
addPair("forms and CSV", "JSON as a form's text/plain", pair((a, b) => `{"a":"=\r\n${a}\n${b}`, "not_json"), PLAIN);
for (const csv of ["1,2014-04-07T10:51:09.277Z,7,0", "11;12", '"a","b"', "session_id\ttime"]) {
  addPair("forms and CSV", `CSV ${csv}`, pair((a, b) => `${csv}\n${lines(a, b)}`, "not_json"), PLAIN);
  add("forms and CSV", `CSV as itself ${csv}`, csv, unread, { "Content-Type": "text/csv" });
}
add("forms and CSV", "a multipart body as text", form("x"), { status: 202, inLog: [], refused: Array(4).fill(["not_json"]) }, PLAIN);
add("forms and CSV", "XML", "<event/>", { status: 202, inLog: [], refused: [["not_json"]] }, PLAIN);

// Idempotency-Keys.
for (
  const key of [
    "k",
    "!",
    "~",
    "a b",
    "0",
    "null",
    "__proto__",
    "constructor",
    "../x",
    "%00",
    "k".repeat(limits.idempotencyKeyCharsMax),
    '"quoted"',
    "a,b",
    "k\tk".replace("\t", " "),
  ]
) {
  addPair("keys", `key ${key.slice(0, 30)}`, pair(lines), { "Idempotency-Key": key });
}
for (const key of ["", " ", "k".repeat(limits.idempotencyKeyCharsMax + 1), "k".repeat(8000), "é", "a\tb", "\u00a0", "ÿ"]) {
  addPacked(`refused key ${key.slice(0, 30)}`, (text) => encoder.encode(text), { "Idempotency-Key": key }, bad, "keys");
}

// Bodies of other orders. None may change anything, or end in a 500.
const SOURCE = `/sources/${"a".repeat(64)}/dead_letters`;
const letter = (change: object = {}) => ({
  line: 1,
  code: "not_json",
  field: null,
  message: "m",
  raw_base64: "YQ==",
  raw_bytes: 1,
  ...change,
});
const letters = (change: object = {}) => JSON.stringify({ name: "f", rejects: [letter(change)] });
const orders = ["/sessions/1/feedback", "/dead_letters/replay", "/jobs/backfill", SOURCE];
const spoilt: [string, string | Uint8Array][] = [
  ...[
    "null",
    "[]",
    "1",
    '""',
    "1e400",
    "{",
    "}",
    "{]",
    "[{}]",
    "x",
    "{}{}",
    "{},",
    "//",
    "\0",
    '{"__proto__":1}',
    '{"constructor":1}',
    '{"a":1}',
  ].map((text): [string, string] => [text, text]),
  ["UTF-16", utf16le("{}")],
  ["no UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  ["deep", "[".repeat(20_000) + "]".repeat(20_000)],
  ["deep objects", '{"a":'.repeat(5000) + "1" + "}".repeat(5000)],
  ["wide", `{${Array.from({ length: 5000 }, (_, i) => `"k${i}":1`)}}`],
  ["a long name", `{"${"k".repeat(60_000)}":1}`],
];
for (const path of orders) {
  for (const [name, body] of spoilt) add("other orders", `${path}: ${name}`, body, bad, {}, path);
  add("other orders", `${path}: no gzip`, "{}", bad, GZIP, path);
  add("other orders", `${path}: broken gzip`, new Uint8Array(gzipSync("{}")).slice(0, -4), bad, GZIP, path);
  add("other orders", `${path}: a bomb`, new Uint8Array(gzipSync(space(70))), tooLarge, GZIP, path);
  add("other orders", `${path}: br`, new Uint8Array(brotliCompressSync("{}")), unread, { "Content-Encoding": "br" }, path);
  add("other orders", `${path}: too large`, `{"${"k".repeat(limits.bodyBytesMax)}":1}`, tooLarge, {}, path);
}
for (
  const body of [
    '{"numbers":[1e400]}',
    '{"numbers":[-1]}',
    '{"numbers":{}}',
    '{"numbers":["1"]}',
    '{"numbers":[9007199254740993]}',
    `{"numbers":[${Array(2000).fill(1)}]}`,
  ]
) {
  add("other orders", body.slice(0, 40), body, bad, {}, "/dead_letters/replay");
}
for (const verdict of ['"x"', "1", "true", "{}", '"\\ud800"', '"Bot"', '"bot "', "[]"]) {
  add("other orders", `verdict ${verdict}`, `{"verdict":${verdict}}`, bad, {}, "/sessions/1/feedback");
}
for (
  const day of ['"0000-01-01"', '"2014-02-30"', '"2014-4-7"', '"\\u0000"', "1", "null", '"9999-99-99"', "[]", '"2014-04-07T00:00:00Z"']
) {
  add("other orders", `from ${day}`, `{"from":${day}}`, bad, {}, "/jobs/backfill");
}
for (
  const [name, body] of [
    ["a count beyond any file", JSON.stringify({ name: "f", rejects: [], beyond: Number.MAX_SAFE_INTEGER })],
    ["a place beyond any file", JSON.stringify({ name: "f", first: Number.MAX_SAFE_INTEGER, rejects: [] })],
    ["no base64", letters({ raw_base64: "A".repeat(4 * 2 ** 20) + "!!!!" })],
    ["a name that is no UTF-8", joined(encoder.encode('{"name":"'), new Uint8Array([0xff]), encoder.encode('","rejects":[]}'))],
    ["an unknown code", letters({ code: "__proto__" })],
    ["line 0", letters({ line: 0 })],
    ["line 1e400", letters().replace('"line":1', '"line":1e400')],
    ["a long message", letters({ message: "m".repeat(2001) })],
    ["an unknown name", JSON.stringify({ name: "f", rejects: [], more: 1 })],
    ["no name", JSON.stringify({ rejects: [] })],
    ["one line too many", JSON.stringify({ name: "f", rejects: Array(limits.deadLettersPerSourceMax + 1).fill(letter()) })],
    ["a million lines", `{"name":"f","rejects":[${Array(1_000_000).fill(1)}]}`],
    ["half a million names", `{"name":"f","rejects":[],${Array.from({ length: 500_000 }, (_, i) => `"k${i}":1`)}}`],
  ]
) add("other orders", `dead letters of a source: ${name}`, body, bad, {}, SOURCE);

/** All of them. Each neighbour of theirs is in no other. */
export const hostileBodies: readonly HostileBody[] = all;
