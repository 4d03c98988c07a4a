// Where the next page of a list begins, as a text that clients hand back without looking into it, and the header that tells it (RFC 8288).

import { Buffer } from "node:buffer";
import type { Context } from "hono";
import { GuardianError } from "../errors.ts";

/** A longer one is none of ours, and storage would take no key that is made of it. */
const LENGTH_MAX = 1000;

/** Parts of a place in a list: what it is sorted by. */
export type Place = readonly (number | string)[];

/** What a cursor of one list looks like: its name, and the kind of each part. */
export interface CursorShape {
  readonly list: string;
  readonly parts: readonly ("number" | "string")[];
}

/** A place as a text. */
export function cursorOf({ list }: CursorShape, place: Place): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString("base64url");
}

/** The place that a cursor names. Throws `invalid_parameter` for what is no cursor of this list. */
export function placeOf({ list, parts }: CursorShape, cursor: string): Place {
  try {
    const [name, ...place] = JSON.parse(Buffer.from(cursor, "base64url").toString());
    const fits = place.length === parts.length && cursor.length <= LENGTH_MAX &&
      parts.every((part, i) => typeof place[i] === part && place[i] !== null);
    if (name === list && fits && cursorOf({ list, parts }, place) === cursor) return place;
  } catch {
    // Told below.
  }
  throw new GuardianError(
    "invalid_parameter",
    'Cannot use "cursor" as given: it is not one that this list has handed out; take the next one from the "Link" header',
  );
}

/** Tells in the answer where the next page is: the same request, from `next` on. */
export function linkNext(c: Context, shape: CursorShape, next: Place | null): void {
  if (next === null) return;
  const url = new URL(c.req.url);
  url.searchParams.set("cursor", cursorOf(shape, next));
  c.header("Link", `<${url.pathname}${url.search}>; rel="next"`);
}
