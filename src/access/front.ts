// The part of a server that looks at a request before anybody asks what it is for: whom it trusts as a proxy, which pages may call, how often
// one may ask, and which headers go out with every answer. Made once of the settings; it must not know tokens or endpoints.

import { type Clock, systemClock } from "../clock.ts";
import { type Edge, TrustedProxies } from "./client.ts";
import { Cors } from "./cors.ts";
import { type Header, headersOfAll } from "./headers.ts";
import { RateLimits } from "./rate.ts";

export interface Front extends Edge {
  readonly cors: Cors;
  readonly rates: RateLimits;
  readonly headers: readonly Header[];
}

/** The settings that it goes by, as `src/config.ts` has them. */
export interface FrontSettings {
  readonly trustedProxies: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly rateLimit: number;
  readonly rateLimitPage: number;
  readonly rateLimitStranger: number;
}

/** strictTransport: it is reached by HTTPS alone. isPageOrigin: whether a page key in force is bound to an origin. */
export function frontOf(
  { trustedProxies, corsOrigins, rateLimit: token, rateLimitPage: page, rateLimitStranger: stranger }: FrontSettings,
  { clock, strictTransport, isPageOrigin }: { clock: Clock; strictTransport: boolean; isPageOrigin?: (origin: string) => boolean },
): Front {
  return {
    // The settings have let addresses and ranges through alone.
    trustedProxies: TrustedProxies.of(trustedProxies)!,
    cors: new Cors(corsOrigins, isPageOrigin),
    rates: new RateLimits({ token, page, stranger }, clock),
    headers: headersOfAll(strictTransport),
  };
}

/** Where nothing is set: no proxy, no page of another site, no limit. */
export const closedFront: Front = frontOf(
  { trustedProxies: [], corsOrigins: [], rateLimit: 0, rateLimitPage: 0, rateLimitStranger: 0 },
  { clock: systemClock, strictTransport: false },
);
