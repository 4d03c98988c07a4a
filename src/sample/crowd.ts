// Who comes to the sample shop and when: visitors by the hour of the week, and what their browsers say of them.
// What always holds: the week's weights average to 1, so that visitors a day are what was asked for; addresses are masked ones, as everywhere.

import type { Random } from "./random.ts";

/** Sessions are planned in slots; a slot's arrivals depend on the seed and the slot alone. */
export const SLOT_MS = 600_000;
const SLOTS_PER_DAY = 144, HOURS = 24, DAYS = 7;

/** Visitors of an hour of the day, in UTC; in proportion to each other. Lunch and evening, and a few at night. */
const hours = [14, 9, 6, 5, 5, 8, 16, 28, 42, 52, 58, 62, 66, 60, 56, 55, 58, 64, 74, 86, 92, 80, 54, 28];
/** Visitors of a day of the week, from Sunday. */
const days = [116, 104, 96, 94, 92, 94, 104];

const hoursMean = hours.reduce((sum, weight) => sum + weight, 0) / HOURS;
const daysMean = days.reduce((sum, weight) => sum + weight, 0) / DAYS;

/** How busy an hour is, as a multiple of the average one. `time`: ms since the epoch, anywhere in the hour. */
export function busyness(time: number): number {
  const day = Math.floor(time / 86_400_000);
  // The epoch began on a Thursday.
  return (hours[Math.floor(time / 3_600_000) % HOURS] / hoursMean) * (days[(day + 4) % DAYS] / daysMean);
}

/** Visitors expected in a slot. */
export function expectedVisitors(slot: number, visitorsPerDay: number): number {
  return (visitorsPerDay / SLOTS_PER_DAY) * busyness(slot * SLOT_MS);
}

/** A browser: its name for itself, the kind of device, and how many of 100 visitors have it. */
interface Browser {
  readonly userAgent: string;
  readonly platform: string;
  readonly weight: number;
}

const MOZILLA = "Mozilla/5.0";
const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";
const SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)";

export const browsers: readonly Browser[] = [
  { userAgent: `${MOZILLA} (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/138.0.0.0 Safari/537.36`, platform: "web", weight: 27 },
  {
    userAgent: `${MOZILLA} (iPhone; CPU iPhone OS 18_5 like Mac OS X) ${SAFARI} Version/18.5 Mobile/15E148 Safari/604.1`,
    platform: "web",
    weight: 21,
  },
  { userAgent: `${MOZILLA} (Linux; Android 10; K) ${WEBKIT} Chrome/138.0.0.0 Mobile Safari/537.36`, platform: "web", weight: 19 },
  { userAgent: `${MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) ${SAFARI} Version/18.5 Safari/605.1.15`, platform: "web", weight: 8 },
  { userAgent: `${MOZILLA} (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0`, platform: "web", weight: 6 },
  { userAgent: `${MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0`, platform: "web", weight: 2 },
  {
    userAgent: `${MOZILLA} (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0`,
    platform: "web",
    weight: 6,
  },
  { userAgent: "SampleShop/5.2 (iOS 18.5)", platform: "ios", weight: 6 },
  { userAgent: "SampleShop/5.2 (Android 15)", platform: "android", weight: 5 },
];

/** What bots that do not pose as browsers call themselves. */
export const botAgents: readonly string[] = [
  "python-requests/2.32.4",
  "Scrapy/2.13.2 (+https://scrapy.org)",
  "Go-http-client/2.0",
  "curl/8.14.1",
];

export const referrers: readonly string[] = [
  "https://www.google.com/",
  "https://www.bing.com/",
  "https://duckduckgo.com/",
  "https://www.instagram.com/",
  "https://news.shop.example/spring",
  "https://prices.example/compare",
];

/** Masked addresses: those of people spread over many networks, those of bots from the ranges kept for documentation (RFC 5737). */
export const addresses: readonly string[] = [
  ...Array.from({ length: 480 }, (_, at) => `${24 + at % 160}.${(at * 37) % 256}.0.0`),
  "192.0.0.0",
  "198.51.0.0",
  "203.0.0.0",
];
const BOT_ADDRESSES = 3;

export const searches: readonly string[] = [
  "linen shirt",
  "oak chair",
  "gift",
  "wool blanket",
  "lamp",
  "teapot",
  "rucksack",
  "candle",
  "notebook",
  "blue rug",
  "sale",
  "umbrella",
  "mug",
  "felt hat",
  "bench",
  "steel bottle",
];

/** Browsers by their weight: one draw of 100. */
const browserByDraw: readonly number[] = browsers.flatMap(({ weight }, place) => new Array(weight).fill(place));

/** Context of one session, as places in the lists above; -1 where there is none. user: a number, 0 for nobody known. */
export interface Context {
  agent: number;
  platform: number;
  address: number;
  referrer: number;
  user: number;
}

export const platforms: readonly string[] = ["web", "ios", "android"];
const USERS_PER_DAILY_VISITOR = 8, FIRST_USER = 100_000;

/** Draws the context of a person. Places of bots' agents come after those of browsers. */
export function drawPerson(random: Random, visitorsPerDay: number, into: Context): void {
  const browser = browserByDraw[random.below(browserByDraw.length)];
  into.agent = browser;
  into.platform = platforms.indexOf(browsers[browser].platform);
  into.address = random.below(addresses.length - BOT_ADDRESSES);
  into.referrer = random.share() < 0.45 ? random.below(referrers.length) : -1;
  into.user = random.share() < 0.35 ? FIRST_USER + random.below(Math.max(1, visitorsPerDay * USERS_PER_DAILY_VISITOR)) : 0;
}

/** Draws the context of a bot: most pose as a browser. */
export function drawBot(random: Random, into: Context): void {
  const posing = random.share() < 0.6;
  into.agent = posing ? random.below(3) : browsers.length + random.below(botAgents.length);
  into.platform = 0;
  into.address = addresses.length - 1 - random.below(BOT_ADDRESSES);
  into.referrer = -1;
  into.user = 0;
}
