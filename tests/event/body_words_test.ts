// Words told apart by their bytes, body after body into the same columns, against the columns that look them up by themselves.

import assert from "node:assert/strict";
import { ColumnBuilder, columnText } from "../../src/event/batch.ts";
import { BodyWords } from "../../src/event/body_words.ts";
import { FIRST_WORD } from "../../src/event/code.ts";
import { random } from "../engine/oracle.ts";

const textOf = (columns: ColumnBuilder, code: number) => columnText(columns, Uint32Array.of(code), 0);

Deno.test("BodyWords gives one text one code over bodies whose memory is used again, whoever else adds words to the columns", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed), encoder = new TextEncoder();
  const words = new BodyWords(), memory = new Uint8Array(64 * 1024);
  for (let round = 0; round < 60; round++) {
    const into = new ColumnBuilder(), other = new ColumnBuilder(), codes = new Map<string, number>(), spread = 1 + Math.floor(next() * 500);
    const meddled = next() < 0.5;
    for (let body = 0; body < 1 + round % 7; body++) {
      const texts = Array.from({ length: 1 + Math.floor(next() * 300) }, () => {
        const which = Math.floor(next() * spread);
        return which % 11 === 0 ? "abc"[which % 3] : `${"w".repeat(1 + which % 9)}${which}`;
      });
      const { written } = encoder.encodeInto(texts.join(""), memory), bytes = memory.subarray(0, written);
      let from = 0;
      for (const text of texts) {
        const to = from + text.length, id = next() < 0.3;
        if (meddled && next() < 0.1) into.wordCode(`w${Math.floor(next() * spread)}`);
        if (meddled && next() < 0.01) words.code(other, bytes, from, to);
        const code = id ? words.eventIdCode(into, bytes, from, to) : words.code(into, bytes, from, to);
        assert.equal(textOf(into, code), text, `seed ${seed}, round ${round}`);
        from = to;
        if (id) continue;
        assert.equal(codes.get(text) ?? code, code, `seed ${seed}, round ${round}: "${text}" has two codes`);
        codes.set(text, code);
      }
    }
    for (const [text, code] of codes) assert.equal(into.wordCode(text), code, `seed ${seed}, round ${round}: "${text}"`);
  }
});

/** Words of eight characters whose bytes all come to one place of the table, made by taking its hash back step by step. */
function wordsThatMeet(count: number): string[] {
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:", words: string[] = [];
  for (let i = 0; words.length < count; i++) {
    const first = [0, 1, 2, 3].map((place) => letters.charCodeAt(Math.floor(i / letters.length ** place) % letters.length));
    const hash = Math.imul(8 ^ (first[0] << 24 | first[1] << 16 | first[2] << 8 | first[3]), 0x9e3779b1),
      second = hash ^ (hash >>> 15) ^ 0x12345678;
    const last = [24, 16, 8, 0].map((shift) => second >>> shift & 255);
    if (last.every((byte) => letters.includes(String.fromCharCode(byte)))) words.push(String.fromCharCode(...first, ...last));
  }
  return words;
}

Deno.test("BodyWords leaves words to the columns when they were chosen to meet in its table, and gives each one code all the same", () => {
  const chosen = wordsThatMeet(200), bytes = new TextEncoder().encode([...chosen, ...chosen].join(""));
  const words = new BodyWords(), into = new ColumnBuilder();
  let asked = 0;
  const { wordCode } = into;
  into.wordCode = (text) => (asked++, wordCode.call(into, text));
  const codes = [...chosen, ...chosen].map((_, i) => words.code(into, bytes, 8 * i, 8 * i + 8));
  assert.ok(asked > 200, `${asked} of 400 looks went to the columns`);
  assert.deepEqual(codes.map((code) => into.words[code - FIRST_WORD]), [...chosen, ...chosen]);
  assert.equal(new Set(codes).size, 200);
});

Deno.test("ColumnBuilder tells event ids from other words of the same text", () => {
  const columns = new ColumnBuilder();
  const id = columns.eventIdCode("a"), word = columns.wordCode("a"), again = columns.eventIdCode("a");
  assert.equal(columns.wordCode("a"), word);
  assert.deepEqual([id, word, again].map((code) => textOf(columns, code)), ["a", "a", "a"]);
  assert.equal(new Set([id, word, again]).size, 3);
  columns.eventIdCode("é");
  assert.ok(columns.ascii, "which is said of words alone");
  columns.wordCode("é");
  assert.ok(!columns.ascii);
});
