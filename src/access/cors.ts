// Which pages of other sites may call from a browser: those of origins that are set, and those of page keys for the one path that takes
// events. What always holds: nothing is said to any other page, so browsers keep answers from it; `null`, which every sandboxed page calls
// itself, is no origin; cookies never come along. It must not know what a request asks for.

import type { Header } from "./headers.ts";

/** The one path for page keys. */
export const PAGE_PATH = "/events";

const PREFLIGHT_S = 600, NO_CONTENT = 204;
const REQUEST_HEADERS = "Authorization, Content-Type, Content-Encoding, Data-Of, Idempotency-Key, If-None-Match, Last-Event-ID";
const PAGE_REQUEST_HEADERS = "Authorization, Content-Type, Content-Encoding, Idempotency-Key";
const EXPOSED = "Data-Of, ETag, Link, RateLimit, RateLimit-Policy, Retry-After";
const VARY: Header = ["Vary", "Origin"];

/** isPageOrigin: whether some page key that is in force is bound to an origin. */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[], private readonly isPageOrigin: (origin: string) => boolean = () => false) {
    this.#origins = new Set(origins.filter((origin) => origin !== "null"));
  }

  get isEmpty(): boolean {
    return this.#origins.size === 0;
  }

  /** Whether pages of an origin may call everything. */
  allows(origin: string): boolean {
    return this.#origins.has(origin);
  }

  /** The answer to a browser that asks whether a page may send a request; null where it is no such question, or nothing is allowed. */
  preflight(request: Request): Response | null {
    if (request.method !== "OPTIONS") return null;
    const origin = request.headers.get("origin");
    if (origin === null || !request.headers.has("access-control-request-method")) return null;
    const everything = this.allows(origin);
    if (!everything && !this.#ofPage(origin, request)) return null;
    const headers = {
      "Access-Control-Allow-Origin": origin,
      "Access-Control-Allow-Methods": everything ? "GET, HEAD, POST" : "POST",
      "Access-Control-Allow-Headers": everything ? REQUEST_HEADERS : PAGE_REQUEST_HEADERS,
      "Access-Control-Max-Age": String(PREFLIGHT_S),
      "Cache-Control": "no-store",
      "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    };
    return new Response(null, { status: NO_CONTENT, headers });
  }

  /** What an answer tells the browser of the page that asked; null where no page did. */
  headersFor(request: Request): readonly Header[] | null {
    const origin = request.headers.get("origin");
    if (origin === null) return this.isEmpty ? null : [VARY];
    const everything = this.allows(origin);
    if (!everything && !(request.method === "POST" && this.#ofPage(origin, request))) return [VARY];
    return [
      ["Access-Control-Allow-Origin", origin],
      ["Access-Control-Expose-Headers", EXPOSED],
      // A beacon's answer would be blocked otherwise, and stand in the console as a fault.
      ["Cross-Origin-Resource-Policy", "cross-origin"],
      VARY,
    ];
  }

  /** Asked for problems too, whose address may be none. */
  #ofPage(origin: string, { url }: Request): boolean {
    return origin !== "null" && this.isPageOrigin(origin) && URL.canParse(url) && new URL(url).pathname === PAGE_PATH;
  }
}

/** Sets what `headersFor` says. Other answers may vary by more already. */
export function tellPage(headers: Headers, told: readonly Header[] | null): void {
  if (told === null) return;
  for (const [name, value] of told) {
    if (name === "Vary") headers.append(name, value);
    else headers.set(name, value);
  }
}
