// The sample shop: a made-up shop with visitors and bots, so that an empty folder shows a living one. This is the folder's face.

export { FIRST_ITEM_ID, type Item, ITEMS, items } from "./catalogue.ts";
export { busyness, SLOT_MS } from "./crowd.ts";
export { type BotSession, type SampleChunk, sampleDefaults, type SampleOptions, SampleShop, VISITORS_PER_DAY_MAX } from "./shop.ts";
export { type VisitorKind, visitorKinds } from "./visits.ts";
