// Large hostile bodies and the event loop: they are unpacked and read in slices, so that others go on meanwhile, and what may be refused in
// one is limited. Nothing here looks at a clock: what is held is how much is done in one go, and who is answered first.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { elementEnd, LongScan, objectEnd } from "../../src/event/json_text.ts";
import { parseBody, Parsing } from "../../src/event/parse.ts";
import type { Reject } from "../../src/event/reject.ts";
import type { GuardianError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { keyHashes, keyHashesInTurns } from "../../src/log/keys_seen.ts";
import { KeptPieces } from "../../src/web/kept_pieces.ts";
import { seededRandom } from "../event/random.ts";
import { assertProblem, clicks, ndjson, withLab } from "../web/lab.ts";

const GOOD = '{"session_id":11,"timestamp":"2014-04-07T10:51:09.277Z","item_id":214536502}';
const MIB = 2 ** 20;
const items = Array(1000).fill("1").join(",");
const long: [name: string, body: string][] = [
  ["bad lines", "x\n".repeat(30_000)],
  ["lines of broken objects", "{1}\n".repeat(30_000)],
  ["lines of numbers", "1\n".repeat(30_000)],
  ["nothing between commas", `[${",".repeat(30_000)}]`],
  ["blank lines", `${GOOD}${"\n".repeat(4 * MIB)}`],
  ["blank lines first", `${"\r\n".repeat(2 * MIB)}${GOOD}`],
  ["blanks", `${" ".repeat(4 * MIB)}${GOOD}\n${" ".repeat(4 * MIB)}${GOOD}${" ".repeat(4 * MIB)}`],
  ["blanks in an array", `[${" ".repeat(4 * MIB)}${GOOD}${" ".repeat(4 * MIB)},${" ".repeat(4 * MIB)}${GOOD}${" ".repeat(4 * MIB)}]`],
  ["an open brace and blank lines", "{" + "\n".repeat(4 * MIB)],
  ["an open brace and short lines", "{" + "\na".repeat(500_000)],
  ["open braces", "{".repeat(4 * MIB)],
  ["open brackets", "[".repeat(4 * MIB)],
  ["a long string", `{"session_id":"${"\\\\".repeat(2 * MIB)}"}`],
  ["a long string that never ends", `{"session_id":"${"a".repeat(4 * MIB)}`],
  ["a long element", `[${GOOD},{"a":"${"],".repeat(2 * MIB)}"},${GOOD}]`],
  ["one long object", `{"a":[${"1,".repeat(2 * MIB)}1]}`],
  ["bad order items", `{"sessionId":1,"timestamp":1396867869277,"orderItems":[${items}]}\n`.repeat(30)],
  ["good lines", `${GOOD}\n`.repeat(60_000)],
  ["good elements", `[${Array(60_000).fill(GOOD)}]`],
];

interface Told {
  line: number;
  code: string;
}

function options(tell: (reject: Told) => void) {
  const columns = new ColumnBuilder();
  return [columns, ({ line, code }: Reject) => tell({ line, code }), { now: Date.now(), futureMs: null }] as const;
}

Deno.test("Parsing does a bounded part of a body in one go, and finds what parseBody finds", () => {
  for (const [name, body] of long) {
    const bytes = new TextEncoder().encode(body), whole: Told[] = [], told: Told[] = [];
    let expected: unknown, found: unknown = null, goes = 0, most = 0;
    const [columns, ...rest] = options((reject) => told.push(reject)),
      [wholeColumns, ...wholeRest] = options((reject) => whole.push(reject));
    try {
      expected = parseBody(bytes, wholeColumns, ...wholeRest);
    } catch (error) {
      expected = (error as GuardianError).message;
    }
    const parsing = new Parsing(bytes, columns, ...rest);
    for (; found === null; goes++) {
      const before = told.length;
      try {
        found = parsing.goOn();
      } catch (error) {
        found = (error as GuardianError).message;
      }
      most = Math.max(most, told.length - before);
    }
    assert.deepEqual(found, expected, name);
    assert.deepEqual(told, whole, name);
    assert.equal(columns.count, wholeColumns.count, name);
    assert.ok(goes >= 4, `${name}: all in ${goes} goes`);
    assert.ok(most <= limits.orderItemsMax + 200, `${name}: ${most} refused in one go`);
  }
});

Deno.test("Parsing of several bodies in turns mixes nothing up", () => {
  const bodies = Array.from({ length: 5 }, (_, i) => {
    const line = (j: number) => `{"session_id":"s${i}-${j % 97}","timestamp":"2014-04-07T10:51:09.277Z","item_id":"i${i}"}`;
    return new TextEncoder().encode(Array.from({ length: 20_000 }, (_, j) => j % 1000 === i ? "x" : line(j)).join("\n"));
  });
  const apart = bodies.map((bytes) => {
    const [columns, ...rest] = options(() => {});
    parseBody(bytes, columns, ...rest);
    return columns;
  });
  const under = bodies.map((bytes) => {
    const [columns, ...rest] = options(() => {});
    return { columns, parsing: new Parsing(bytes, columns, ...rest) };
  });
  const running = new Set(under);
  while (running.size > 0) for (const each of running) if (each.parsing.goOn() !== null) running.delete(each);
  const textsOf = ({ words, session, item, count }: ColumnBuilder) =>
    Array.from({ length: count }, (_, row) => [session[row], item[row]].map((code) => words[code - 0x8000_0000]));
  under.forEach(({ columns }, i) => assert.deepEqual(textsOf(columns), textsOf(apart[i])));
});

Deno.test("LongScan finds what objectEnd and elementEnd find, in goes of any length", () => {
  const random = seededRandom("long scan"), alphabet = '{}[]",\\:a ';
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: 1 + random() * 40 }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
    const bytes = new TextEncoder().encode("{" + text);
    for (const  of of["object", "element"] as const) {
      const scan = new LongScan(of, bytes, 0, bytes.length);
      while (scan.end === null) scan.go(1 + Math.floor(random() * 5));
      assert.equal(scan.end, of === "object" ? objectEnd(bytes, 0, bytes.length) : elementEnd(bytes, 0, bytes.length), `${of}: {${text}`);
    }
  }
});

/** Names in the order in which they are answered. */
async function orderOf(asked: Record<string, () => Promise<Response>>): Promise<string[]> {
  const order: string[] = [];
  await Promise.all(
    Object.entries(asked).map(async ([name, ask]) => {
      await (await ask()).body?.cancel();
      order.push(name);
    }),
  );
  return order;
}

Deno.test("a small body is answered while a large one of bad lines is read", async () => {
  await withLab(async ({ post }) => {
    // It is refused whole, so that what it waits for is its reading alone.
    const large = new TextEncoder().encode(`[${",".repeat(limits.rejectsPerBodyMax + 1)}]`);
    assert.deepEqual(await orderOf({ large: () => post(large), small: () => post(clicks("s", 3)) }), ["small", "large"]);
  });
});

Deno.test("a request is answered while a large body is unpacked", async () => {
  await withLab(async ({ post, fetch }) => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(limits.bodyDecodedBytesMax + 1)));
    const order = await orderOf({ bomb: () => post(bomb, { "Content-Encoding": "gzip" }), small: () => fetch("/stats") });
    assert.deepEqual(order, ["small", "bomb"]);
  });
});

Deno.test("a body of more refused lines than rejectsPerBodyMax is refused whole", async () => {
  await withLab(async ({ post, guardian }) => {
    for (const by of [-1, 0]) {
      const answer = await (await post(`[${GOOD},${",".repeat(limits.rejectsPerBodyMax + by - 1)}]`)).json();
      assert.deepEqual([answer.accepted, answer.rejected, answer.errors.length], [
        1,
        limits.rejectsPerBodyMax + by,
        limits.errorsInAnswerMax,
      ]);
      assert.equal(answer.rejected_not_kept, limits.rejectsPerBodyMax + by - limits.deadLettersPerSourceMax);
    }
    const refused = guardian.deadLetters.refused;
    const problem = await assertProblem(await post(`[${GOOD},${",".repeat(limits.rejectsPerBodyMax)}]`), 400, "bad_request");
    assert.match(String(problem.detail), /more than 1000000 lines/);
    assert.deepEqual([guardian.intake.accepted, guardian.deadLetters.refused], [2, refused]);
  });
});

Deno.test("a body that orders something is refused when it is one byte beyond orderBodyBytesMax", async () => {
  await withLab(async ({ fetch }) => {
    for (const [by, status] of [[-1, 200], [0, 200], [1, 413]]) {
      const body = '{"numbers":[]}'.padEnd(limits.orderBodyBytesMax + by);
      for (
        const [sent, headers] of [[body, {}], [new Uint8Array(gzipSync(body)), { "Content-Encoding": "gzip" }]] as [BodyInit, HeadersInit][]
      ) {
        const response = await fetch("/dead_letters/replay", { method: "POST", body: sent, headers });
        await response.body?.cancel();
        assert.equal(response.status, status, `by ${by}`);
      }
    }
  });
});

Deno.test("KeptPieces keeps a body of single bytes in few buffers, and in order with large pieces between", () => {
  const random = seededRandom("kept pieces");
  for (let round = 0; round < 20; round++) {
    const kept = new KeptPieces(), all: number[] = [];
    for (let i = 0; i < 3000; i++) {
      const piece = Uint8Array.from({ length: random() < 0.01 ? 1500 : random() * 3 }, () => random() * 256);
      kept.add(piece.slice());
      for (const byte of piece) all.push(byte);
    }
    assert.equal(kept.bytes, all.length);
    assert.ok(kept.count < 300, `${kept.count} buffers`);
    assert.deepEqual(kept.joined(), Uint8Array.from(all));
  }
  const single = new KeptPieces();
  for (let i = 0; i < 200_000; i++) single.add(new Uint8Array([i]));
  assert.ok(single.count < 100, `${single.count} buffers for so many pieces`);
  assert.deepEqual(single.joined(), Uint8Array.from({ length: 200_000 }, (_, i) => i));
});

Deno.test("a break within the blanks of a line is told on that line", () => {
  const [columns, , rest] = options(() => {}), lines: number[] = [];
  parseBody(new TextEncoder().encode(`${GOOD}\n${GOOD}\n  `), columns, ({ line }) => lines.push(line), { ...rest, truncated: true });
  assert.deepEqual(lines, [3]);
});

Deno.test("keyHashesInTurns gives way between the parts of a long body, and is what keyHashes is", async () => {
  for (const length of [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB]) {
    let turns = 0;
    const body = Uint8Array.from({ length }, (_, i) => i * 7);
    assert.deepEqual(await keyHashesInTurns("k", body, () => Promise.resolve(void turns++)), keyHashes("k", body));
    assert.equal(turns, Math.max(0, Math.ceil(length / MIB) - 1));
  }
});

Deno.test("refused lines of a source that are too many, too wide or too deep are refused before a schema looks at them", async () => {
  await withLab(async ({ fetch }) => {
    const names = Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join();
    const table: [string, RegExp][] = [
      [`{"name":"f","rejects":[${Array(100_000).fill(1)}]}`, /it has 100000 refused lines, more than 1000;/],
      [`{"name":"f","rejects":[],${names}}`, /it holds 100002 names and goes 2 deep/],
      [`{"name":"f","rejects":${"[".repeat(9)}${"]".repeat(9)}}`, /it holds 2 names and goes 10 deep/],
    ];
    for (const [body, why] of table) {
      const problem = await assertProblem(
        await fetch(`/sources/${"a".repeat(64)}/dead_letters`, { method: "POST", body }),
        400,
        "bad_request",
      );
      assert.match(String(problem.detail), why);
    }
  });
});

Deno.test("a forged count of refused lines does not spoil the count of all", async () => {
  await withLab(async ({ fetch, guardian, post }) => {
    const path = `/sources/${"a".repeat(64)}/dead_letters`,
      body = JSON.stringify({ name: "f", rejects: [], beyond: Number.MAX_SAFE_INTEGER });
    await assertProblem(await fetch(path, { method: "POST", body }), 400, "bad_request");
    assert.equal(guardian.deadLetters.refused, 0);
    await guardian.deadLetters.add("f", null, 0, [], Number.MAX_SAFE_INTEGER);
    await (await post(ndjson([{}]))).body?.cancel();
    assert.equal(guardian.deadLetters.refused, Number.MAX_SAFE_INTEGER);
  });
});
