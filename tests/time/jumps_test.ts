// The wall clock jumps back an hour and ahead a day while events come: windows, identities and dead letters are as if it had not.

import assert from "node:assert/strict";
import { PatientClock } from "../../src/clock.ts";
import { limits } from "../../src/limits.ts";
import { tell } from "../support/proof.ts";
import { TestClock } from "../support/clock.ts";
import { Product } from "./product.ts";

const HOUR = 3_600_000, DAY = 24 * HOUR;
const START = Date.UTC(2025, 2, 14, 12);

/** Jumps of the wall clock between requests, by the number of the request before which they come. */
const courses: Record<string, ReadonlyMap<number, number>> = {
  "nothing happens to it": new Map(),
  "it goes back an hour": new Map([[4, -HOUR]]),
  "it goes ahead a day": new Map([[4, DAY]]),
  "it goes ahead a day and comes back": new Map([[3, DAY], [6, -DAY]]),
  "it goes back an hour and comes back, time and again": new Map([[1, -HOUR], [3, HOUR], [5, -HOUR], [7, HOUR]]),
  "it goes ahead three days and comes back": new Map([[2, 3 * DAY], [5, -3 * DAY]]),
};

const clicks = (session: number, count: number, start: number, gapMs: number, items: number) =>
  Array.from({ length: count }, (_, i) => ({ session_id: session, timestamp: start + i * gapMs, item_id: i % items }));

/** Ten requests over five minutes, each with people and, in turn, sessions of bots that reach from one request into the next. */
const requests = Array.from({ length: 10 }, (_, i) => {
  const at = START + i * 30_000;
  const people = Array.from(
    { length: 30 },
    (_, n) => ({ session_id: 100 + n, timestamp: at + n * 900, item_id: n, event_id: `${i}-${n}` }),
  );
  const bots = [...clicks(1, i % 3 === 0 ? 55 : 49, at, 100, 7), ...clicks(2, 60, at, 490, 3)];
  return [...people, ...bots].sort((a, b) => a.timestamp - b.timestamp);
});

Deno.test("anomalies, lake and duplicates are the same when the wall clock jumps between requests", async () => {
  let plain: { anomalies: string[]; lake: string[] } | null = null, jumps = 0, retries = 0;
  for (const [course, jumpsAt] of Object.entries(courses)) {
    for (const restart of [false, true]) {
      await Product.with(START, async (product) => {
        for (const [i, events] of requests.entries()) {
          const jump = jumpsAt.get(i) ?? 0;
          product.clock.wall += jump;
          if (jump !== 0) jumps++;
          if (jump !== 0 && restart) await product.restart();
          const told = `request ${i} when ${course}${restart ? ", with restarts" : ""}`;
          const first = await product.post(events, `key-${i}`);
          assert.deepEqual([first.status, first.accepted, first.rejected], [202, events.length, 0], told);
          // The machine is a little slow, so that the lane does not count as silent.
          product.clock.wall += 30_000;
          product.clock.passed += limits.idleMs / 3;
          await product.guardian.intake.checkpoint();
        }
        // Over a restart the wall clock alone says how old a key is: it must not have been a day ahead then.
        if (!restart || Math.max(0, ...jumpsAt.values()) < DAY) {
          for (const [i, events] of requests.entries()) {
            const again = await product.post(events, `key-${i}`);
            assert.deepEqual([again.accepted, again.duplicates], [0, events.length], `key ${i} again when ${course}`);
            const ids = await product.post(events.filter((event) => "event_id" in event));
            assert.deepEqual([ids.accepted, ids.duplicates], [0, 30], `ids of ${i} again when ${course}`);
            retries += 2;
          }
        }
        // The live lane is silent, and only the monotonic clock goes on.
        await product.guardian.caughtUp();
        await confirmed(product);
        const outcome = { anomalies: await product.anomalies(), lake: await product.lake() };
        plain ??= outcome;
        assert.deepEqual(outcome.anomalies, plain.anomalies, course);
        assert.deepEqual(outcome.lake, plain.lake, course);
        assert.ok(outcome.anomalies.length >= 10 && outcome.lake.length === requests.flat().length);
      });
    }
  }
  tell("time: clocks that jump", {
    courses: 2 * Object.keys(courses).length,
    jumps,
    retries_known: retries,
    anomalies: plain!.anomalies.length,
  });
});

/** Lets the monotonic clock alone go on until no window is open any more: time marks come, which the product looks after every second. */
async function confirmed({ guardian, clock }: Product): Promise<void> {
  for (let tries = 0; guardian.engine.report().some(({ open_panes }) => open_panes > 0); tries++) {
    assert.ok(tries < 400, "windows are closed by silence");
    clock.passed += limits.idleMs;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await guardian.caughtUp();
}

for (const restart of [false, true]) {
  const title = `an event id that came after the wall clock jumped ahead is known a day${restart ? ", also over restarts" : ""}`;
  Deno.test(title, async () => {
    await Product.with(START, async (product) => {
      const post = async (id: string) => {
        const { accepted, duplicates } = await product.post([{ session_id: 7, timestamp: START, item_id: 1, event_id: id }]);
        await product.guardian.intake.checkpoint();
        if (restart) await product.restart();
        return [accepted, duplicates];
      };
      assert.deepEqual(await post("before"), [1, 0]);
      product.clock.wall += 3 * DAY;
      assert.deepEqual(await post("after"), [1, 0]);
      assert.deepEqual(await post("after"), [0, 1]);
      product.clock.pass(DAY - HOUR);
      assert.deepEqual(await post("late"), [1, 0]);
      product.clock.pass(2 * HOUR);
      assert.deepEqual(await post("late"), [0, 1], "two hours later, and a day and one after the jump");
      product.clock.pass(DAY + HOUR);
      assert.deepEqual(await post("late"), [1, 0], "a day later it is forgotten");
    });
  });
}

Deno.test("an event is refused when it lies more than 24 hours ahead of the wall clock, wherever that has jumped", async () => {
  await Product.with(START, async (product) => {
    for (const jump of [0, -HOUR, DAY, -DAY]) {
      product.clock.wall += jump;
      const now = product.clock.wall;
      const event = (timestamp: number) => ({ session_id: 1, timestamp, item_id: 1 });
      const answer = await product.post([event(now + DAY - 1), event(now + DAY), event(now + DAY + 1), event(now - 365 * DAY)]);
      assert.deepEqual([answer.accepted, answer.rejected], [3, 1], `jump ${jump}`);
      assert.deepEqual(answer.errors.map(({ code }) => code), ["out_of_range"]);
    }
    assert.equal(product.guardian.deadLetters.kept, 4);
  });
});

Deno.test("dead letters are kept their 30 days when the wall clock jumps", async () => {
  await Product.with(START, async ({ clock, guardian: { deadLetters } }) => {
    const reject = { line: 1, code: "not_json", field: null, message: "no", raw: new Uint8Array(1), rawBytes: 1 } as const;
    await deadLetters.add("http", null, 0, [reject]);
    for (const jump of [-HOUR, DAY, -2 * DAY, limits.deadLettersKeepDays * DAY + DAY + HOUR]) {
      clock.wall += jump;
      await deadLetters.sweep();
      assert.equal((await deadLetters.list(10)).items.length, 1, `${clock.wall - START} ms on`);
    }
    clock.wall += 1;
    await deadLetters.sweep();
    assert.equal((await deadLetters.list(10)).items.length, 0);
  });
});

Deno.test("PatientClock follows a jump ahead when what was remembered then has had its time", () => {
  const clock = new TestClock(START), patient = new PatientClock(clock, DAY);
  clock.pass(1000);
  assert.equal(patient.now(), START + 1000);
  clock.wall += 2 * DAY;
  assert.equal(patient.now(), START + 1000, "nothing has become old");
  clock.pass(HOUR);
  assert.equal(patient.now(), START + 1000 + HOUR);
  clock.wall -= 2 * DAY;
  assert.equal(patient.now(), clock.wall, "it has come back");
  clock.wall -= HOUR;
  assert.equal(patient.now(), clock.wall, "never later than the wall clock");
  clock.wall += 3 * HOUR;
  assert.equal(patient.now(), clock.wall - 3 * HOUR);
  clock.pass(DAY - 1);
  assert.equal(patient.now(), clock.wall - 3 * HOUR);
  clock.pass(1);
  assert.equal(patient.now(), clock.wall, "a day later it is believed");
});
