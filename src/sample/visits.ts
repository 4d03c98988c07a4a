// What visitors do, step by step: people who look, search, and sometimes buy, and five kinds of bots. Pure: a visit draws from its own random
// stream and tells each step to a sink.
// What always holds: a visit is over within VISIT_MS_MAX; the burst scraper and the item poller do what the rules name, the others and people never.

import { ADD_TO_CART, CLICK, PAGE_VIEW, PURCHASE, SEARCH } from "../event/kind.ts";
import { fashionItem, ITEMS, popularItem } from "./catalogue.ts";
import { searches } from "./crowd.ts";
import type { Random } from "./random.ts";

/** Longest visit, ms. */
export const VISIT_MS_MAX = 3_600_000;

/** Kinds of visitors; all but the first are bots. */
export const visitorKinds = ["person", "burst_scraper", "item_poller", "catalogue_crawler", "cart_hoarder", "slow_scraper"] as const;
export type VisitorKind = (typeof visitorKinds)[number];

/** Of 100 bots, how many are of each kind, as in `visitorKinds`. Few crawlers, as one makes as many clicks as a hundred people. */
export const botWeights: readonly number[] = [0, 30, 22, 10, 22, 16];

/**
 * Takes one step of a visit. time: ms since the epoch. item: place in the catalogue, -1 for none. detail: of a page view the page (0 the
 * front, 1 to 12 a category, 13 the item's own), of a search the words, of a purchase the quantity, with FREE added where it has no price.
 */
export type StepSink = (time: number, kind: number, item: number, detail: number) => void;

export const FRONT_PAGE = 0, ITEM_PAGE = 13;

/** Added to the quantity of a purchase whose price is not known and stands as 0. */
export const FREE = 1000;

/** What a visit knows of its day. */
export interface VisitDay {
  readonly seed: number;
  readonly day: number;
}

/** Plays one visit that begins at `start`. */
export function visit(kind: number, random: Random, start: number, day: VisitDay, step: StepSink): void {
  if (kind === 0) person(random, start, day, step);
  else bots[kind](random, start, step);
}

const BUYERS_SHARE = 0.05, SEARCH_SHARE = 0.16, FASHION_SHARE = 0.12, CART_SHARE = 0.12, FREE_SHARE = 0.2;
/** Clicks of a person at the most, and how likely each is to be followed by another. */
const CLICKS_MAX = 60, ON_SHARE = 0.72;
/** Orders of more items are cut here. */
const BASKET_MAX = 4;

function person(random: Random, start: number, { seed, day }: VisitDay, step: StepSink): void {
  const until = start + VISIT_MS_MAX - 1, buys = random.share() < BUYERS_SHARE;
  let time = start, looked = -1, carted = 0;
  const basket: number[] = [];
  step(time, PAGE_VIEW, -1, random.share() < 0.5 ? FRONT_PAGE : 1 + random.below(12));
  const clicks = buys ? random.between(2, 9) : 1;
  for (let click = 1; click <= CLICKS_MAX && (click <= clicks || random.share() < ON_SHARE); click++) {
    time += thought(random);
    if (random.share() < SEARCH_SHARE) {
      step(Math.min(time, until), SEARCH, -1, random.below(searches.length));
      time += thought(random);
    }
    // People come back to what they have seen.
    const item = looked >= 0 && random.share() < 0.15
      ? looked
      : random.share() < FASHION_SHARE
      ? fashionItem(seed, day, random.bits())
      : popularItem(random.share());
    if (time > until) break;
    step(time, CLICK, item, 0);
    // A click too many, as fingers make them.
    if (random.share() < 0.01) step(Math.min(time + random.between(80, 300), until), CLICK, item, 0);
    looked = item;
    if (random.share() < 0.25) step(Math.min(time + random.between(400, 1500), until), PAGE_VIEW, item, ITEM_PAGE);
    if (carted < BASKET_MAX && random.share() < (buys ? 0.35 : CART_SHARE)) {
      carted++;
      time += random.between(1500, 12_000);
      step(Math.min(time, until), ADD_TO_CART, item, 0);
      basket.push(item);
    }
  }
  if (!buys || looked < 0) return;
  if (basket.length === 0) basket.push(looked);
  time = Math.min(time + random.between(15_000, 120_000), until);
  for (const item of basket) {
    step(time, PURCHASE, item, random.below(8) === 0 ? random.between(2, 4) : 1 + (random.share() < FREE_SHARE ? FREE : 0));
  }
}

/** Time between two steps of a person, ms: mostly 3 to 60 s, sometimes minutes. */
function thought(random: Random): number {
  const share = random.share();
  return 1200 + Math.floor(9000 * (1 / (1 - 0.97 * share) - 1) + 6000 * random.share());
}

const TEN_SECONDS = 10_000;

/** One to four bursts, each of 60 to 140 clicks on the catalogue within one window of ten seconds from the epoch. */
function burstScraper(random: Random, start: number, step: StepSink): void {
  step(start, PAGE_VIEW, -1, FRONT_PAGE);
  let window = (Math.floor(start / TEN_SECONDS) + 1) * TEN_SECONDS, item = random.below(ITEMS);
  for (let burst = random.between(1, 4); burst > 0; burst--) {
    const clicks = random.between(60, 140), gap = Math.floor(9800 / clicks), jitter = Math.max(1, gap >> 2);
    for (let i = 0; i < clicks; i++) step(window + i * gap + random.below(jitter), CLICK, item++ % ITEMS, 0);
    window += TEN_SECONDS * random.between(2, 30);
  }
}

/** Two and a half to seven minutes of more than 100 clicks a minute on one to five items. */
function itemPoller(random: Random, start: number, step: StepSink): void {
  const watched = Array.from({ length: random.between(1, 5) }, () => popularItem(random.share()));
  const gap = random.between(400, 560), end = start + random.between(150_000, 420_000);
  for (let time = start, i = 0; time < end; time += gap, i++) step(time + random.below(25), CLICK, watched[i % watched.length], 0);
}

/** Item after item for one to four minutes, at 42 to 47 clicks in ten seconds: below the limit of a burst, and never twice on one item. */
function catalogueCrawler(random: Random, start: number, step: StepSink): void {
  let item = random.below(ITEMS);
  const end = start + random.between(60_000, 240_000);
  for (let time = start; time < end; time += random.between(213, 236)) step(time, CLICK, item++ % ITEMS, 0);
}

/** Puts 25 to 80 items into a cart, some seconds apart, and never buys. */
function cartHoarder(random: Random, start: number, step: StepSink): void {
  let time = start;
  for (let i = random.between(25, 80); i > 0; i--) {
    const item = popularItem(random.share());
    step(time, CLICK, item, 0);
    step(time + random.between(200, 700), ADD_TO_CART, item, 0);
    time += random.between(2500, 6000);
  }
}

/** A click every 9 to 20 s, as regular as a clock, for half an hour or more. */
function slowScraper(random: Random, start: number, step: StepSink): void {
  let item = random.below(ITEMS);
  const gap = random.between(9000, 20_000), end = start + random.between(1_800_000, 3_500_000);
  for (let time = start; time < end; time += gap) step(time + random.below(40), CLICK, item++ % ITEMS, 0);
}

/** By kind; people come with another face. */
const bots = [() => {}, burstScraper, itemPoller, catalogueCrawler, cartHoarder, slowScraper];
