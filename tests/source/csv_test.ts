import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import type { RejectCode } from "../../src/event/reject.ts";
import { parsePrice } from "../../src/event/price.ts";
import { parseTimestamp } from "../../src/event/timestamp.ts";
import { limits } from "../../src/limits.ts";
import { Random, readAll, realFile, type Row, TestFolder } from "./files.ts";

const CLICK = "1,2014-04-07T10:51:09.277Z,214536502,0";
const BUY = "1,2014-04-07T10:51:09.277Z,214536502,1625,3";
const TIME = Date.UTC(2014, 3, 7, 10, 51, 9, 277);

/** A line between two good ones of the file named; what becomes of it. */
const bad: [file: "clicks" | "buys", line: string, code: RejectCode, field: string | null][] = [
  ["clicks", "garbage", "wrong_columns", null],
  ["clicks", "1,2014-04-07T10:51:09.277Z,5", "wrong_columns", null],
  ["clicks", BUY, "wrong_columns", null],
  ["buys", CLICK, "wrong_columns", null],
  ["clicks", ",2014-04-07T10:51:09.277Z,5,0", "missing_field", "session_id"],
  ["clicks", "1,,5,0", "missing_field", "timestamp"],
  ["clicks", "1,2014-04-07T10:51:09.277Z,,0", "missing_field", "item_id"],
  ["clicks", "1,yesterday,5,0", "invalid_value", "timestamp"],
  ["clicks", "1,2014-04-07T10:51:09.277,5,0", "invalid_value", "timestamp"],
  ["clicks", "1,2014-02-30T10:51:09.277Z,5,0", "invalid_value", "timestamp"],
  ["clicks", "1,2014-04-07T24:51:09.277Z,5,0", "invalid_value", "timestamp"],
  ["clicks", "1,2014-04-07T10:51:60.277Z,5,0", "invalid_value", "timestamp"],
  ["clicks", "1,2014-04-07T10:51:0a.277Z,5,0", "invalid_value", "timestamp"],
  ["clicks", "1,2014-04-07T10:51:09.27:Z,5,0", "invalid_value", "timestamp"],
  ["clicks", "1,1999-12-31T23:59:59.999Z,5,0", "out_of_range", "timestamp"],
  ["clicks", `1,${limits.eventTimeMax + 1},5,0`, "out_of_range", "timestamp"],
  ["clicks", "1\0,2014-04-07T10:51:09.277Z,5,0", "invalid_value", "session_id"],
  ["clicks", "\0,2014-04-07T10:51:09.277Z,5,0", "invalid_value", "session_id"],
  ["clicks", "1,2014-04-07T10:51:09.277Z,a\x7fb,0", "invalid_value", "item_id"],
  ["clicks", "1,2014-04-07T10:51:09.277Z,5,\x01", "invalid_value", "category"],
  ["clicks", `${"x".repeat(129)},2014-04-07T10:51:09.277Z,5,0`, "too_long", "session_id"],
  ["clicks", `${"é".repeat(65)},2014-04-07T10:51:09.277Z,5,0`, "too_long", "session_id"],
  ["clicks", `1,2014-04-07T10:51:09.277Z,5,${"c".repeat(65)}`, "too_long", "category"],
  ["clicks", `"1,2014-04-07T10:51:09.277Z,5,0`, "invalid_value", null],
  ["clicks", `a"b,2014-04-07T10:51:09.277Z,5,0`, "invalid_value", null],
  ["clicks", `"1","2014-04-07T10:51:09.277Z",5`, "wrong_columns", null],
  ["clicks", "x".repeat(limits.lineBytesMax + 1), "line_too_long", null],
  ["clicks", ",".repeat(5000), "wrong_columns", null],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,-1,1", "out_of_range", "price"],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,1.23456,1", "invalid_value", "price"],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,5.,1", "invalid_value", "price"],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,1e3,1", "invalid_value", "price"],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,,1", "missing_field", "price"],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,900000000000.0001,1", "out_of_range", "price"],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,1,", "missing_field", "quantity"],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,1,-2", "out_of_range", "quantity"],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,1,1.5", "invalid_value", "quantity"],
  ["buys", `1,2014-04-07T10:51:09.277Z,5,1,${limits.quantityMax + 1}`, "out_of_range", "quantity"],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,1,x", "invalid_value", "quantity"],
];

for (const [file, line, code, field] of bad) {
  Deno.test(`csv reader refuses ${JSON.stringify(line.slice(0, 50))} in ${file} as ${code} and keeps its neighbours`, () => {
    using folder = new TestFolder();
    const good = file === "clicks" ? CLICK : BUY;
    const { rows, rejects } = readAll(folder.file(`${good}\n${line}\n${good}\n`));
    assert.equal(rows.length, 2);
    assert.deepEqual(rejects.map((reject) => [reject.line, reject.code, reject.field]), [[2, code, field]]);
    assert.equal(new TextDecoder().decode(rejects[0].raw), line.slice(0, limits.deadLetterRawBytesMax));
    assert.equal(rejects[0].rawBytes, new TextEncoder().encode(line).length);
    assert.match(rejects[0].message, /^Cannot take this line: /);
  });
}

/** A line between two good ones, and the row that it is, as far as it differs from the good one. */
const good: [file: "clicks" | "buys", line: string, row: Partial<Row>][] = [
  ["clicks", `${2n ** 60n},2014-04-07T10:51:09.277Z,5,0`, { session: String(2n ** 60n), item: "5" }],
  ["clicks", "2147483647,2014-04-07T10:51:09.277Z,2147483648,0", { session: "2147483647", item: "2147483648" }],
  ["clicks", "2147483650,2014-04-07T10:51:09.277Z,9999999999,0", { session: "2147483650", item: "9999999999" }],
  ["clicks", "007,2014-04-07T10:51:09.277Z,0,0", { session: "007", item: "0" }],
  ["clicks", "0,2014-04-07T10:51:09.277Z,00,00", { session: "0", item: "00", category: "00" }],
  ["clicks", "-1,2014-04-07T10:51:09.277Z,+5,0", { session: "-1", item: "+5" }],
  ["clicks", `${"x".repeat(128)},2014-04-07T10:51:09.277Z,日本,größe`, { session: "x".repeat(128), item: "日本", category: "größe" }],
  ["clicks", "1,2014-04-07T10:51:09.277Z,5,", { item: "5", category: null }],
  ["clicks", "1,2014-04-07T10:51:09.277Z,5,S", { item: "5", category: "S" }],
  ["clicks", "1,2014-04-07T10:51:09.277Z,5,12", { item: "5", category: "12" }],
  ["clicks", "1,2014-04-07T10:51:09.277Z,5,2147483648", { item: "5", category: "2147483648" }],
  ["clicks", `1,2014-04-07T10:51:09.277Z,5,${"c".repeat(64)}`, { item: "5", category: "c".repeat(64) }],
  ["clicks", "1,2014-04-07T12:51:09.277+02:00,5,0", { item: "5" }],
  ["clicks", `1,${TIME},5,0`, { item: "5" }],
  ["clicks", "1,2014-04-07T10:51:09Z,5,0", { item: "5", time: TIME - 277 }],
  ["clicks", "1,2000-01-01T00:00:00.000Z,5,0", { item: "5", time: limits.eventTimeMin }],
  ["clicks", "1,9999-12-31T23:59:59.999Z,5,0", { item: "5", time: limits.eventTimeMax }],
  ["clicks", `"1","2014-04-07T10:51:09.277Z","a,""b""",0`, { item: 'a,"b"' }],
  ["clicks", " 1,2014-04-07T10:51:09.277Z,5 ,0", { session: " 1", item: "5 " }],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,0,0", { item: "5", price: 0, quantity: 0 }],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,12.34,1", { item: "5", price: 123_400, quantity: 1 }],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,0.0001,1000000000", { item: "5", price: 1, quantity: 1_000_000_000 }],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,1.23450,1", { item: "5", price: 12_345, quantity: 1 }],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,900000000000,1", { item: "5", price: 9_000_000_000_000_000, quantity: 1 }],
  ["buys", "1,2014-04-07T10:51:09.277Z,5,899999999999.9999,1", { item: "5", price: 8_999_999_999_999_999, quantity: 1 }],
];

for (const [file, line, row] of good) {
  Deno.test(`csv reader takes ${JSON.stringify(line.slice(0, 60))} in ${file}`, () => {
    using folder = new TestFolder();
    const usual = file === "clicks" ? CLICK : BUY;
    const { rows, rejects } = readAll(folder.file(`${usual}\n${line}\r\n${usual}`));
    assert.deepEqual(rejects, []);
    const one = file === "clicks"
      ? { time: TIME, session: "1", item: "214536502", category: "0", price: null, quantity: null }
      : { time: TIME, session: "1", item: "214536502", category: null, price: 16_250_000, quantity: 3 };
    assert.deepEqual(rows, [one, { ...one, ...row }, one]);
  });
}

Deno.test("csv reader refuses bytes that are not UTF-8 by the field they are in", () => {
  using folder = new TestFolder();
  const line = new TextEncoder().encode(`${CLICK}\nx,2014-04-07T10:51:09.277Z,5,0\n`);
  line[CLICK.length + 1] = 0xff;
  const { rejects } = readAll(folder.file(line));
  assert.deepEqual(rejects.map(({ code, field }) => [code, field]), [["not_utf8", "session_id"]]);
});

Deno.test("csv reader skips a header and says so", () => {
  using folder = new TestFolder();
  for (
    const header of [
      "session_id,timestamp,item_id,category",
      "\ufeffSession ID,Time,Item,Category",
      '"session","time","item","category"',
      "a,b",
    ]
  ) {
    const { rows, rejects } = readAll(folder.file(`${header}\n${CLICK}\n`));
    assert.equal(rows.length, 1);
    assert.deepEqual(rejects.map(({ line, code }) => [line, code]), [[1, "header_line"]]);
  }
});

Deno.test("csv reader takes names for a header in the first line alone, and not beside numbers", () => {
  using folder = new TestFolder();
  const { rejects } = readAll(folder.file(`1,timestamp,2,3\n${CLICK}\nsession_id,timestamp,item_id,category\n`));
  assert.deepEqual(rejects.map(({ line, code }) => [line, code]), [[1, "invalid_value"], [3, "invalid_value"]]);
});

Deno.test("csv reader takes the layout from the first good line", () => {
  using folder = new TestFolder();
  const { rows, rejects } = readAll(folder.file(`1,x,2,3\n1,2\n${BUY}\n${CLICK}\n`));
  assert.equal(rows.length, 1);
  assert.deepEqual(rejects.map(({ line, code }) => [line, code]), [[1, "invalid_value"], [2, "wrong_columns"], [4, "wrong_columns"]]);
  assert.match(rejects[2].message, /has 4 columns, expected 5 columns/);
});

Deno.test("csv reader reads other layouts by the indexes given", () => {
  using folder = new TestFolder();
  const indexes = { session: 3, timestamp: 0, item: 1, price: 4, quantity: 2, category: 6 };
  const { rows, rejects } = readAll(folder.file("2014-04-07T10:51:09.277Z,i,3,s,16.25,?,c\n1,2,3\n"), { indexes });
  assert.deepEqual(rows, [{ time: TIME, session: "s", item: "i", category: "c", price: 162_500, quantity: 3 }]);
  assert.deepEqual(rejects.map(({ code }) => code), ["wrong_columns"]);
});

Deno.test("csv reader takes a last line that was cut for what it says", () => {
  using folder = new TestFolder();
  assert.equal(readAll(folder.file(`${CLICK}\n1,2014-04-07T10:51:09.277Z,2145`)).rows.length, 1);
  assert.deepEqual(readAll(folder.file(`${CLICK}\n1,2014-04-07T10:51:09.277Z,2145,`)).rows[1].category, null);
});

/** The same by csv-parse and the checks of JSON events, from text. */
function naive(line: string): Row | null {
  let fields: string[];
  try {
    fields = parse(line, { relax_column_count: true, record_delimiter: "\n" })[0];
  } catch {
    return null;
  }
  const [session, timestamp, item, fourth, fifth] = fields, time = parseTimestamp(timestamp ?? "");
  const isId = (text: string) =>
    text !== "" && new TextEncoder().encode(text).length <= 128 && ![...text].some((char) => char < " " || char === "\x7f");
  if (fields.length !== (fields.length === 5 ? 5 : 4) || time === null || time < limits.eventTimeMin || time > limits.eventTimeMax) {
    return null;
  }
  if (!isId(session) || !isId(item)) return null;
  if (fields.length === 4) {
    if (fourth !== "" && (!isId(fourth) || new TextEncoder().encode(fourth).length > 64)) return null;
    return { time, session, item, category: fourth || null, price: null, quantity: null };
  }
  const price = parsePrice(fourth), quantity = /^-?\d{1,15}$/.test(fifth) ? Number(fifth) + 0 : NaN;
  if (typeof price !== "number" || !(quantity >= 0 && quantity <= limits.quantityMax)) return null;
  return { time, session, item, category: null, price, quantity };
}

Deno.test("csv reader reads the same times as one by one when they jump over months, days and what does not exist", () => {
  using folder = new TestFolder();
  const random = new Random();
  const two = (least: number, most: number) => String(least + random.below(most - least + 1)).padStart(2, "0");
  const times = Array.from({ length: 5000 }, () => {
    const date = `${random.pick(["2000", "2013", "2014", "2016", "2100", "9999", "1999"])}-${two(0, 13)}-${two(0, 32)}`;
    const text = `${date}${random.pick(["T", "T", "T", "t", " "])}${two(0, 24)}:${two(0, 60)}:${two(0, 60)}.${two(0, 99)}0${
      random.pick(["Z", "Z", "Z", "z"])
    }`;
    if (random.below(5) > 0) return text;
    const at = random.below(text.length);
    return text.slice(0, at) + String.fromCharCode(33 + random.below(90)).replace(/[",]/, ".") + text.slice(at + 1);
  });
  const lines = [CLICK, ...times.flatMap((time) => Array.from({ length: 1 + random.below(2) }, () => `1,${time},2,3`))];
  const expected = lines.map(naive);
  const { rows, rejects } = readAll(folder.file(lines.join("\n")));
  assert.deepEqual(rows, expected.filter((row) => row !== null));
  assert.deepEqual(rejects.map(({ line }) => line), expected.flatMap((row, at) => row === null ? [at + 1] : []));
});

Deno.test("csv reader reads ids the same by its fast way as by its plain one, whichever bytes they hold", () => {
  using folder = new TestFolder();
  const random = new Random();
  const odd = [" ", "!", "#", "+", "-", "~", "\x7f", "\x01", "ä", "z", "0", ".", ";"];
  const id = () => {
    const letters = Array.from({ length: 1 + random.below(random.pick([4, 9, 40, 130])) }, () => random.pick(["a", "b", "-", "7"]));
    for (let marks = random.below(3); marks > 0; marks--) letters[random.below(letters.length)] = random.pick(odd);
    return letters.join("");
  };
  const lines = Array.from(
    { length: 3000 },
    () => `${id()},2014-04-07T10:51:09.277Z,${id()},${random.pick(["S", "~", "", "4", "ab-c", id()])}`,
  );
  const indexes = { session: 0, timestamp: 1, item: 2, category: 3 };
  const fast = readAll(folder.file(["1,2014-04-07T10:51:09.277Z,2,3", ...lines].join("\n")));
  // One more column, and the layout is not one that the fast way knows.
  const plain = readAll(folder.file(["1,2014-04-07T10:51:09.277Z,2,3,x", ...lines.map((line) => `${line},x`)].join("\n")), { indexes });
  const told = ({ rows, rejects }: ReturnType<typeof readAll>) => ({
    rows,
    rejects: rejects.map(({ line, code, field }) => [line, code, field]),
  });
  assert.deepEqual(told(fast), told(plain));
  assert.ok(fast.rows.length > 1000 && fast.rejects.length > 100);
});

Deno.test("csv reader agrees with csv-parse on random files", () => {
  using folder = new TestFolder();
  const random = new Random();
  const digits = (most: number) => Array.from({ length: random.below(most) + 1 }, () => random.below(10)).join("");
  const id = () =>
    random.pick([digits(11), digits(5), digits(9), "2147483647", "2147483648", "a-b", "ä", "", "x y", '"q"', "\t", digits(130)]);
  const time = () =>
    random.pick(["2014-04-07T10:51:09.277Z", `2014-04-07T10:5${digits(1)}:${digits(2)}.${digits(3)}Z`, "", "1396867869277", digits(14)]);
  const category = () => random.pick([digits(1), digits(2), "S", digits(12), "", "brand name", "B".repeat(17), "c".repeat(65), "\x02"]);
  const price = () => random.pick([digits(9), digits(12), `${digits(3)}.${digits(5)}`, "", "-1", "-0", "1.", ".5", "x"]);
  const quantity = () => random.pick([digits(1), digits(12), "", "-1", "1.0", "-0"]);
  for (let round = 0; round < 200; round++) {
    const buys = random.below(2) === 1;
    const odd = () => random.below(4) === 0;
    const lines = [buys ? BUY : CLICK];
    for (let line = 0; line < 50; line++) {
      const ids = odd() ? [id(), time(), id()] : [digits(9), `2014-04-07T10:51:${digits(2)}.${digits(3)}Z`, digits(10)];
      const rest = buys ? odd() ? [price(), quantity()] : [digits(5), digits(2)] : [category()];
      lines.push([...ids, ...rest].join(","));
    }
    const expected = lines.map(naive);
    const step = 1 + random.below(60);
    const { rows, rejects } = readAll(folder.file(lines.join(random.pick(["\n", "\r\n"])), "random.csv"), { step });
    assert.deepEqual(rows, expected.filter((row) => row !== null));
    assert.deepEqual(rejects.map(({ line }) => line), expected.flatMap((row, at) => row === null ? [at + 1] : []));
  }
});

for (const name of ["clicks-head-1000.dat", "clicks-2014-09-raw.dat"]) {
  Deno.test(`csv reader agrees with a plain split on the real file ${name}`, () => {
    const path = realFile(name);
    if (path === null) return;
    const expected = Deno.readTextFileSync(path).trim().split("\n").map((line): Row => {
      const [session, timestamp, item, category] = line.split(",");
      return { time: Date.parse(timestamp), session, item, category, price: null, quantity: null };
    });
    assert.deepEqual(readAll(path), { rows: expected, rejects: [] });
  });
}
