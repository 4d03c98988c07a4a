import assert from "node:assert/strict";
import { type LineOptions, LineReader } from "../../src/source/lines.ts";
import { limits } from "../../src/limits.ts";
import { Random, TestFolder } from "./files.ts";

interface Line {
  readonly line: number;
  readonly text: string;
  readonly bytes: number;
  readonly tooLong: boolean;
}

function linesOf(path: string, options?: LineOptions): Line[] {
  using reader = new LineReader(path, options);
  const lines: Line[] = [];
  while (reader.next()) {
    lines.push({ line: reader.line, text: new TextDecoder().decode(reader.copyLine()), bytes: reader.lineBytes, tooLong: reader.tooLong });
  }
  return lines;
}

const small = { lineBytesMax: 20, keptBytesMax: 5, bufferBytes: 24 };

Deno.test("line reader gives lines without their ends and counts empty ones", () => {
  using folder = new TestFolder();
  const lines = linesOf(folder.file("\ufeffone\r\n\n\r\ntwo\nthree"));
  assert.deepEqual(lines.map(({ line, text }) => [line, text]), [[1, "one"], [4, "two"], [5, "three"]]);
});

Deno.test("line reader gives nothing when a file is empty, or holds line ends or a mark alone", () => {
  using folder = new TestFolder();
  for (const content of ["", "\n", "\r\n\r\n", "\ufeff", "\ufeff\n"]) assert.deepEqual(linesOf(folder.file(content)), []);
});

Deno.test("line reader tells a line that is too long by its length at the limit -1, 0, +1", () => {
  using folder = new TestFolder();
  for (const end of ["\n", "\r\n", ""]) {
    for (const length of [limits.lineBytesMax - 1, limits.lineBytesMax, limits.lineBytesMax + 1]) {
      const [line, ...others] = linesOf(folder.file("x".repeat(length) + end));
      assert.deepEqual([line.bytes, line.tooLong, others.length], [length, length > limits.lineBytesMax, 0]);
      assert.equal(line.text.length, limits.deadLetterRawBytesMax);
    }
  }
});

Deno.test("line reader skips a line of 10 MB and goes on with the next", () => {
  using folder = new TestFolder();
  const lines = linesOf(folder.file("first\n" + "y".repeat(10_000_000) + "\r\nlast"));
  assert.deepEqual(lines.map(({ line, bytes, tooLong }) => [line, bytes, tooLong]), [[1, 5, false], [2, 10_000_000, true], [3, 4, false]]);
  assert.equal(lines[1].text, "y".repeat(limits.deadLetterRawBytesMax));
});

Deno.test("line reader agrees with a plain split when lines of all lengths meet a small buffer", () => {
  using folder = new TestFolder();
  const random = new Random();
  for (let round = 0; round < 300; round++) {
    const ends = Array.from({ length: random.below(12) }, () => random.pick(["\n", "\r\n"]));
    const texts = ends.map((_, at) =>
      String.fromCharCode(97 + at).repeat(random.pick([0, 1, 5, 19, 20, 21, 23, 24, 25, 26, 47, 48, 49, 100]))
    );
    const content = texts.map((text, at) => text + ends[at]).join("") + random.pick(["", "tail", "z".repeat(30)]);
    const expected = content.split("\n").map((text, at) => ({ line: at + 1, text: text.replace(/\r$/, "") }))
      .filter(({ text }) => text !== "")
      .map(({ line, text }) => ({ line, text: text.slice(0, 5), bytes: text.length, tooLong: text.length > 20 }));
    assert.deepEqual(linesOf(folder.file(content, "random.csv"), small), expected);
  }
});

Deno.test("line reader shows every byte once when asked to", () => {
  using folder = new TestFolder();
  const content = "\ufeffa\n" + "b".repeat(100) + "\nc";
  const seen: number[] = [];
  linesOf(folder.file(content), { ...small, onBytes: (bytes) => seen.push(...bytes) });
  assert.equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(seen)), content);
});

Deno.test("line reader says what is wrong when a file cannot be read", () => {
  using folder = new TestFolder();
  assert.throws(() => linesOf(`${folder.path}/none.csv`), { code: "input_unreadable", message: /there is no such file/ });
  assert.throws(() => linesOf(folder.path), { code: "input_unreadable", message: /it is a folder/ });
  assert.throws(() => linesOf("/dev/null"), { code: "input_unreadable", message: /not a plain file/ });
});
