// Hostile bodies by kind, each with good neighbours: what is wrong is refused with its reason, the rest gets in once, and nothing breaks.
// The kinds are made in body_lines.ts and body_wholes.ts; what must become of a line says an oracle that shares no code with the parser.

import assert from "node:assert/strict";
import { limits } from "../../src/limits.ts";
import { tell } from "../support/proof.ts";
import { withLab } from "../web/lab.ts";
import { between, betweenElements, type Sent, Tally } from "./bodies.ts";
import { hostileLines } from "./body_lines.ts";
import { hostileBodies } from "./body_wholes.ts";

/** Requests under way at a time; a body that is larger than this, or may be once it is unpacked, is sent by itself. */
const AT_ONCE = 32, LARGE_BYTES = 1_000_000;
/** What a body may take besides its own bytes: those of all that may be held, its pieces before they are joined, and its columns. */
const RSS_GROWTH_MAX = 3 * limits.requestBytesInFlightMax;

Deno.test("hostile bodies are refused with their reasons, and their good neighbours get in once", async () => {
  const sent: (Sent & { kind: string })[] = [...hostileBodies], byKind = new Map<string, number>();
  for (const { kind, name, bytes } of hostileLines) sent.push({ kind, name: `${kind}: ${name}`, ...between(bytes) });
  for (const { kind } of sent) byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
  const cases = sent.length;
  for (const { kind, name, bytes } of hostileLines) {
    const elements = betweenElements(bytes);
    if (elements !== null) sent.push({ kind, name: `${kind}, in an array: ${name}`, ...elements });
  }
  assert.ok(byKind.size >= 22 && cases >= 900, `${cases} cases of ${byKind.size} kinds`);

  const tally = new Tally(), before = Deno.memoryUsage().rss;
  await withLab(async (lab) => {
    for (const { expected } of sent) if ("maybe" in expected) { for (const session of expected.maybe) tally.maybe.add(session); }
    const isLarge = ({ kind, name, bytes }: typeof sent[number]) => bytes.length > LARGE_BYTES || kind === "packed" || /bomb/.test(name);
    const queue = sent.filter((each) => !isLarge(each)).values();
    const lane = async () => {
      for (const each of queue) await tally.send(lab, each);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    for (const each of sent) if (isLarge(each)) await tally.send(lab, each);
    await tally.hold(lab);
    assert.deepEqual([lab.service.admission.requests, lab.service.admission.bytes], [0, 0]);
  });
  assert.ok(tally.rssMost - before < RSS_GROWTH_MAX, `memory grew by ${tally.rssMost - before} bytes`);
  const { accepted, rejected, refusedWhole } = tally;
  tell("hostile bodies by kind", {
    kinds: byKind.size,
    cases,
    sent: sent.length,
    events_accepted: accepted,
    lines_refused: rejected,
    bodies_refused: refusedWhole,
    memory_grew_MiB: Math.round((tally.rssMost - before) / 2 ** 20),
  });
});
