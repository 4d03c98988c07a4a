// The door of a server: who asks, whether the host that a request names is meant, how often one may ask, and whether what was shown allows
// what is asked for. What always holds: a server that others could reach lets nobody in who shows nothing valid; a secret is in no message.
// It must not know endpoints; it is told what each needs.

import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { ASSETS_PATH } from "../dashboard/pages.ts";
import { GuardianError } from "../errors.ts";
import { type Client, clientOf } from "./client.ts";
import { PAGE_PATH } from "./cors.ts";
import { type Credential, may, type Need } from "./credential.ts";
import { closedFront, type Front } from "./front.ts";
import { hostOf, Hosts, isLoopback } from "./hosts.ts";
import type { Standing } from "./rate.ts";
import type { Holder, Holders } from "./sessions.ts";
import { hashOf, type Token, type Tokens } from "./tokens.ts";

/** What knows who has signed in to the dashboard. */
export interface SessionSource {
  /** Null where a request shows none that is in force. */
  credentialOf(request: Request): Credential | null;
  /** Whether the session that a credential was given for is still in force. */
  holds(credential: Credential): boolean;
}

export interface AccessOptions {
  /** What the server is bound to. */
  readonly host: string;
  /** A token of the settings, or null. It may do everything. */
  readonly token: string | null;
  readonly allowedHosts: readonly string[];
  /** Whom it trusts as a proxy, how often one may ask, and which pages may. */
  readonly front: Pick<Front, "trustedProxies" | "rates" | "cors">;
  /** Null: there are none but that of the settings. */
  readonly tokens: Tokens | null;
  readonly sessions: SessionSource | null;
  /** What commands on this machine show, or null. */
  readonly ownerSecret: string | null;
}

/** What is about to answer a request. path: as its endpoint has it, however the request spells it; null where no endpoint fits. */
export interface Asked {
  readonly needs: Need;
  readonly path: string | null;
}

/** A request that was looked at: who sent it, as far as that is known. */
export class Visit {
  #client: Client | null = null;

  /** standing: how its sender stands with the rate limit, or null. */
  constructor(private readonly lookUp: () => Client, readonly credential: Credential, readonly standing: Standing | null) {}

  get client(): Client {
    return this.#client ??= this.lookUp();
  }
}

const LOCAL: Credential = { kind: "local" }, NONE: Credential = { kind: "none" };
const CSRF_HEADER = "x-csrf-token";
/** What proxies tell of those who ask them, or of themselves. */
const PROXY_HEADERS = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-real-ip", "via"];
/** How a page that cannot set headers brings its key. */
export const KEY_PARAMETER = "key";

export class Access implements Holders {
  /** It asks nobody for anything: only this machine can reach it. */
  readonly isOpen: boolean;
  /** May be set later, as who signs in does so by a token. */
  sessions: SessionSource | null;
  readonly #hosts: Hosts;
  readonly #secrets: readonly { readonly id: string; readonly hash: Uint8Array }[];

  constructor(private readonly options: AccessOptions) {
    const { host, token, allowedHosts, ownerSecret } = options;
    this.isOpen = isOpen(options);
    this.sessions = options.sessions;
    this.#hosts = new Hosts(host, allowedHosts);
    this.#secrets = [
      ...token === null ? [] : [{ id: "GUARDIAN_TOKEN", hash: hashOf(token) }],
      ...ownerSecret === null ? [] : [{ id: "owner", hash: hashOf(ownerSecret) }],
    ];
  }

  /** Checks that a request is for a host of this server: whatever reads its address relies on that. Throws `wrong_host`, `forbidden`. */
  checkHost(request: Request, info: Deno.ServeHandlerInfo | undefined): void {
    if (!this.isOpen) return this.#hosts.check(clientOf(request, info, this.options.front).host);
    this.#hosts.check(hostOf(request, info));
    refuseProxied(request);
  }

  /** Looks at a request: its host, who sent it, and whether that one may ask again. Throws `wrong_host`, `forbidden`, `rate_limited`. */
  enter(request: Request, info: Deno.ServeHandlerInfo | undefined): Visit {
    const lookUp = () => clientOf(request, info, this.options.front);
    if (this.isOpen) {
      this.checkHost(request, info);
      return new Visit(lookUp, LOCAL, null);
    }
    const client = lookUp();
    this.#hosts.check(client.host);
    const credential = this.credentialOf(request);
    const isFree = credential.kind === "none" && isFileOfPage(request);
    return new Visit(() => client, credential, isFree ? null : this.options.front.rates.admit(credential, client));
  }

  /** Who sent a request. A header goes before a page key in the address, that before a cookie; what is not valid is not made up for by another. */
  credentialOf(request: Request): Credential {
    if (this.isOpen) return LOCAL;
    const header = request.headers.get("authorization");
    if (header !== null) {
      const [, text] = /^Bearer +(\S+) *$/i.exec(header) ?? [];
      return text === undefined ? NONE : this.credentialOfText(text) ?? NONE;
    }
    const key = request.method === "POST" ? pageKeyIn(request.url) : null;
    if (key !== null) return key.startsWith("cgp_") ? this.credentialOfText(key) ?? NONE : NONE;
    return this.sessions?.credentialOf(request) ?? NONE;
  }

  /** Whose the text of a token is; null where it is none that is in force. */
  credentialOfText(text: string): Credential | null {
    const hash = hashOf(text);
    for (const secret of this.#secrets) if (timingSafeEqual(secret.hash, hash)) return { kind: "token", id: secret.id, scopes: ["admin"] };
    const token = this.options.tokens?.verify(text) ?? null;
    return token && credentialOfToken(token);
  }

  holderOf(id: string): Holder | null {
    const secret = this.#secrets.find((one) => one.id === id);
    if (secret !== undefined) return { name: id, scopes: ["admin"], proof: Buffer.from(secret.hash).toString("hex") };
    const token = this.options.tokens?.active(id) ?? null;
    return token === null || token.origins !== null ? null : { name: token.name, scopes: token.scopes, proof: String(token.createdAt) };
  }

  noteUse(id: string): void {
    this.options.tokens?.noteUse(id);
  }

  /** Whether a credential that was given out some time ago would be given out still: for answers that go on. */
  holds(credential: Credential): boolean {
    if (credential.kind === "session") return this.sessions?.holds(credential) ?? false;
    return credential.kind === "token" ? this.holderOf(credential.id) !== null : true;
  }

  /** Checks that a request may have what is about to answer it. Throws `unauthorized`, `forbidden`, `cross_site`. */
  check(request: Request, visit: Pick<Visit, "credential" | "client">, { needs, path }: Asked): void {
    const { credential } = visit;
    if (credential.kind === "local") {
      if (!isSafe(request)) checkSite(request, visit.client.host);
      return;
    }
    if (!may(credential, needs)) throw credential.kind === "none" ? unauthorized(request) : forbidden(needs);
    if (credential.kind === "page_key" && needs !== "nothing") checkPage(request, path, credential.origins);
    // What is for everybody too: a page of another site must not sign anybody in or out.
    if (isSafe(request) || (credential.kind !== "session" && needs !== "nothing")) return;
    checkSite(request, visit.client.host);
    // Who signs in anew has no use for what the session before was given.
    if (credential.kind === "session" && needs !== "nothing") checkCsrf(request, credential.csrf);
  }
}

/** A server on loopback that nobody opened to others, neither by a token nor by a way in: another host, a proxy, a page of another site. */
export function isOpen({ host, token, allowedHosts, front }: Pick<AccessOptions, "host" | "token" | "allowedHosts" | "front">): boolean {
  return isLoopback(host) && token === null && allowedHosts.length === 0 && front.trustedProxies.isEmpty && front.cors.isEmpty;
}

/** The door of a server on loopback without anything else, or with what is given: for a server that has no store of tokens. */
export function openAccess(given: Partial<AccessOptions> = {}): Access {
  return new Access({
    host: "127.0.0.1",
    token: null,
    allowedHosts: [],
    front: closedFront,
    tokens: null,
    sessions: null,
    ownerSecret: null,
    ...given,
  });
}

/** Throws `invalid_setting` where a server that others could reach would have nothing to let anybody in by. */
export function requireWayIn(options: Parameters<typeof isOpen>[0], tokens: Pick<Tokens, "anyActive"> | null): void {
  if (isOpen(options) || options.token !== null || tokens?.anyActive) return;
  const why = isLoopback(options.host) ? "with hosts, proxies or origins set, others could reach it" : "others could reach it";
  throw new GuardianError(
    "invalid_setting",
    `Cannot listen on "${options.host}" without a token: ${why}; make one with "tokens create --name admin --scope admin", ` +
      "or set GUARDIAN_TOKEN=$(openssl rand -base64 32), or listen on 127.0.0.1 alone",
  );
}

export function credentialOfToken({ prefix, scopes, origins }: Token): Credential {
  return origins === null ? { kind: "token", id: prefix, scopes } : { kind: "page_key", id: prefix, origins };
}

function unauthorized(request: Request): GuardianError {
  const why = request.headers.has("authorization") ? "its token is not one that is in force" : "it brings no token";
  return new GuardianError("unauthorized", `Cannot answer this request: ${why}; send "Authorization: Bearer" and a token`);
}

function forbidden(needs: Need): GuardianError {
  const mend = `use a token with the scope "${needs}"`;
  return new GuardianError("forbidden", `Cannot answer this request: its token is not for that; ${mend}`);
}

function isSafe({ method }: Request): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/**
 * A file of the page on which one signs in: there are more of them than strangers may ask for at once, and they are held in memory. Who shows
 * something that may be a token is counted, so that nobody can try some out here.
 */
function isFileOfPage(request: Request): boolean {
  const { url, headers } = request;
  return isSafe(request) && url.startsWith(`${ASSETS_PATH}/`, url.indexOf("/", url.indexOf("//") + 2)) && !headers.has("authorization");
}

/** Who comes through a proxy may be anybody, and not from this machine. A proxy that says nothing of itself is not seen. */
function refuseProxied({ headers }: Request): void {
  const name = PROXY_HEADERS.find((name) => headers.has(name));
  if (name === undefined) return;
  const why = `it came through a proxy, as its "${name}" tells, and this server has no token to ask strangers for`;
  throw new GuardianError(
    "forbidden",
    `Cannot answer this request: ${why}; set GUARDIAN_TOKEN, and --trusted-proxies to the proxy's address`,
  );
}

/** As queries are read everywhere, so that nothing is a key here and something else there. */
function pageKeyIn(url: string): string | null {
  return url.includes("?") ? new URL(url).searchParams.get(KEY_PARAMETER) : null;
}

/** A key that all visitors can read appends from its pages, and no more: what numbers rows or names sources is not for them. */
function checkPage(request: Request, path: string | null, origins: readonly string[]): void {
  const { searchParams } = new URL(request.url), origin = request.headers.get("origin");
  if (request.method !== "POST" || path !== PAGE_PATH || [...searchParams.keys()].some((name) => name !== KEY_PARAMETER)) {
    throw new GuardianError("forbidden", `Cannot answer this request: a page key is for POST ${PAGE_PATH} alone; use a token`);
  }
  if (origin !== null && origins.includes(origin)) return;
  const from = origin === null ? "this one names no page" : `this one comes from "${origin.slice(0, 100)}"`;
  throw new GuardianError(
    "forbidden",
    `Cannot take this request: its page key is for pages of its own origins, and ${from}; make a key for it`,
  );
}

/** A browser says where a request that changes something comes from; what is no browser says nothing. */
function checkSite(request: Request, host: string): void {
  const origin = request.headers.get("origin"), site = request.headers.get("sec-fetch-site");
  // No page can write this itself. It goes first, as a proxy may tell the host without the port that the page was asked for at.
  if (site === "same-origin") return;
  const foreign = origin !== null ? !isOriginOf(host, origin) : site !== null && site !== "none";
  if (!foreign) return;
  const from = origin === null ? "" : `, "${origin.slice(0, 100)}" and not "${host}"`;
  throw new GuardianError(
    "cross_site",
    `Cannot take this request: it comes from a page of another site${from}; send it from a program or a server`,
  );
}

function checkCsrf(request: Request, csrf: string): void {
  if (timingSafeEqual(hashOf(request.headers.get(CSRF_HEADER) ?? ""), hashOf(csrf))) return;
  throw new GuardianError("cross_site", "Cannot take this request: it does not bring the X-CSRF-Token of its session; load the page again");
}

/** Whether an origin is one of a host, which may name the port that its scheme has anyway, and be written in another way. */
function isOriginOf(host: string, origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: named } = new URL(origin), own = `${protocol}//${host}`;
  return URL.canParse(own) && new URL(own).host === named;
}
