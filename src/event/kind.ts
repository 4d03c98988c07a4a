// The kinds of event, as one byte in columns and as a word outside.

export const kindNames = ["click", "page_view", "add_to_cart", "search", "purchase"] as const;
export type KindName = (typeof kindNames)[number];

export const CLICK = 0;
export const PAGE_VIEW = 1;
export const ADD_TO_CART = 2;
export const SEARCH = 3;
export const PURCHASE = 4;
