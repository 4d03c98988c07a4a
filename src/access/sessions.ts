// Who has signed in to the dashboard with a token. A session's id is 256 random bits in a cookie that scripts cannot read; kept is a hash of
// the cookie, so what is stored opens nothing. What always holds: a session allows what its token allows at that moment, and no more once
// that was revoked, is over, or is another one under the same id; it ends after a time without requests, after a time in any case, and when
// its owner signs out. It must not know what a request asks for.

import { createHash, createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import { commit, deleteAll } from "../store/commit.ts";
import { stateKeys } from "../store/keys.ts";
import type { Client } from "./client.ts";
import type { Credential, Scope } from "./credential.ts";
import { isLoopback } from "./hosts.ts";

/** A token as it is at some moment. proof: differs where another token has the same id. */
export interface Holder {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly proof: string;
}

/** What knows tokens by their ids. */
export interface Holders {
  /** Null where no token of that id is in force. */
  holderOf(id: string): Holder | null;
  /** Notes that a token was used. */
  noteUse(id: string): void;
}

type SessionCredential = Credential & { readonly kind: "session" };

interface Stored {
  /** Of the token. */
  readonly token: string;
  /** Hash of the cookie and the token's proof: says nothing of either, and fits no other pair. */
  readonly seal: string;
  readonly createdAt: number;
  readonly usedAt: number;
}

interface Known extends Stored {
  usedAt: number;
  /** When the last use was written. */
  writtenAt: number;
  /** It was ended, and is still stored. */
  isEnded: boolean;
}

/** The first one is for secure connections: a browser takes it from no other, and from this very host alone. */
const SECURE_NAME = "__Host-guardian", NAME = "guardian";
const COOKIE = new RegExp(`(?:^|;)\\s*((?:${SECURE_NAME}|${NAME})=[A-Za-z0-9_-]{43})(?=\\s*(?:;|$))`, "g");
/** A browser sends one of each name; more are somebody else's attempts, and not all are looked at. */
const COOKIES_MAX = 4;
const ID_BYTES = 32;
const USE_WRITTEN_EVERY_MS = 300_000;

export class Sessions {
  /** By the hash of the cookie. */
  readonly #known = new Map<string, Known>();
  /** The session of each credential that was given out, so that it can be asked for again. */
  readonly #givenFor = new WeakMap<Credential, { readonly known: Known; readonly cookie: string }>();
  /** One after another, so that what is late does not bring back what was ended. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(private readonly kv: Deno.Kv, private readonly clock: Clock, private readonly holders: Holders) {}

  static async open(kv: Deno.Kv, clock: Clock, holders: Holders): Promise<Sessions> {
    const sessions = new Sessions(kv, clock, holders);
    for await (const { key, value } of kv.list<Stored>({ prefix: stateKeys.signIns() })) {
      sessions.#known.set(String(key[1]), { ...value, writtenAt: value.usedAt, isEnded: false });
    }
    await sessions.#forget(sessions.#over());
    return sessions;
  }

  /** Those that are kept, whether they are in force or not. */
  get size(): number {
    return this.#known.size;
  }

  /** Whose session a request's cookie is; null where it is none that is in force. Counts as a use of it. */
  credentialOf(request: Request): SessionCredential | null {
    for (const cookie of cookiesOf(request)) {
      const known = this.#known.get(hashOf(cookie)), holder = known === undefined ? null : this.#holderOf(known, cookie);
      if (known === undefined || holder === null) continue;
      this.#used(known, cookie);
      return this.#credential(known, cookie, holder);
    }
    return null;
  }

  /** Whether the session that a credential was given for is still in force. Does not count as a use. */
  holds(credential: Credential): boolean {
    const given = this.#givenFor.get(credential);
    return given !== undefined && this.#holderOf(given.known, given.cookie) !== null;
  }

  /** Begins a session of a token. Returns it with the cookie for the browser, or null where no token has that id. Throws `storage_failing`. */
  begin(token: string, client: Pick<Client, "scheme" | "host">): Promise<{ credential: SessionCredential; cookie: string } | null> {
    return this.#inTurn(async () => {
      const holder = this.holders.holderOf(token);
      if (holder === null) return null;
      const isSecure = needsSecure(client), id = randomBytes(ID_BYTES).toString("base64url");
      const cookie = `${isSecure ? SECURE_NAME : NAME}=${id}`, now = this.clock.now();
      const stored: Stored = { token, seal: sealOf(cookie, holder), createdAt: now, usedAt: now };
      await this.#forget([...this.#over(), ...this.#crowdedOut(token)]);
      await commit(this.kv, { sets: [{ key: stateKeys.signIn(hashOf(cookie)), value: stored }] });
      const known: Known = { ...stored, writtenAt: now, isEnded: false };
      this.#known.set(hashOf(cookie), known);
      return { credential: this.#credential(known, cookie, holder), cookie: cookieOf(cookie, limits.sessionMaxMs / 1000, isSecure) };
    });
  }

  /**
   * Ends what a request's cookies stand for, at once and before it is stored: where that fails, it is over for this process, and the order
   * is to be given again. Returns the cookies that make a browser forget. Throws `storage_failing`.
   */
  end(request: Request): Promise<string[]> {
    const hashes = cookiesOf(request).map(hashOf).filter((hash) => this.#known.has(hash));
    for (const hash of hashes) this.#known.get(hash)!.isEnded = true;
    return this.#inTurn(async () => {
      await this.#forget(hashes);
      return [cookieOf(`${SECURE_NAME}=`, 0, true), cookieOf(`${NAME}=`, 0, false)];
    });
  }

  #credential(known: Known, cookie: string, { scopes }: Holder): SessionCredential {
    const csrf = createHmac("sha256", cookie).update("csrf").digest("base64url");
    const credential: SessionCredential = { kind: "session", id: known.token, scopes, csrf };
    this.#givenFor.set(credential, { known, cookie });
    return credential;
  }

  /** The token of a session that is in force. */
  #holderOf(known: Known, cookie: string): Holder | null {
    if (this.#isOver(known)) return null;
    const holder = this.holders.holderOf(known.token);
    return holder !== null && sealOf(cookie, holder) === known.seal ? holder : null;
  }

  #isOver({ createdAt, usedAt, isEnded }: Known): boolean {
    const now = this.clock.now();
    return isEnded || now - createdAt >= limits.sessionMaxMs || now - usedAt >= limits.sessionIdleMs;
  }

  /** Of those that nobody can use any more, as far as that can be told without their cookies. */
  #over(): string[] {
    return [...this.#known].filter(([, known]) => this.#isOver(known) || this.holders.holderOf(known.token) === null).map(([hash]) => hash);
  }

  /** Those that make room for another one of a token: the ones that were unused for the longest. */
  #crowdedOut(token: string): string[] {
    const own = [...this.#known].filter(([, known]) => known.token === token && !this.#isOver(known));
    return own.sort(([, a], [, b]) => a.usedAt - b.usedAt).slice(0, Math.max(0, own.length - limits.sessionsPerTokenMax + 1)).map((
      [hash],
    ) => hash);
  }

  async #forget(hashes: readonly string[]): Promise<void> {
    for (const hash of hashes) {
      const known = this.#known.get(hash);
      if (known !== undefined) known.isEnded = true;
    }
    await deleteAll(this.kv, hashes.map(stateKeys.signIn));
    for (const hash of hashes) this.#known.delete(hash);
  }

  /** Written now and then, and not waited for: what is lost of it is some minutes. */
  #used(known: Known, cookie: string): void {
    const now = this.clock.now();
    known.usedAt = now;
    if (Math.abs(now - known.writtenAt) < USE_WRITTEN_EVERY_MS) return;
    known.writtenAt = now;
    this.holders.noteUse(known.token);
    const { token, seal, createdAt } = known, value: Stored = { token, seal, createdAt, usedAt: now };
    this.#inTurn(async () => {
      if (!known.isEnded) await commit(this.kv, { sets: [{ key: stateKeys.signIn(hashOf(cookie)), value }] });
    }).catch(() => {});
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

/** The cookies of a request that may be a session's, each as `name=id`. */
function cookiesOf(request: Request): string[] {
  const header = request.headers.get("cookie");
  if (header === null || !header.includes(`${NAME}=`)) return [];
  return [...header.matchAll(COOKIE)].slice(0, COOKIES_MAX).map(([, cookie]) => cookie);
}

/** With its name, so that one which was given for secure connections counts under no other. */
function hashOf(cookie: string): string {
  return createHash("sha256").update(cookie).digest("hex");
}

function sealOf(cookie: string, { proof }: Holder): string {
  return createHmac("sha256", cookie).update(proof).digest("hex");
}

function cookieOf(pair: string, maxAgeS: number, isSecure: boolean): string {
  return `${pair}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
}

/** Everywhere but over plain HTTP to this machine, where browsers take no such cookie. */
function needsSecure({ scheme, host }: Pick<Client, "scheme" | "host">): boolean {
  return scheme === "https" || !isLoopback(host.replace(/:\d*$/, ""));
}
