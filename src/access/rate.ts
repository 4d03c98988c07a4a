// How often somebody may ask: a bucket that refills at a rate, for each token, each address that uses a page key, and each address that
// shows nothing valid. What always holds: who shows a token is never held up by strangers, and strangers are never without a limit; where
// there are more of them than can be told apart, newcomers of one network share a bucket. It must not know requests or answers.

import type { Clock } from "../clock.ts";
import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { addressKey, networkKey } from "./addresses.ts";
import type { Client } from "./client.ts";
import type { Credential } from "./credential.ts";

/** Requests a second; 0: no limit. */
export interface Rates {
  /** Of one token, page key or session. */
  readonly token: number;
  /** Of one address with a page key. */
  readonly page: number;
  /** Of one address that shows nothing valid. */
  readonly stranger: number;
}

/** How one who asks stands, for the headers of an answer. */
export interface Standing {
  /** `RateLimit-Policy`: its name, how many requests, and in how many seconds. */
  readonly policy: string;
  /** `RateLimit`: how many are left now, and after how many seconds there is one more. */
  readonly limit: string;
}

/** Puts into the headers of an answer how whoever asked stands, as draft-ietf-httpapi-ratelimit-headers-10 has it. */
export function tellStanding(headers: Headers, { policy, limit }: Standing): void {
  headers.set("RateLimit-Policy", policy);
  headers.set("RateLimit", limit);
}

/** How fast a bucket refills, and how much it holds. */
class Pace {
  readonly policy: string;
  readonly perMs: number;

  /** rate: requests a second. burst: requests at once. */
  constructor(readonly name: string, readonly rate: number, readonly burst: number) {
    this.perMs = rate / 1000;
    this.policy = `"${name}";q=${burst};w=${Math.max(1, Math.ceil(burst / rate))}`;
  }
}

class Bucket implements Standing {
  #left: number;
  #at: number;

  constructor(private readonly pace: Pace, now: number) {
    this.#left = pace.burst;
    this.#at = now;
  }

  get policy(): string {
    return this.pace.policy;
  }

  get limit(): string {
    return `"${this.pace.name}";r=${Math.floor(this.#left)};t=${this.waitS}`;
  }

  /** Seconds until there is one more than now, from the last look on: where none is left, what `Retry-After` says. */
  get waitS(): number {
    return Math.max(1, Math.ceil((Math.floor(this.#left) + 1 - this.#left) / this.pace.rate));
  }

  isFull(now: number): boolean {
    return this.#left + (now - this.#at) * this.pace.perMs >= this.pace.burst;
  }

  take(now: number): boolean {
    this.#left = Math.min(this.pace.burst, this.#left + (now - this.#at) * this.pace.perMs);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

/** Buckets by key. One that is full again is as good as none, and makes room; who asked last stands last. */
class Buckets {
  readonly #own = new Map<string, Bucket>();
  readonly #shared = new Map<number, Bucket>();

  constructor(private readonly pace: Pace, private readonly most: number) {}

  get size(): number {
    return this.#own.size + this.#shared.size;
  }

  /** The bucket of a key. crowd: what it shares one by when there is no room. */
  of(key: string, crowd: string, now: number): Bucket {
    const { pace } = this, own = this.#own.get(key);
    if (own !== undefined) return own;
    if (this.#own.size >= this.most) this.#makeRoom(now);
    if (this.#own.size >= this.most) return this.#sharedBy(slotOf(crowd), now);
    const made = new Bucket(pace, now);
    this.#own.set(key, made);
    return made;
  }

  /** Looks at the oldest few: each comer pays for a little of it. Those in use stand last afterwards, so that the next look is at others. */
  #makeRoom(now: number): void {
    let looks = 0;
    for (const [key, bucket] of this.#own) {
      if (looks++ >= limits.rateLooks) return;
      this.#own.delete(key);
      if (!bucket.isFull(now)) this.#own.set(key, bucket);
    }
  }

  #sharedBy(slot: number, now: number): Bucket {
    let shared = this.#shared.get(slot);
    if (shared === undefined) this.#shared.set(slot, shared = new Bucket(this.pace, now));
    return shared;
  }
}

/** Counts requests, and says which are too many. */
export class RateLimits {
  readonly #tokens: Buckets | null;
  readonly #pages: Buckets | null;
  readonly #strangers: Buckets | null;
  readonly #signIns: Buckets;

  /** most: addresses, and tokens, that have a bucket of their own. */
  constructor(rates: Rates, private readonly clock: Clock, most: number = limits.rateBucketsMax) {
    const buckets = (name: string, rate: number) =>
      rate === 0 ? null : new Buckets(new Pace(name, rate, Math.max(1, Math.ceil(rate))), most);
    this.#tokens = buckets("token", rates.token);
    this.#pages = buckets("page", rates.page);
    this.#strangers = buckets("address", rates.stranger);
    this.#signIns = new Buckets(new Pace("sign-in", 1 / limits.signInEveryS, limits.signInsAtOnce), most);
  }

  /** Buckets that are kept. */
  get size(): number {
    return [this.#tokens, this.#pages, this.#strangers, this.#signIns].reduce((sum, buckets) => sum + (buckets?.size ?? 0), 0);
  }

  /** Counts a request. Returns how whoever sent it stands, or null where nothing limits. Throws `rate_limited`. */
  admit(credential: Credential, client: Client): Standing | null {
    switch (credential.kind) {
      case "local":
        return null;
      case "none":
        return this.#ofAddress(this.#strangers, client);
      case "page_key": {
        // Anybody can read such a key: the address comes first, so that one of them does not use up what all have.
        const ofAddress = this.#ofAddress(this.#pages, client), ofKey = this.#ofToken(credential.id);
        return ofAddress ?? ofKey;
      }
      default:
        return this.#ofToken(credential.id);
    }
  }

  /** Counts a try to sign in, besides `admit`. Throws `rate_limited`. */
  admitSignIn(client: Client): Standing {
    return this.#ofAddress(this.#signIns, client, SIGN_IN)!;
  }

  #ofToken(id: string): Bucket | null {
    const now = this.clock.monotonic(), bucket = this.#tokens?.of(id, id, now) ?? null;
    return bucket === null ? null : taken(bucket, now, OF_TOKEN);
  }

  #ofAddress(buckets: Buckets | null, { address }: Client, cannot = OF_ADDRESS): Bucket | null {
    if (buckets === null) return null;
    const now = this.clock.monotonic();
    return taken(buckets.of(addressKey(address), address, now), now, cannot);
  }
}

/** What who comes too soon cannot do, and why. */
const OF_TOKEN = "answer this request: its token has sent as many as may be sent in that time";
const OF_ADDRESS = "answer this request: its address has sent as many as may be sent in that time";
const SIGN_IN = "sign in: too many tries came from this address";

/** A request that came too soon. standing: for the headers of the answer. cannot: what not, and why. */
export class RateLimited extends GuardianError {
  constructor(readonly standing: Standing, cannot: string, retryAfterS: number) {
    super("rate_limited", `Cannot ${cannot}; wait for ${retryAfterS} s, and send fewer at once`, { retryAfterS });
  }
}

function taken(bucket: Bucket, now: number, cannot: string): Bucket {
  if (bucket.take(now)) return bucket;
  throw new RateLimited(bucket, cannot, bucket.waitS);
}

/** Which shared bucket the network of an address has: an own one is seldom worth keeping, and neighbours in one are few. */
function slotOf(address: string): number {
  let hash = 0;
  const key = networkKey(address);
  for (let c = 0; c < key.length; c++) hash = (Math.imul(hash, 31) + key.charCodeAt(c)) >>> 0;
  return hash % limits.rateSharedBuckets;
}
