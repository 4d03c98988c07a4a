// A product behind a real server on loopback that lets nobody in without a credential, and requests written byte by byte, as a client that
// normalises nothing would send them. What always holds: an answer is read as it came, whole; nothing is left behind on the disk.
// It must not know what is asked for, or what should come of it.

import { openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { Access } from "../../src/access/access.ts";
import { closedFront, type Front } from "../../src/access/front.ts";
import { Sessions } from "../../src/access/sessions.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { Guardian } from "../../src/guardian.ts";
import { limits } from "../../src/limits.ts";
import { logLineTo } from "../../src/log_line.ts";
import { makeApp } from "../../src/web/app.ts";
import type { Endpoint } from "../../src/web/endpoint.ts";
import { makeService } from "../../src/web/service.ts";

export const ADMIN = "admin-secret-of-the-settings-0123456789";
/** Stands in a file beside the data folder, which no request may read. */
export const CANARY = "canary-5f1c0e7a";
const ANSWER_MS = 20_000;

export interface Answer {
  readonly status: number;
  /** All before the empty line, and what follows it. */
  readonly head: string;
  readonly body: string;
}

/** What a browser keeps of a session, and what the page shows with its orders. */
export interface SignedIn {
  readonly cookie: string;
  readonly csrf: string;
}

/** A session's life before now. */
export interface Past {
  readonly ageMs: number;
  /** Whether it was used all that time, which alone would keep it. */
  readonly isBusy: boolean;
}

export interface Door {
  readonly guardian: Guardian;
  readonly port: number;
  /** Lines of the log as they were written. */
  readonly lines: string[];
  /** Holds the data folder and the canary, and nothing else. */
  readonly around: string;
  /** Signs in with the token of an id. Returns null where there is none in force. */
  signIn(token: string, past?: Past): Promise<SignedIn | null>;
  /** Sends a request as it is given, its head in Latin-1. */
  raw(head: string, body?: string): Promise<Answer>;
  /** The same, of a method, a target and header lines; with what HTTP asks for. */
  ask(method: string, target: string, headers?: readonly string[], body?: string): Promise<Answer>;
}

export interface DoorOptions {
  readonly front?: (guardian: Guardian) => Front;
  /** Nobody is asked for anything, as on a server of this machine alone. */
  readonly open?: boolean;
  /** Endpoints besides the product's own. */
  readonly also?: readonly Endpoint[];
}

/** Runs `work` with a door whose product is stopped and deleted afterwards. */
export async function withDoor(
  work: (door: Door) => Promise<void>,
  { front: frontFor, open = false, also = [] }: DoorOptions = {},
): Promise<void> {
  const around = await Deno.makeTempDir({ prefix: "guardian-door-" });
  await Deno.writeTextFile(`${around}/canary.txt`, CANARY);
  const lines: string[] = [], logLine = logLineTo((line) => lines.push(line), "debug");
  const guardian = await Guardian.open({ data: `${around}/data`, clock: systemClock, logLine, partitions: 1 });
  const days = openDays(guardian, { timezone: "UTC", runAt: "03:00", currency: "EUR" });
  let stop = async () => {};
  try {
    guardian.start();
    const front = frontFor?.(guardian) ?? closedFront, { tokens } = guardian;
    const given = {
      host: "127.0.0.1",
      token: open ? null : ADMIN,
      allowedHosts: [],
      front,
      tokens,
      sessions: null,
      ownerSecret: null,
    };
    const access = new Access(given), clock = new EarlierClock();
    const sessions = access.sessions = await Sessions.open(guardian.state, clock, access);
    const service = makeService({ guardian, days, clock: systemClock, logLine, access, sessions, front, futureMs: 86_400_000 });
    const app = makeApp(service, [...endpoints, ...also]);
    const handler = (request: Request, info: Deno.ServeHandlerInfo) => app.fetch(request, info);
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler as Deno.ServeHandler);
    stop = async () => {
      service.feed.close("stopping");
      await server.shutdown();
    };
    const { port } = server.addr, raw: Door["raw"] = (head, body = "") => exchange(port, head, body);
    const ask: Door["ask"] = (method, target, headers = [], body = "") => {
      const length = body === "" && method !== "POST" ? [] : [`Content-Length: ${new TextEncoder().encode(body).length}`];
      const host = headers.some((line) => /^host:/i.test(line)) ? [] : [`Host: 127.0.0.1:${port}`];
      return raw([`${method} ${target} HTTP/1.1`, ...host, "Connection: close", ...length, ...headers, "", ""].join("\r\n"), body);
    };
    const signIn: Door["signIn"] = (token, past) => signInAt(sessions, clock, token, `127.0.0.1:${port}`, past);
    await work({ guardian, port, lines, around, signIn, raw, ask });
  } finally {
    await stop();
    await days.close();
    await guardian.stop();
    await Deno.remove(around, { recursive: true });
  }
}

/** The time, or what it was. */
class EarlierClock implements Clock {
  ageMs = 0;
  now(): number {
    return systemClock.now() - this.ageMs;
  }
  monotonic(): number {
    return systemClock.monotonic();
  }
}

/** Signs in as long ago as `past` says. Those that are over are to be made last, the oldest at the end: the next one to begin clears them away. */
async function signInAt(
  sessions: Sessions,
  clock: EarlierClock,
  token: string,
  host: string,
  { ageMs, isBusy }: Past = { ageMs: 0, isBusy: false },
): Promise<SignedIn | null> {
  try {
    clock.ageMs = ageMs;
    const begun = await sessions.begin(token, { scheme: "http", host });
    if (begun === null) return null;
    const cookie = begun.cookie.split(";")[0], request = new Request(`http://${host}/`, { headers: { cookie } });
    for (; isBusy && clock.ageMs > 0; clock.ageMs -= limits.sessionIdleMs / 2) sessions.credentialOf(request);
    return { cookie, csrf: begun.credential.csrf };
  } finally {
    clock.ageMs = 0;
  }
}

async function exchange(port: number, head: string, body: string): Promise<Answer> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes = new Uint8Array([...Uint8Array.from(head, (char) => char.charCodeAt(0)), ...new TextEncoder().encode(body)]);
  const parts: Uint8Array[] = [], late = setTimeout(() => connection.close(), ANSWER_MS);
  try {
    // A server that refuses what it has read may be gone before the rest is written.
    for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
    const part = new Uint8Array(65_536);
    for (let read; (read = await connection.read(part)) !== null;) parts.push(part.slice(0, read));
  } catch {
    // as far as it was read
  } finally {
    clearTimeout(late);
  }
  const text = new TextDecoder().decode(await new Blob(parts as BlobPart[]).arrayBuffer()), end = text.indexOf("\r\n\r\n");
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), head: text.slice(0, end), body: text.slice(end + 4) };
}

/** Runs over all of `items`, a few at a time. */
export async function eachOf<Item>(items: readonly Item[], work: (item: Item) => Promise<void>, atOnce = 8): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < items.length) await work(items[next++]);
  }));
}
