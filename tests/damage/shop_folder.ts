// What the tests of damage share: a data folder with several parts, two counted days and a bot, a product over it, and what it answers.

import { openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { openAccess } from "../../src/access/access.ts";
import { systemClock } from "../../src/clock.ts";
import { Guardian } from "../../src/guardian.ts";
import { allParts, type Part, readManifest } from "../../src/lake/mod.ts";
import { silent } from "../../src/log_line.ts";
import { makeApp } from "../../src/web/app.ts";
import { makeService, type Service } from "../../src/web/service.ts";
import { ndjson } from "../web/lab.ts";

export const DAYS = ["2014-04-07", "2014-04-08"] as const;
const SESSIONS = 40;

/** How much of the full dose is done: 256 truncations and 400 flipped bits at 1. */
export const SHARE = Number(Deno.env.get("GUARDIAN_TEST_DAMAGE") ?? "0.1");

/** So many of a dose, at least one of each kind. */
export function doseOf(full: number): number {
  return Math.max(2, Math.round(full * SHARE));
}

export interface Shop {
  readonly data: string;
  readonly guardian: Guardian;
  readonly service: Service;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** Opens a product over a folder. running: its readers and its housekeeping as well. */
export async function openShop(data: string, running: boolean): Promise<Shop> {
  const guardian = await Guardian.open({ data, clock: systemClock, logLine: silent, partitions: 2 });
  const days = openDays(guardian, { timezone: "UTC", runAt: "03:00", currency: "EUR" });
  if (running) guardian.start({ shown: false });
  const access = openAccess();
  const service = makeService({ guardian, days, clock: systemClock, logLine: silent, access, futureMs: 24 * 3_600_000 });
  const app = makeApp(service, endpoints);
  return {
    data,
    guardian,
    service,
    fetch: (path, init) => Promise.resolve(app.fetch(new Request(`http://localhost${path}`, init))),
    async close() {
      service.feed.close("stopping");
      await days.close();
      await guardian.stop(running);
    },
  };
}

/** Makes the folder: two days in several flushes, the last events in the log alone, a bot, and both days counted. */
export async function makeShop(): Promise<string> {
  const data = await Deno.makeTempDir({ prefix: "guardian-damage-" });
  const shop = await openShop(data, true);
  const events = [...eventsOf(DAYS[0]), ...eventsOf(DAYS[1])], size = Math.ceil(events.length / 5);
  for (let from = 0; from < events.length; from += size) {
    await shop.fetch("/events", { method: "POST", body: ndjson(events.slice(from, from + size)) });
    if (from + size < events.length) await shop.guardian.archiver.flush();
  }
  await shop.guardian.caughtUp();
  for (const date of DAYS) await shop.service.days.runDay(date);
  await shop.close();
  return data;
}

/** People who look and buy, and in the morning a bot, in the order of time. */
function eventsOf(date: string): object[] {
  const events: { timestamp: string; [name: string]: unknown }[] = [];
  const at = (minute: number, ms = 0) => new Date(Date.parse(`${date}T08:00:00Z`) + 60_000 * minute + ms).toISOString();
  for (let s = 0; s < SESSIONS; s++) {
    const session_id = s % 3 === 0 ? `${date}-${s}` : 1000 + s;
    for (let i = 0; i < 12; i++) {
      events.push({ session_id, timestamp: at(3 * s + i, 7 * s), item_id: (s * i) % 17, category: "S", page: `/p/${i}` });
    }
    if (s % 4 === 0) {
      events.push({ kind: "purchase", session_id, timestamp: at(3 * s + 13), item_id: s, price: 10.5 + s, quantity: 1 + s % 3 });
    }
  }
  for (let i = 0; i < 60; i++) events.push({ session_id: "bot", timestamp: at(1, 100 * i), item_id: i });
  return events.sort((a, b) => a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0);
}

export async function partsOf({ guardian }: Shop): Promise<Part[]> {
  return allParts(await readManifest(guardian.state));
}

/** What is asked of the product, as a user would. */
const QUESTIONS = [
  ...[`${DAYS[0]}-0`, "1001", "1002", "bot"].map((session) =>
    `/sessions/${session}/events?since=2014-04-07T00:00:00Z&until=2014-04-09T00:00:00Z`
  ),
  "/anomalies?status=all",
];

/** What is asked of counted days besides. */
export const DAY_QUESTIONS = DAYS.flatMap((date) => [`/metrics/daily/${date}`, `/metrics/daily/${date}?traffic=humans`]);

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Answers by question. `turns`: of which questions alone, counted round. */
export async function answersOf(shop: Shop, more: readonly string[] = [], turns?: readonly number[]): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>(), all = [...QUESTIONS, ...more];
  for (const question of turns?.map((turn) => all[turn % all.length]) ?? all) {
    const response = await shop.fetch(question);
    answers.set(question, { status: response.status, body: await response.text() });
  }
  return answers;
}

/**
 * Questions whose answers are neither those of the whole folder nor say what is wrong: with a status that is no success and the reason, or
 * with what was left out. A list may lack the record that is damaged, and nothing else; then `/health` has to name it. `named`: what has to
 * be told.
 */
export function servedAsGood(shop: Shop, answers: ReadonlyMap<string, Answer>, good: ReadonlyMap<string, Answer>, named: RegExp): string[] {
  return [...answers].filter(([question, { status, body }]) => {
    const before = good.get(question)!.body;
    if (body === before) return false;
    if (status !== 200) return !named.test(body);
    const answer = JSON.parse(body);
    const { status: health, damage } = shop.guardian.health();
    const isTold = health === "degraded" && damage.pieces.some(({ what, reason }) => named.test(what) || named.test(reason));
    // The same figures, called stale or partial because what tells that they are not is damaged.
    if (isTold && unstale(body) === unstale(before)) return false;
    if (!Array.isArray(answer)) return answer.complete !== false || !answer.left_out.some((file: string) => named.test(file));
    const whole = new Set(JSON.parse(before).map((record: unknown) => JSON.stringify(record)));
    return !isTold || answer.length !== whole.size - 1 || !answer.every((record: unknown) => whole.has(JSON.stringify(record)));
  }).map(([question]) => question);
}

function unstale(body: string): string {
  return body.replace(/"(state|stale)":("stale"|"partial"|"finished"|true|false)/g, '"$1":"either"');
}

/** Numbers in [0, 1) from a seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Harm {
  readonly what: string;
  apply(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
}

/** `count` truncations of something of so many bytes, at places spread over it, both ends included. */
export function truncations(count: number): ((bytes: number) => Harm)[] {
  return Array.from({ length: count }, (_, i) => (bytes) => {
    const at = Math.min(bytes - 1, Math.floor((bytes * i) / Math.max(1, count - 1)));
    return { what: `cut to ${at} of ${bytes} bytes`, apply: (whole) => whole.slice(0, at) };
  });
}

/** `count` single flipped bits at random places. */
export function flips(count: number, random: () => number): ((bytes: number) => Harm)[] {
  return Array.from({ length: count }, () => (bytes) => {
    const at = Math.floor(random() * bytes), bit = Math.floor(random() * 8);
    return {
      what: `bit ${bit} of byte ${at} of ${bytes} flipped`,
      apply(whole) {
        const harmed = whole.slice();
        harmed[at] ^= 1 << bit;
        return harmed as Uint8Array<ArrayBuffer>;
      },
    };
  });
}

/** A copy of a closed folder. */
export async function copyOf(data: string): Promise<string> {
  const to = await Deno.makeTempDir({ prefix: "guardian-damage-" });
  const copy = async (from: string, into: string) => {
    for await (const { name, isDirectory } of Deno.readDir(from)) {
      if (!isDirectory) await Deno.copyFile(`${from}/${name}`, `${into}/${name}`);
      else {
        await Deno.mkdir(`${into}/${name}`);
        await copy(`${from}/${name}`, `${into}/${name}`);
      }
    }
  };
  await copy(data, to);
  return to;
}
