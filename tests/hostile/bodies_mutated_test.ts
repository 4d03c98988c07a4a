// Valid bodies, mutated by chance, through the whole application but its storage: whatever comes, each line gets in or is told with its
// reason, good neighbours get in once, and nothing breaks. One in fifty goes through storage too.
// GUARDIAN_TEST_HOSTILE_BODIES: how many. The seed is printed; TEST_SEED gives it again.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { endpoints } from "../../routes/mod.ts";
import { columnText, type EventColumns } from "../../src/event/batch.ts";
import { type Reject, rejectCodes } from "../../src/event/reject.ts";
import { examples } from "../../src/event/schema.ts";
import { limits } from "../../src/limits.ts";
import { makeApp } from "../../src/web/app.ts";
import type { Service } from "../../src/web/service.ts";
import { seededRandom } from "../event/random.ts";
import { tell } from "../support/proof.ts";
import { withLab } from "../web/lab.ts";
import { joined, linesOf } from "./bodies.ts";
import { verdictOf } from "./bodies_oracle.ts";

const bodies = Number(Deno.env.get("GUARDIAN_TEST_HOSTILE_BODIES") ?? 5000);
/** One in so many goes through storage. */
const STORED = 50;
const DAY_MS = 24 * 3_600_000;
const RSS_GROWTH_MAX = 512 * 2 ** 20;
const encoder = new TextEncoder(), decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const neighbour = (session: string) => encoder.encode(`{"session_id":"${session}","timestamp":"2014-04-07T10:51:09.277Z","item_id":7}`);

const random = seededRandom("mutated bodies");
const below = (most: number) => Math.floor(random() * most);
const any = <T>(choices: readonly T[]): T => choices[below(choices.length)];

const valid = [
  { session_id: 11, timestamp: "2014-04-07T10:51:09.277Z", item_id: 214536502 },
  {
    session_id: "ü😀",
    timestamp: 1396867869277,
    item_id: "i",
    category: "S",
    kind: "page_view",
    event_id: "e",
    page: "/a?b=c",
    ip: "192.0.2.17",
  },
  {
    sessionId: "s",
    timestamp: "2014-04-07T12:51:09+02:00",
    eventType: "ADD_TO_CART",
    context: { page: "/" },
    properties: { itemId: 3, a: true },
  },
  examples.event,
  examples.userEvent,
  examples.transaction,
  { ...examples.transaction, orderItems: [{ productId: 1, quantity: 1, price: "1.25" }, { item_id: "b", quantity: 0, price: 0.5 }] },
].map((event) => encoder.encode(JSON.stringify(event)));
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^{}[\],:"]+/g;
const tokens = [
  ...[
    '""',
    "0",
    "-0",
    "1e400",
    "9007199254740993",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[[[[[[]]]]]]]]]",
    '"__proto__"',
    '"\\ud800"',
    '"\\u0000"',
  ],
  ...["\ufeff", "//", "NaN", "'", "\r\n", "\n", " ", "}", "]", ",", ":", '"', "\\", "é", "\u2028", '"constructor":', '"session_id":1,'],
];

const MARK = encoder.encode("\ufeff");

/** Ways to change bytes a little. */
const mutations: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  bit: (bytes) => {
    const at = below(bytes.length);
    return bytes.with(at, bytes[at] ^ (1 << below(8)));
  },
  byte: (bytes) => bytes.with(below(bytes.length), below(256)),
  deletion: (bytes) => cut(bytes, (from, to) => joined(bytes.subarray(0, from), bytes.subarray(to))),
  duplication: (bytes) => cut(bytes, (from, to) => joined(bytes.subarray(0, to), bytes.subarray(from))),
  splice: (bytes) =>
    joined(
      bytes.subarray(0, below(bytes.length)),
      cut(any(valid), (from, to, other) => other.slice(from, to)),
      bytes.subarray(below(bytes.length)),
    ),
  mark: (bytes) => joined(MARK, bytes),
  truncation: (bytes) => bytes.slice(0, 1 + below(bytes.length)),
  insertion: (bytes) => {
    const at = below(bytes.length + 1);
    return joined(bytes.subarray(0, at), encoder.encode(any(tokens)), bytes.subarray(at));
  },
  "token swap": (bytes) => {
    const found = decoder.decode(bytes).match(TOKEN) ?? [""], a = below(found.length), b = below(found.length);
    [found[a], found[b]] = [found[b], found[a]];
    return encoder.encode(found.join(""));
  },
  "other token": (bytes) => {
    const found = decoder.decode(bytes).match(TOKEN) ?? [""];
    found[below(found.length)] = any(tokens);
    return encoder.encode(found.join(""));
  },
};

function cut(bytes: Uint8Array, make: (from: number, to: number, bytes: Uint8Array) => Uint8Array): Uint8Array {
  const from = below(bytes.length), to = from + below(Math.min(30, bytes.length - from) + 1);
  return make(from, to, bytes);
}

function mutated(count: Record<string, number>): Uint8Array {
  let bytes: Uint8Array = any(valid);
  for (let times = 1 + below(3); times > 0; times--) {
    if (bytes.length === 0) break;
    const name = any(Object.keys(mutations));
    count[name] = (count[name] ?? 0) + 1;
    bytes = mutations[name](bytes);
  }
  return bytes;
}

/** What a body put into storage that only looks at it. */
interface Kept {
  columns: EventColumns | null;
  rejects: readonly Reject[];
}

/** The service, with a guardian that keeps what is handed to it. */
function withoutStorage(service: Service, kept: Kept): Service {
  const intake = {
    lag: 0,
    submit: ({ columns }: { columns: EventColumns }) => {
      kept.columns = columns;
      return Promise.resolve({ accepted: columns.count, duplicates: 0 });
    },
  };
  const deadLetters = {
    add: (_name: string, _source: string | null, _first: number, rejects: readonly Reject[]) => {
      kept.rejects = rejects;
      return Promise.resolve();
    },
  };
  const guardian = Object.create(service.guardian, { intake: { value: intake }, deadLetters: { value: deadLetters } });
  return Object.create(service, { guardian: { value: guardian } });
}

type Form = "lines" | "array" | "alone" | "packed";

/** A body with the mutated part `middle` in it, and what must come of it: null where only its first neighbour is sure. */
function bodyOf(form: Form, middle: Uint8Array, latest: number): { bytes: Uint8Array; verdicts: ReturnType<typeof verdictOf>[] | null } {
  const a = neighbour("first"), b = neighbour("last"), newline = encoder.encode("\n");
  const verdicts = () => linesOf(middle).map((line) => verdictOf(line, latest)).filter((verdict) => verdict !== null);
  if (form === "array") {
    const verdict = verdictOf(middle, latest),
      isJson = verdict !== null && ![...verdict.refusals].some((codes) => /not_json|not_utf8|too_deep/.test([...codes].join()));
    return {
      bytes: joined(encoder.encode("["), a, encoder.encode(","), middle, encoder.encode(","), b, encoder.encode("]")),
      verdicts: isJson ? [verdict] : null,
    };
  }
  if (form === "alone") {
    // A byte order mark is nothing of a body that it opens, and no JSON anywhere else.
    const unmarked = MARK.every((byte, at) => middle[at] === byte) ? middle.subarray(MARK.length) : middle;
    const isOneLine = !middle.includes(10) && !/^\s*\[/.test(decoder.decode(middle)), verdict = verdictOf(unmarked, latest);
    return { bytes: middle, verdicts: isOneLine ? [verdict].filter((one) => one !== null) : null };
  }
  const bytes = joined(a, newline, middle, newline, b);
  if (form === "lines") return { bytes, verdicts: verdicts() };
  const packed = new Uint8Array(gzipSync(bytes));
  return {
    bytes: random() < 0.5 ? packed.slice(0, 1 + below(packed.length)) : packed.with(below(packed.length), below(256)),
    verdicts: null,
  };
}

Deno.test("mutated bodies get in line by line, or are told with their reasons", async () => {
  const mutationCount: Record<string, number> = {}, codeCount: Record<string, number> = {}, forms: Record<string, number> = {};
  const sum = { accepted: 0, refused: 0, refusedWhole: 0, storedAccepted: 0, storedRefused: 0 };
  const before = Deno.memoryUsage().rss;
  let rssMost = before;
  await withLab(async ({ service, guardian, post, lines }) => {
    const kept: Kept = { columns: null, rejects: [] }, app = makeApp(withoutStorage(service, kept), endpoints);
    for (let i = 0; i < bodies; i++) {
      const form = any<Form>(["lines", "lines", "lines", "lines", "lines", "array", "alone", "packed"]);
      const middle = mutated(mutationCount), { bytes, verdicts } = bodyOf(form, middle, Date.now() + DAY_MS);
      const told = `body ${i}, ${form}: ${JSON.stringify(decoder.decode(middle))}`;
      forms[form] = (forms[form] ?? 0) + 1;
      kept.columns = null;
      kept.rejects = [];
      const headers: HeadersInit = form === "packed" ? { "Content-Encoding": "gzip" } : {}, body = bytes as BodyInit;
      const response = await app.fetch(new Request("http://localhost/events", { method: "POST", body, headers }));
      const answer = await response.json();
      if (i % STORED === 0) {
        const stored = await (await post(body, headers as Record<string, string>)).json();
        assert.deepEqual(
          untimed([stored.status, stored.code, stored.rejected, stored.errors]),
          untimed([
            answer.status,
            answer.code,
            answer.rejected,
            answer.errors,
          ]),
          told,
        );
        assert.equal((stored.accepted ?? 0) + (stored.duplicates ?? 0), answer.accepted ?? 0, told);
        sum.storedAccepted += stored.accepted ?? 0;
        sum.storedRefused += stored.rejected ?? 0;
        rssMost = Math.max(rssMost, Deno.memoryUsage().rss);
      }
      if (response.status !== 202) {
        assert.ok(response.status === 400 && (form === "packed" || form === "alone"), `${told}: ${response.status}`);
        assert.deepEqual([answer.code, kept.columns, verdicts ?? []], ["bad_request", null, []], told);
        sum.refusedWhole++;
        continue;
      }
      checkTaken(answer, kept, told);
      sum.accepted += answer.accepted;
      sum.refused += answer.rejected;
      for (const { code } of kept.rejects) codeCount[code] = (codeCount[code] ?? 0) + 1;
      const sessions = Array.from({ length: kept.columns!.count }, (_, row) => columnText(kept.columns!, kept.columns!.session, row));
      if (form === "array") assert.equal(sessions[0], "first", told);
      if (verdicts === null) continue;
      if (form !== "alone") assert.deepEqual([sessions[0], sessions.at(-1)], ["first", "last"], told);
      const neighbours = form === "alone" ? 0 : 2, refusals = verdicts.flatMap((verdict) => verdict!.refusals);
      assert.equal(answer.accepted, neighbours + verdicts.reduce((rows, verdict) => rows + verdict!.rows, 0), told);
      assert.equal(answer.rejected, refusals.length, told);
      kept.rejects.forEach(({ code }, at) => assert.ok(refusals[at].has(code), `${told}: ${code}, not ${[...refusals[at]]}`));
    }
    assert.deepEqual([guardian.intake.accepted, guardian.deadLetters.refused], [sum.storedAccepted, sum.storedRefused]);
    assert.deepEqual(lines.filter(({ event }) => event === "request_failed"), []);
    assert.deepEqual([service.admission.requests, service.admission.bytes], [0, 0]);
  });
  assert.ok(rssMost - before < RSS_GROWTH_MAX, `memory grew by ${rssMost - before} bytes`);
  if (bodies >= 1000) assert.deepEqual(Object.keys(mutationCount).toSorted(), Object.keys(mutations).toSorted());
  tell("mutated bodies", {
    bodies,
    mutations: Object.values(mutationCount).reduce((a, b) => a + b, 0),
    ...forms,
    ...sum,
    codes: Object.keys(codeCount).length,
  });
});

/** As JSON, but for the latest time that was taken, which moves on between two requests. */
function untimed(answered: unknown[]): string {
  return JSON.stringify(answered).replace(/later than \d{4}-[^;]+;/g, "later than then;");
}

function checkTaken(
  { accepted, rejected, errors }: { accepted: number; rejected: number; errors: Reject[] },
  kept: Kept,
  told: string,
): void {
  assert.deepEqual([accepted, rejected, errors.length], [
    kept.columns!.count,
    kept.rejects.length,
    Math.min(rejected, limits.errorsInAnswerMax),
  ], told);
  assert.ok(accepted + rejected > 0, told);
  for (const { code, message } of kept.rejects) {
    assert.ok(rejectCodes.includes(code), told);
    assert.match(message, /^Cannot [^\p{Cc}]+$/u, told);
  }
}
