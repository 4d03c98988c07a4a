import assert from "node:assert/strict";
import { ColumnBuilder, columnText } from "../../src/event/batch.ts";
import { ABSENT, FIRST_WORD } from "../../src/event/code.ts";
import { IdTexts } from "../../src/event/id_texts.ts";
import { EventIds, hashEventId, hashEventIdAt } from "../../src/log/event_ids.ts";
import { IdentityIndex } from "../../src/log/identity.ts";
import { decodeNotes, encodeNotes, KeysSeen } from "../../src/log/keys_seen.ts";
import { murmur2, Partitioner, partitionOfText } from "../../src/log/partition.ts";
import { random } from "../engine/oracle.ts";

const hash = (session: string, id: string) => {
  const into = { high: 0, low: 0 };
  hashEventId(42, session, id, into);
  return into;
};

Deno.test("EventIds tells new ids from known ones as a set of texts does", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  const next = random(seed);
  const ids = new EventIds(100), set = new Set<string>();
  for (let i = 0; i < 200_000; i++) {
    const session = String(Math.floor(next() * 50)), id = `e${Math.floor(next() * 4000)}`;
    const text = `${session} ${id}`;
    assert.equal(ids.add(hash(session, id), 100), !set.has(text), `seed ${seed}, step ${i}: ${text}`);
    set.add(text);
    if (next() < 0.1) {
      const gone = `e${Math.floor(next() * 4000)}`;
      ids.remove(hash(session, gone));
      set.delete(`${session} ${gone}`);
    }
  }
  assert.equal(ids.count, set.size);
});

Deno.test("EventIds forgets an id when its hours have passed, and not before", () => {
  const ids = new EventIds(1000, 1000, 1000, 24);
  assert.ok(ids.add(hash("s", "a"), 1000));
  assert.ok(!ids.add(hash("s", "a"), 1024), "24 hours later it is known");
  assert.ok(ids.add(hash("s", "b"), 1025), "the clock moves on");
  assert.ok(ids.add(hash("s", "a"), 1025), "25 hours later it is forgotten");
  assert.equal(ids.spanHours, 25);
});

Deno.test("EventIds gives up its oldest hours when it holds too many, and says so", () => {
  const ids = new EventIds(0, 0, 1000, 24);
  for (let hour = 0; hour < 5; hour++) for (let i = 0; i < 300; i++) ids.add(hash("s", `${hour}-${i}`), hour);
  assert.ok(ids.count <= 1000);
  assert.equal(ids.oldestHour, 1);
  assert.ok(!ids.add(hash("s", "4-7"), 4), "young ids stay");
  assert.ok(ids.add(hash("s", "0-7"), 4), "the oldest hour is gone");
});

Deno.test("EventIds gives up no more than a few at a time when all that it holds came in one hour and the next one begins", () => {
  const ids = new EventIds(0, 0, 1000, 24);
  for (let i = 0; i < 1000; i++) ids.add(hash("s", `0-${i}`), 0);
  for (let i = 0; i < 400; i++) {
    ids.add(hash("s", `1-${i}`), 1);
    assert.ok(ids.count >= 875, `${ids.count} are left once ${i + 1} of the next hour came`);
  }
  assert.ok(!ids.add(hash("s", "0-999"), 1), "what came last before the hour is remembered");
  assert.equal(ids.oldestHour, 0);
});

Deno.test("hashEventId spreads alike ids over 64 bits without a meeting", () => {
  const seen = new Set<string>();
  for (let s = 0; s < 300; s++) {
    for (let i = 0; i < 1000; i++) {
      const { high, low } = hash(String(s), String(i));
      seen.add(`${high}/${low}`);
    }
  }
  assert.equal(seen.size, 300_000);
  assert.notDeepEqual(hash("ab", "c"), hash("a", "bc"));
});

Deno.test("murmur2 equals Kafka's Java client on its own test values", () => {
  const cases: [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [text, want] of cases) {
    const bytes = new TextEncoder().encode(text);
    assert.equal(murmur2(bytes, bytes.length), want, text);
  }
  const partitioner = new Partitioner(7);
  for (let i = 0; i < 100_000; i++) {
    const code = (i * 7919) % 50_000;
    assert.equal(partitioner.of([], code), partitionOfText(String(code), 7));
  }
});

Deno.test("KeysSeen forgets keys by age and number, and packs notes without loss", () => {
  const note = (key: string, time: number, done = true) => ({ key: key.padStart(32, "0"), body: "0123456789abcdef", done, time });
  const notes = [note("a1", 5), note("b2", 6, false), note("c3", 1_700_000_000_000.5)];
  assert.deepEqual(decodeNotes(encodeNotes(notes)), notes);
  const keys = new KeysSeen(2, 100);
  notes.slice(0, 2).forEach((entry, i) => keys.add(entry, i));
  keys.add(note("c3", 50), 2);
  assert.deepEqual(keys.sweep(60), { forgotten: [notes[0].key], oldestNote: 1 });
  assert.deepEqual(keys.sweep(107), { forgotten: [notes[1].key], oldestNote: 2 });
  assert.equal(keys.count, 1);
});

Deno.test("Partitioner splits rows as it tells the partition of each, of integers and of texts, over lists that grow", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed);
  const partitioner = new Partitioner(5), words: string[] = [];
  for (let round = 0; round < 20; round++) {
    while (words.length < 40 * (round + 1)) {
      words.push(`visitor ${"é".repeat(Math.floor(next() * 2))}${"x".repeat(Math.floor(next() * 80))}${words.length}`);
    }
    const session = Uint32Array.from(
      { length: 3000 },
      () => next() < 0.3 ? FIRST_WORD + Math.floor(next() * words.length) : Math.floor(next() * (next() < 0.5 ? 2 ** 31 : 5000)),
    );
    const { rows, starts } = partitioner.split(words, session, 100, 2900);
    const expected: number[][] = [[], [], [], [], []];
    for (let row = 100; row < 2900; row++) {
      const text = session[row] < FIRST_WORD ? String(session[row]) : words[session[row] - FIRST_WORD];
      expected[partitionOfText(text, 5)].push(row);
    }
    assert.deepEqual(expected.map((_, p) => [...rows.slice(starts[p], starts[p + 1])]), expected, `seed ${seed}`);
  }
});

Deno.test("IdentityIndex admits rows of a source together as it does one by one, and takes them back", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed);
  const together = new IdentityIndex(2, 1, new EventIds(100)), single = new IdentityIndex(2, 1, new EventIds(100));
  for (let round = 0; round < 300; round++) {
    const partition = round % 2, first = Math.floor(next() * 50) + 2 * round;
    const rows = Uint32Array.from({ length: 30 }, (_, row) => row).filter(() => next() < 0.6), from = Math.min(2, rows.length);
    together.begin();
    single.begin();
    const known = together.admitRows("feed", partition, first, rows, from, rows.length);
    const admitted = [...rows.slice(from)].filter((row) => single.admitRow("feed", partition, first + row));
    assert.deepEqual([...rows.slice(from + known)], admitted, `seed ${seed}, round ${round}`);
    for (const index of [together, single]) {
      if (round % 7 === 0) index.rollback();
      else index.keep();
    }
    assert.deepEqual(together.rowsOf("feed"), single.rowsOf("feed"), `seed ${seed}, round ${round}`);
    assert.deepEqual(together.takeChanges().sources, single.takeChanges().sources);
  }
});

Deno.test("hashEventId of an integer equals that of the text that spells it", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed);
  const integers = [0, 1, 9, 10, 99, 100, 2 ** 31 - 1, ...Array.from({ length: 5000 }, () => Math.floor(2 ** (31 * next())))];
  for (const integer of integers) {
    const id = `e-${Math.floor(next() * 1e9)}${"é".repeat(integer % 3)}`, of = { high: 0, low: 0 }, text = { high: 0, low: 0 };
    hashEventId(seed, integer, id, of);
    hashEventId(seed, String(integer), id, text);
    assert.deepEqual(of, text, `seed ${seed}: ${integer} and "${id}"`);
  }
});

Deno.test("hashEventIdAt equals hashEventId of the text that the bytes are", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed), texts = new IdTexts(1);
  for (let i = 0; i < 5000; i++) {
    const id = i % 3 === 0 ? crypto.randomUUID() : `${next() < 0.3 ? "é😀" : "e"}-${"x".repeat(i % 30)}${i}`,
      who = next() < 0.5 ? i : `s${i}é`;
    const of = { high: 0, low: 0 }, text = { high: 0, low: 0 };
    hashEventIdAt(seed, who, texts, texts.addText(id), of);
    hashEventId(seed, who, id, text);
    assert.deepEqual(of, text, `seed ${seed}: ${who} and "${id}"`);
  }
});

Deno.test("hashEventId gives the values that stored pages hold", () => {
  const into = { high: 0, low: 0 };
  const values = [["", ""], ["7", "e-1"], ["sess-é", "0f8fad5b-d9cb-469f-a165-70867728950e"]].map(([session, id]) => {
    hashEventId(0xdeadbeef, session, id, into);
    return [into.high, into.low];
  });
  assert.deepEqual(values, [[430114079, 224233384], [495651313, 1227355672], [1939319687, 990094075]]);
});

Deno.test("IdentityIndex admits event ids together as it does one by one, and takes them back", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed);
  const together = new IdentityIndex(2, 1, new EventIds(0)), single = new IdentityIndex(2, 1, new EventIds(0));
  for (let round = 0; round < 60; round++) {
    const columns = new ColumnBuilder(), arrival = round * 600_000;
    for (let row = 0; row < 400; row++) {
      const who = Math.floor(next() * 5), what = Math.floor(next() * 4000);
      columns.push(0, row, next() < 0.5 ? who : columns.code(`s${who}`), 1, 1);
      const id = next() < 0.1
        ? ABSENT
        : next() < 0.2
        ? what
        : next() < 0.3
        ? columns.code(`id ${what}`)
        : columns.eventIdCode(`id ${what}`);
      columns.withIdentity().eventId[row] = id;
    }
    const rows = Uint32Array.from({ length: 400 }, (_, row) => row).filter(() => next() < 0.8), from = Math.floor(next() * 5);
    together.begin();
    single.begin();
    const admitted = [...rows.slice(from)].filter((row) => {
      const id = columnText(columns, columns.identity!.eventId, row);
      return id === null || single.admitId(columnText(columns, columns.session, row)!, id, arrival);
    });
    const last = together.admitIds(columns, rows, from, rows.length, arrival);
    assert.deepEqual([...rows.slice(from, last)], admitted, `seed ${seed}, round ${round}`);
    for (const index of [together, single]) {
      if (round % 7 === 0) index.rollback();
      else index.keep();
    }
    assert.equal(together.ids.count, single.ids.count, `seed ${seed}, round ${round}`);
    const [these, those] = [together, single].map((index) => index.takeChanges().ids);
    assert.equal(these.count, those.count);
    for (const name of ["high", "low", "hour"] as const) {
      assert.deepEqual(these[name].subarray(0, these.count), those[name].subarray(0, those.count), `seed ${seed}, round ${round}`);
    }
  }
});
