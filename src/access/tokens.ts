// Tokens: who was given one, for what, from where and until when. The text of a token is shown once, when it is made; kept is its SHA-256.
// What always holds: a token that was revoked, or is over, lets nobody in from that moment on; a damaged record lets nobody in either.
// Checking goes by a table in memory, which this process alone changes, and takes no longer for a guess that is nearly right.
// It must not know what scopes allow, or how a request brings a token.

import { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../clock.ts";
import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { commit } from "../store/commit.ts";
import { stateKeys } from "../store/keys.ts";
import type { Scope } from "./credential.ts";

/** What is told of a token. prefix: the part of its text that is no secret. Times: ms since the epoch. */
export interface Token {
  readonly prefix: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Of a page key: the origins whose pages may send with it. Null for any other token. */
  readonly origins: readonly string[] | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
}

/** What a new one is to be. */
export type TokenOrder = Pick<Token, "name" | "scopes" | "origins" | "expiresAt">;

type Stored = Omit<Token, "lastUsedAt"> & { readonly hash: string };

interface Known {
  readonly token: Omit<Token, "lastUsedAt">;
  readonly hash: Uint8Array;
  lastUsedAt: number | null;
  /** When that was last written. */
  writtenAt: number;
}

const TEXT = /^cgp?_([a-z2-7]{8})_[A-Za-z0-9_-]{43}$/;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567", PREFIX_CHARS = 8, SECRET_BYTES = 32;
const USE_WRITTEN_EVERY_MS = 60_000;

export class Tokens {
  readonly #known = new Map<string, Known>();
  /** Origins of page keys, made anew when those change: browsers ask for them with every page. */
  #pageOrigins: ReadonlyMap<string, readonly Known[]> = new Map();
  /** Orders go one after another, so that two at once cannot exceed the limit. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(private readonly kv: Deno.Kv, private readonly clock: Clock) {}

  static async open(kv: Deno.Kv, clock: Clock): Promise<Tokens> {
    const tokens = new Tokens(kv, clock);
    for await (const { value } of kv.list<Stored>({ prefix: stateKeys.tokens() })) {
      const { hash, ...token } = value;
      tokens.#known.set(token.prefix, { token, hash: Buffer.from(hash, "hex"), lastUsedAt: null, writtenAt: -Infinity });
    }
    for await (const { key, value } of kv.list<number>({ prefix: stateKeys.tokenUses() })) {
      const known = tokens.#known.get(String(key[1]));
      // Of one that was revoked while its use was being written.
      if (known === undefined) await kv.delete(key);
      else known.lastUsedAt = known.writtenAt = value;
    }
    tokens.#listOrigins();
    return tokens;
  }

  /** Those in force and those that are over, the newest first. */
  list(): Token[] {
    return [...this.#known.values()].map(shown).sort((a, b) => b.createdAt - a.createdAt || (a.prefix < b.prefix ? -1 : 1));
  }

  /** Whether anybody could get in. */
  get anyActive(): boolean {
    return [...this.#known.values()].some((known) => known.token.origins === null && this.#isInForce(known));
  }

  /** Makes one. text: all of it, which nobody can tell afterwards. Throws `bad_request`, `storage_failing`. */
  create(order: TokenOrder): Promise<{ text: string; token: Token }> {
    return this.#inTurn(async () => {
      if (this.#known.size >= limits.tokensMax) {
        throw new GuardianError("bad_request", `Cannot make a token: there are ${limits.tokensMax} already; revoke one that nobody uses`);
      }
      let prefix: string;
      do prefix = newPrefix(); while (this.#known.has(prefix));
      const text = `${order.origins === null ? "cg" : "cgp"}_${prefix}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
      const { name, scopes, origins, expiresAt } = order, hash = hashOf(text);
      const token = { prefix, name, scopes, origins, createdAt: this.clock.now(), expiresAt };
      const stored: Stored = { ...token, hash: Buffer.from(hash).toString("hex") };
      await commit(this.kv, { sets: [{ key: stateKeys.token(prefix), value: stored }] });
      const known: Known = { token, hash, lastUsedAt: null, writtenAt: -Infinity };
      this.#known.set(prefix, known);
      this.#listOrigins();
      return { text, token: shown(known) };
    });
  }

  /** Ends a token at once, before it is stored: where that fails, it ends for this process, and the order is to be given again. Whether there was one. */
  revoke(prefix: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const known = this.#known.get(prefix);
      if (known === undefined) return false;
      this.#known.delete(prefix);
      this.#listOrigins();
      try {
        await commit(this.kv, { deletes: [stateKeys.token(prefix), stateKeys.tokenUse(prefix)] });
      } catch (failure) {
        // It is still stored: shown, so that it can be revoked again, but never in force.
        this.#known.set(prefix, { ...known, token: { ...known.token, expiresAt: 0 } });
        throw failure;
      }
      return true;
    });
  }

  /** The token that a text is, if it is in force. */
  verify(text: string): Token | null {
    const prefix = TEXT.exec(text)?.[1], known = prefix === undefined ? undefined : this.#known.get(prefix);
    if (known === undefined || !timingSafeEqual(hashOf(text), known.hash) || !this.#isInForce(known)) return null;
    this.#used(known);
    return shown(known);
  }

  /** The token of a prefix, if it is in force. */
  active(prefix: string): Token | null {
    const known = this.#known.get(prefix);
    return known !== undefined && this.#isInForce(known) ? shown(known) : null;
  }

  /** Notes a use of a token by other means than its text. */
  noteUse(prefix: string): void {
    const known = this.#known.get(prefix);
    if (known !== undefined && this.#isInForce(known)) this.#used(known);
  }

  /** Whether some page key in force is for pages of an origin. */
  isPageOrigin(origin: string): boolean {
    return this.#pageOrigins.get(origin)?.some((known) => this.#isInForce(known)) ?? false;
  }

  #isInForce({ token: { expiresAt } }: Known): boolean {
    return expiresAt === null || this.clock.now() < expiresAt;
  }

  /** Not waited for, and under a key of its own: what is lost of it is a minute, and what comes late brings no token back. */
  #used(known: Known): void {
    const now = this.clock.now();
    known.lastUsedAt = now;
    if (Math.abs(now - known.writtenAt) < USE_WRITTEN_EVERY_MS) return;
    known.writtenAt = now;
    this.kv.set(stateKeys.tokenUse(known.token.prefix), now).catch(() => {});
  }

  #listOrigins(): void {
    const origins = new Map<string, Known[]>();
    for (const known of this.#known.values()) {
      for (const origin of known.token.origins ?? []) origins.set(origin, [...origins.get(origin) ?? [], known]);
    }
    this.#pageOrigins = origins;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

/** Whether a store that no server has open holds a token by which somebody could get in. Only reads. */
export async function anyStored(kv: Deno.Kv, clock: Clock): Promise<boolean> {
  for await (const { value: { origins, expiresAt } } of kv.list<Stored>({ prefix: stateKeys.tokens() })) {
    if (origins === null && (expiresAt === null || clock.now() < expiresAt)) return true;
  }
  return false;
}

/** SHA-256 of a text: comparing such tells neither a length nor a common beginning. */
export function hashOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function shown({ token, lastUsedAt }: Known): Token {
  return { ...token, lastUsedAt };
}

function newPrefix(): string {
  return [...randomBytes(PREFIX_CHARS)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
}
