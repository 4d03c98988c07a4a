// What the sample shop sells: items with names, categories and prices, and how often each is looked at. The same for every seed but for
// which items are in fashion, so that two sample shops can be compared.
// What always holds: an item's id, name, category and price never change; only how popular it is depends on the day.

import { PRICE_UNITS } from "../event/price.ts";
import { scrambled, seedOf } from "./random.ts";

/** Items of the shop. */
export const ITEMS = 4096;

/** Id of item 0; the others follow. */
export const FIRST_ITEM_ID = 214_500_000;

/** Items that a day has in fashion besides those that always are. */
const FASHIONS = 12;

const things = [
  "shirt,kettle,lamp,notebook,rucksack,scarf,mug,chair,blanket,clock,vase,wallet,apron,candle,basket,umbrella",
  "bowl,jacket,pillow,mirror,teapot,belt,rug,shelf,towel,poster,hat,bench,tray,pen case,stool,water bottle",
].join(",").split(",");
const stuffs = "linen,oak,wool,steel,cotton,glass,leather,bamboo,cork,ceramic,felt,brass,ash,canvas,enamel,paper".split(",");
const colours = "sand,moss,ink,rust,chalk,plum,slate,honey".split(",");

/** Numbers of brands, which stand where a category would. */
const brands = [2089028791, 1275345712, 1184257411, 1908114206, 1360021844, 2052817793, 1499203358, 1721190045];

/** As in YOOCHOOSE: `0` missing, `S` special offer, `1` to `12` real, longer numbers are brands. */
export type Category = number | "S";

/** One item. price: whole numbers of 1/10,000. */
export interface Item {
  readonly id: number;
  readonly name: string;
  readonly category: Category;
  readonly price: number;
}

export const items: readonly Item[] = Array.from({ length: ITEMS }, (_, place) => {
  const thing = things[place % things.length], stuff = stuffs[(place >> 5) % stuffs.length], colour = colours[place >> 9];
  return { id: FIRST_ITEM_ID + place, name: `${stuff} ${thing}, ${colour}`, category: categoryOf(place), price: priceOf(place) };
});

function categoryOf(place: number): Category {
  const drawn = scrambled(place + 1) % 100;
  if (drawn < 30) return 0;
  if (drawn < 42) return "S";
  return drawn < 92 ? 1 + place % 12 : brands[scrambled(place + 7) % brands.length];
}

/** From 1.99 to about 400, cheap things more often, as prices end: on 9 or on 50 cents. */
function priceOf(place: number): number {
  const share = scrambled(place + 0x5bd1) / 2 ** 32, whole = Math.floor(2 * 200 ** (share * share));
  const cents = scrambled(place + 3) % 3 === 0 ? 50 : 99;
  return (whole * 100 + cents) * (PRICE_UNITS / 100);
}

/** How steeply popularity falls: the item of rank r is looked at in proportion to r^-0.9 (Zipf). */
const STEEPNESS = 0.9;

// Walker's alias method: one draw picks a rank with exactly its weight, however many ranks there are.
const aliasShare = new Float64Array(ITEMS), aliasRank = new Uint16Array(ITEMS);
{
  const weights = Float64Array.from({ length: ITEMS }, (_, rank) => (rank + 1) ** -STEEPNESS);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const scaled = weights.map((weight) => weight * ITEMS / sum), small: number[] = [], large: number[] = [];
  for (let rank = 0; rank < ITEMS; rank++) (scaled[rank] < 1 ? small : large).push(rank);
  while (small.length > 0 && large.length > 0) {
    const less = small.pop()!, more = large[large.length - 1];
    aliasShare[less] = scaled[less];
    aliasRank[less] = more;
    scaled[more] -= 1 - scaled[less];
    if (scaled[more] < 1) small.push(large.pop()!);
  }
  for (const rank of [...small, ...large]) aliasShare[rank] = 1;
}

/** The place of a rank in the list: neighbours in rank have nothing to do with each other. Odd, so that every place has one rank. */
const RANK_STRIDE = 1597;

/** The place of an item drawn by popularity. `share`: from 0 up to 1. */
export function popularItem(share: number): number {
  const at = share * ITEMS, rank = Math.floor(at);
  return ((at - rank < aliasShare[rank] ? rank : aliasRank[rank]) * RANK_STRIDE) % ITEMS;
}

/** The place of one of the items that are in fashion on a day, counted from the epoch. `draw`: any integer. */
export function fashionItem(seed: number, day: number, draw: number): number {
  // A fashion lasts for some days, so that something is seen to rise and to fall.
  const number = draw % FASHIONS, since = Math.floor((day + number) / FASHION_DAYS);
  return seedOf(seed, since, number) % ITEMS;
}

const FASHION_DAYS = 4;
