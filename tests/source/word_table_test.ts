import assert from "node:assert/strict";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { FIRST_WORD } from "../../src/event/code.ts";
import { WordTable } from "../../src/source/word_table.ts";
import { Random } from "./files.ts";

const SLACK = 8;

/** Texts at random, many of which differ in one byte or in length alone. */
function textAtRandom(random: Random, different: number): string {
  const length = random.pick([1, 2, 3, 4, 5, 7, 8, 9, 36, 127, 128]), stem = "s".repeat(length), at = random.below(length);
  const marked = stem.slice(0, at) + String.fromCharCode(58 + random.below(60)) + stem.slice(at + 1);
  return length < 8 ? marked : `${random.below(different).toString(36).padStart(8, "_")}${marked.slice(8)}`;
}

for (const [what, different] of [["few texts that come again and again", 50], ["more texts than it knows at a time", 1_000_000]] as const) {
  Deno.test(`word table gives the codes of its columns for ${what}`, () => {
    const random = new Random(), bytes = new Uint8Array(256 + SLACK), table = new WordTable(bytes);
    let into = new ColumnBuilder(1);
    for (let i = 0; i < 400_000; i++) {
      if (i % 150_000 === 149_999) into = new ColumnBuilder(1);
      const text = textAtRandom(random, different), from = random.below(100);
      // What lies behind a text is another one each time.
      bytes.fill(33 + random.below(90), from + text.length, from + text.length + SLACK);
      for (let at = 0; at < text.length; at++) bytes[from + at] = text.charCodeAt(at);
      const code = table.code(into, from, from + text.length);
      if (into.words[code - FIRST_WORD] !== text || into.wordCode(text) !== code) assert.fail(`"${text}" got the code ${code}`);
    }
  });
}

Deno.test("word table gives texts that were put off the codes that it gives at once", () => {
  const random = new Random(), bytes = new Uint8Array(16_384 + SLACK), table = new WordTable(bytes);
  let into = new ColumnBuilder(1), end = 0, texts: string[] = [];
  const column = new Uint32Array(1000);
  for (let i = 0; i < 200_000; i++) {
    const text = textAtRandom(random, 100_000);
    if (end + text.length > bytes.length - SLACK || texts.length === column.length || random.below(200) === 0) {
      table.settle(into);
      texts.forEach((put, row) => assert.equal(into.words[column[row] - FIRST_WORD], put));
      if (random.below(300) === 0) into = new ColumnBuilder(1);
      end = 0;
      texts = [];
    }
    for (let at = 0; at < text.length; at++) bytes[end + at] = text.charCodeAt(at);
    table.put(into, column, texts.length, end, end + text.length);
    end += text.length;
    texts.push(text);
  }
});
