// The dashboard over a real product on a port of its own, in a real browser. The shop in it is the sample shop up to the moment when the lab
// was made, and stays as it is unless a test sends something.
// What always holds: the dashboard that is served was built of the sources as they are now, and whatever the browser's console says of
// errors fails the test that caused it.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { openAccess } from "../../src/access/access.ts";
import { closedFront, frontOf } from "../../src/access/front.ts";
import { Sessions } from "../../src/access/sessions.ts";
import { systemClock } from "../../src/clock.ts";
import { build } from "../../src/dashboard/bundle.ts";
import { LIVE } from "../../src/event/batch.ts";
import { Guardian } from "../../src/guardian.ts";
import { silent } from "../../src/log_line.ts";
import { SampleShop } from "../../src/sample/mod.ts";
import { makeApp } from "../../src/web/app.ts";
import { makeService, type Service } from "../../src/web/service.ts";
import { browserTest, launchBrowser } from "./browser.ts";
import { FeedWire } from "./feed_wire.ts";

const DAY_MS = 86_400_000;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** How long the browser is waited for before a test fails, ms: far beyond what anything takes. */
const PATIENCE_MS = 20_000;

export interface LabOptions {
  /** Visitors a day of the shop; 0: nothing is in the folder. */
  readonly visitorsPerDay?: number;
  /** Days of the past that are filled. */
  readonly days?: number;
  /** Whether past days are counted. */
  readonly counted?: boolean;
  readonly timezone?: string;
  /** What the server asks for; nothing where it is left out. */
  readonly token?: string;
  /** What else happens in the shop before the first test. */
  readonly setup?: (lab: BrowserLab) => Promise<void>;
  /** Flags of the browser beside the usual ones. */
  readonly flags?: readonly string[];
}

export interface BrowserLab {
  readonly url: string;
  readonly browser: Browser;
  readonly guardian: Guardian;
  readonly service: Service;
  /** Opens a page of the dashboard and waits for its heading. */
  open(path: string, options?: OpenOptions): Promise<Page>;
  /** Goes on to another page of the dashboard by its address, in the same window. */
  visit(page: Page, path: string): Promise<void>;
  /** What the API answers. */
  get<T>(path: string): Promise<T>;
  /** Takes events in as a client would, and waits until the rules have seen them. */
  send(events: readonly object[]): Promise<void>;
  /** The live feed on its way to the browser, which can be cut. */
  readonly feed: FeedWire;
}

export interface OpenOptions {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly reducedMotion?: boolean;
  /** Called before the page is loaded: to change what the server answers, or what time it is. */
  readonly prepare?: (page: Page) => Promise<void>;
  /** Errors of the console that belong to the test. */
  readonly errors?: RegExp;
  /** Lets scripts of the test in, which the page's policy keeps out. */
  readonly bypassPolicy?: boolean;
}

/** Here people sign in far more often than a server lets them: its minutes pass in a moment. */
const hasty = { now: () => Date.now(), monotonic: () => performance.now() * 1_000 };
const hastyFront = frontOf(
  { trustedProxies: [], corsOrigins: [], rateLimit: 0, rateLimitPage: 0, rateLimitStranger: 10 },
  { clock: hasty, strictTransport: false },
);

/** A lab that is open. */
export interface OpenLab extends BrowserLab {
  /** Runs a test in it: closes the pages that it opened, and fails when the console told of an error. */
  during(work: (lab: BrowserLab) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Tests that share one lab, which is made before the first of them and ended after the last. */
export function labTests(options: LabOptions = {}): (name: string, work: (lab: BrowserLab) => Promise<void>) => void {
  let lab: Promise<OpenLab> | null = null;
  Deno.test.afterAll(async () => await (await lab?.catch(() => null))?.close());
  return (name, work) => browserTest(name, async () => await (await (lab ??= openLab(options))).during(work));
}

/** Fills a shop, serves it and starts a browser in front of it. Call `close` when done. */
export async function openLab(options: LabOptions = {}): Promise<OpenLab> {
  const { visitorsPerDay = 1_500, days: pastDays = 3, counted = true, timezone = "UTC", token, flags } = options;
  await build({ root: ROOT });
  const data = await Deno.makeTempDir({ prefix: "guardian-browser-" });
  const guardian = await Guardian.open({ data, clock: systemClock, logLine: silent, partitions: 2, archiveIntervalMs: 1_000 });
  const days = openDays(guardian, { timezone, runAt: "03:00", currency: "EUR" });
  const front = token === undefined ? closedFront : hastyFront;
  const access = openAccess(token === undefined ? {} : { token, tokens: guardian.tokens, front });
  const sessions = access.sessions = await Sessions.open(guardian.state, systemClock, access);
  const service = makeService({ guardian, days, clock: systemClock, logLine: silent, access, sessions, front, futureMs: DAY_MS });
  const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const app = makeApp(service, endpoints);
  const feed = new FeedWire(), stop = new AbortController();
  const answer = (request: Request) => {
    const open = () => app.fetch(request);
    return new URL(request.url).pathname === "/live" ? feed.pass(request, open) : open();
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {}, automaticCompression: true },
    answer,
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  let contexts: BrowserContext[] = [];
  const wrong: string[] = [];
  let browser: Browser | null = null;
  const close = async () => {
    await browser?.close();
    service.feed.close("stopping");
    stop.abort();
    await server.finished.catch(() => {});
    await days.close();
    await guardian.stop();
    await Deno.remove(data, { recursive: true });
  };
  try {
    guardian.start();
    if (visitorsPerDay > 0) await fill(guardian, visitorsPerDay, pastDays);
    if (counted && visitorsPerDay > 0) await days.backfill();
    browser = await launchBrowser(flags);
  } catch (failure) {
    await close();
    throw failure;
  }
  const started = browser;
  const lab: BrowserLab = {
    url,
    browser: started,
    guardian,
    service,
    feed,
    open: (path, options = {}) => openPage(started, url + path, options, contexts, wrong),
    async visit(page, path) {
      await page.goto(url + path);
      await page.locator("h1").waitFor();
    },
    async get(path) {
      const response = await fetch(url + path, { headers });
      assert.equal(response.status, 200, `${path}: ${response.status}`);
      return await response.json();
    },
    async send(events) {
      const body = events.map((event) => JSON.stringify(event)).join("\n");
      const response = await fetch(`${url}/events`, { method: "POST", headers, body });
      assert.equal(response.status, 202, await response.text());
      await guardian.caughtUp();
    },
  };
  await options.setup?.(lab).catch(async (failure) => {
    await close();
    throw failure;
  });
  const during: OpenLab["during"] = async (work) => {
    wrong.length = feed.connections.length = 0;
    try {
      await work(lab);
    } finally {
      feed.mend();
      for (const context of contexts) await context.close();
      contexts = [];
    }
    assert.deepEqual(wrong, [], "errors in the browser's console");
  };
  return { ...lab, during, close };
}

async function fill(guardian: Guardian, visitorsPerDay: number, days: number): Promise<void> {
  const shop = new SampleShop({ visitorsPerDay, botShare: 0.03 }), now = Date.now();
  await guardian.intake.loadSource(shop.id);
  for (const { firstRow, columns } of shop.chunks(now - days * DAY_MS, now)) {
    await guardian.intake.submit({ columns, lane: LIVE, source: shop.id, firstRow });
  }
  await guardian.caughtUp();
  await guardian.archiver.flush();
}

async function openPage(
  browser: Browser,
  url: string,
  options: OpenOptions,
  contexts: BrowserContext[],
  wrong: string[],
): Promise<Page> {
  const { width = 1280, height = 900, dark = false, reducedMotion = false, prepare, errors, bypassPolicy = false } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: reducedMotion ? "reduce" : "no-preference",
    bypassCSP: bypassPolicy,
    acceptDownloads: true,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  contexts.push(context);
  const page = await context.newPage();
  const told = (text: string) => {
    if (errors === undefined || !errors.test(text)) wrong.push(`${url}: ${text}`);
  };
  page.on("console", (message) => message.type() === "error" && told(`${message.text()} (${message.location().url})`));
  page.on("pageerror", (error) => told(String(error)));
  await prepare?.(page);
  await page.goto(url);
  await page.locator("h1").waitFor();
  return page;
}
