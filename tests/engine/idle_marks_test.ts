import assert from "node:assert/strict";
import { IdleMarks, type IdleSources } from "../../src/engine/idle_marks.ts";
import { TestClock } from "../support/clock.ts";

/** A live lane whose newest time moves by marks alone, with windows open until `closes`. */
function lane(clock: TestClock, newest: number, closes: number) {
  const marks: number[] = [];
  const state = { newest, lastLive: clock.monotonic(), caughtUp: true };
  const sources: IdleSources = {
    partitions: 1,
    live: () => ({ newest: state.newest, open: state.newest < closes }),
    caughtUp: () => state.caughtUp,
    lastLive: () => state.lastLive,
    mark(_partition, time) {
      marks.push(time);
      state.newest = time;
      state.lastLive = clock.monotonic();
      return Promise.resolve();
    },
  };
  return { marks, state, idle: new IdleMarks(sources, clock, 15_000) };
}

Deno.test("IdleMarks moves time on by what has passed, every 15 s of silence, until no window is open", async () => {
  const clock = new TestClock();
  const { marks, idle } = lane(clock, 1_000_000, 1_070_000);
  for (let second = 0; second < 200; second++) {
    clock.pass(1_000);
    await idle.tick();
  }
  assert.equal(marks.length, 5);
  marks.reduce((before, mark) => {
    assert.ok(mark - before >= 15_000 && mark - before <= 16_000, `${before} to ${mark}`);
    return mark;
  }, 1_000_000);
});

Deno.test("IdleMarks waits while events come, and while the engine has not read them", async () => {
  const clock = new TestClock();
  const { marks, state, idle } = lane(clock, 1_000_000, Infinity);
  for (let second = 0; second < 60; second++) {
    clock.pass(1_000);
    state.newest += 1_000;
    state.lastLive = clock.monotonic();
    await idle.tick();
  }
  state.caughtUp = false;
  for (let second = 0; second < 60; second++) {
    clock.pass(1_000);
    await idle.tick();
  }
  assert.deepEqual(marks, []);
  state.caughtUp = true;
  await idle.tick();
  assert.equal(marks.length, 1);
});

Deno.test("IdleMarks goes by the monotonic clock when the wall clock jumps", async () => {
  const clock = new TestClock();
  const { marks, idle } = lane(clock, 1_000_000, Infinity);
  await idle.tick();
  clock.wall += 86_400_000;
  await idle.tick();
  assert.deepEqual(marks, []);
  clock.wall -= 2 * 86_400_000;
  clock.passed += 15_000;
  await idle.tick();
  assert.deepEqual(marks, [1_015_000]);
});

Deno.test("IdleMarks has nothing to do before the first event", async () => {
  const clock = new TestClock();
  const { marks, idle } = lane(clock, -Infinity, Infinity);
  clock.pass(100_000);
  await idle.tick();
  assert.deepEqual(marks, []);
});
