// What a receiver's answer means, and when a message is tried again. Pure: it must not know clocks, storage or the network.
// What always holds: whatever is not clearly taken is tried again; what only this message can be blamed for does not hold up the others,
// and what nobody can be sure of does so for half an hour at the most.

import { limits } from "../limits.ts";

/** `delivered`; `gone`: nothing more is wanted there; `refused`: this message is not taken; `failing`: the receiver takes nothing now. */
export type Answer =
  | { readonly kind: "delivered" }
  | { readonly kind: "gone" | "refused"; readonly reason: string }
  | { readonly kind: "failing"; readonly reason: string; readonly retryAfterMs: number };

const SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS;
/**
 * Waits between the tries of one message: they begin as the specification's example does, and last as long in all, a little over three days.
 * None is longer than an hour, as an alarm that comes a day after the receiver is back helps nobody.
 */
export const RETRY_WAITS_MS: readonly number[] = [5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, ...Array<number>(75).fill(HOUR_MS)];
/** From this failed try on a message holds up no other: the receiver may stumble over this one alone, whatever it answers. */
const ASIDE_FROM_TRY = 4;
/** Share of a wait by which it is longer or shorter, so that many senders do not come back at the same moment. */
const JITTER = 0.1;
/** The longest wait there is, ms. A next try that is further ahead was noted before the clock was set back. */
export const RETRY_WAIT_MAX_MS = Math.max(RETRY_WAITS_MS[RETRY_WAITS_MS.length - 1] * (1 + JITTER), limits.webhookRetryAfterMaxMs);

/** The content or the size of this message is at fault; others may be fine. */
const REFUSED = new Set([400, 413, 422]);
const GONE = 410, TOO_MANY = 429, UNAVAILABLE = 503;

/** What an answer means. retryAfter: that header, if it was there. now: ms. */
export function answerOf(status: number, retryAfter: string | null, now: number): Answer {
  if (status >= 200 && status < 300) return { kind: "delivered" };
  if (status === GONE) return { kind: "gone", reason: "the receiver answered 410 Gone" };
  if (REFUSED.has(status)) return { kind: "refused", reason: `the receiver answered ${status}` };
  const asked = (status === TOO_MANY || status === UNAVAILABLE) && retryAfter !== null ? retryAfterMs(retryAfter, now) : 0;
  // A redirect could lead anywhere; whoever moves a receiver changes the setting.
  const moved = status >= 300 && status < 400 ? ", and redirects are not followed" : "";
  return { kind: "failing", reason: `the receiver answered ${status}${moved}`, retryAfterMs: asked };
}

/** What `Retry-After` asks for, seconds or an HTTP date, within its bound; 0 for what it cannot be. */
function retryAfterMs(text: string, now: number): number {
  const asked = /^\d+$/.test(text.trim()) ? Number(text) * SECOND_MS : Date.parse(text) - now;
  return Number.isNaN(asked) ? 0 : Math.min(Math.max(asked, 0), limits.webhookRetryAfterMaxMs);
}

/**
 * Whether a message that was not taken waits beside the others from now on. It stays there: what becomes of it later says little of the
 * receiver, and the next new message finds out. tries: its failed ones.
 */
export function goesAside(kind: Answer["kind"], tries: number, isAside: boolean, hasRoom: boolean): boolean {
  return isAside || ((kind === "refused" || tries >= ASIDE_FROM_TRY) && hasRoom);
}

/**
 * How long to wait after a message's failed tries, ms, or null to give it up. tries: 1 or more. random: 0 to 1. A receiver may ask for more
 * time (askedMs) and not for less: asking for none would use up all tries at once, and the message would be lost.
 */
export function retryWaitMs(tries: number, random: number, askedMs: number): number | null {
  if (tries > RETRY_WAITS_MS.length) return null;
  return Math.max(Math.round(RETRY_WAITS_MS[tries - 1] * (1 - JITTER + 2 * JITTER * random)), askedMs);
}
