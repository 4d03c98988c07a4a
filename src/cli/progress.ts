// A bar on the terminal for what takes a while: share done, rate, time left.

import cliProgress from "cli-progress";
import { grouped, sized } from "./words.ts";

export interface Progress {
  /** done of total: in units of their own. events: up to now. */
  update(done: number, total: number, events: number): void;
  stop(): void;
}

/** A bar on stderr, or nothing where stderr is no terminal. */
export function progressBar(shown: boolean): Progress {
  if (!shown) return { update: () => {}, stop: () => {} };
  const started = performance.now();
  const bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {events} events | {rate}/s | {left} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
    fps: 5,
  });
  bar.start(1, 0, { events: "0", rate: "-", left: "-" });
  return {
    update(done, total, events) {
      const seconds = (performance.now() - started) / 1000;
      bar.setTotal(Math.max(1, total));
      bar.update(done, {
        events: grouped(events),
        rate: grouped(Math.round(events / Math.max(seconds, 0.001))),
        left: done === 0 ? "-" : duration((seconds * (total - done)) / done),
      });
    },
    stop: () => bar.stop(),
  };
}

/** Days done of days to do, and which one is at work. */
export interface DayProgress {
  update(done: number, of: number, date: string): void;
  stop(): void;
}

/** A bar of days on stderr, or nothing where stderr is no terminal. */
export function dayBar(shown: boolean): DayProgress {
  if (!shown) return { update: () => {}, stop: () => {} };
  const started = performance.now();
  const bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {value} of {total} days | {date} | {left} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
    fps: 5,
  });
  bar.start(1, 0, { date: "-", left: "-" });
  return {
    update(done, of, date) {
      const seconds = (performance.now() - started) / 1000;
      bar.setTotal(Math.max(1, of));
      bar.update(done, { date, left: done === 0 ? "-" : duration((seconds * (of - done)) / done) });
    },
    stop: () => bar.stop(),
  };
}

/** Bytes done of those to do, as far as they are known. */
export interface ByteProgress {
  update(done: number, of: number): void;
  stop(): void;
}

/** A bar of bytes on stderr, or nothing where stderr is no terminal. */
export function byteBar(shown: boolean): ByteProgress {
  if (!shown) return { update: () => {}, stop: () => {} };
  const started = performance.now();
  const bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {done} of {all} | {rate}/s | {left} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
    fps: 5,
  });
  bar.start(1, 0, { done: sized(0), all: "-", rate: "-", left: "-" });
  return {
    update(done, of) {
      const seconds = (performance.now() - started) / 1000;
      bar.setTotal(Math.max(1, of));
      const left = done === 0 ? "-" : duration((seconds * (of - done)) / done);
      bar.update(done, { done: sized(done), all: sized(of), rate: sized(done / Math.max(seconds, 0.001)), left });
    },
    stop: () => bar.stop(),
  };
}

/** How far work of several kinds is, one kind after the other. */
export interface StepProgress {
  update(done: number, of: number, what: string): void;
  stop(): void;
}

/** A bar for each kind of work on stderr, or nothing where stderr is no terminal. */
export function stepBar(shown: boolean): StepProgress {
  if (!shown) return { update: () => {}, stop: () => {} };
  let started = performance.now(), at = "";
  const bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {what} | {left} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
    fps: 5,
  });
  bar.start(1, 0, { what: "-", left: "-" });
  return {
    update(done, of, what) {
      if (what !== at) {
        at = what;
        started = performance.now();
      }
      const seconds = (performance.now() - started) / 1000;
      bar.setTotal(Math.max(1, of));
      bar.update(done, { what, left: done === 0 ? "-" : duration((seconds * (of - done)) / done) });
    },
    stop: () => bar.stop(),
  };
}

/** `42 s`, `3 min 5 s`, `2 h 10 min` */
function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
