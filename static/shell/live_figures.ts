// What goes on in the shop now: asked for once, then kept up to date by the feed, second by second.

import { useEffect } from "preact/hooks";
import { traffic } from "./address.ts";
import type { Id } from "./answers.ts";
import { onUpdate } from "./feed.ts";
import { amend, type Resource, useResource } from "./resource.ts";

export interface Rate {
  readonly at: string;
  readonly clicks: number;
  readonly purchases: number;
  readonly other: number;
}

export interface LiveTotals {
  readonly active_sessions: number;
  readonly sessions: number;
  readonly buying_sessions: number;
  readonly conversion_rate: number | null;
  readonly avg_session_duration_s: number | null;
  readonly clicks: number;
  readonly page_views: number;
  readonly add_to_carts: number;
  readonly searches: number;
  readonly purchases: number;
}

interface Scene {
  readonly at: string;
  readonly newest_event: string | null;
  readonly window_start: string | null;
  readonly capped: boolean;
  readonly gap: { readonly events: number; readonly unread_events: number; readonly until: string | null } | null;
  readonly failing: string | null;
  readonly events_per_s: number;
  readonly anomalies_last_hour: {
    readonly total: number;
    readonly provisional: number;
    readonly by_type: Readonly<Record<string, number>>;
    readonly by_severity: Readonly<Record<string, number>>;
  };
}

export interface LiveFigures extends Scene, LiveTotals {
  readonly traffic: "all" | "humans";
  readonly top_products: readonly { readonly item_id: Id; readonly clicks: number; readonly purchases: number }[];
  readonly rates: readonly Rate[];
  readonly sessions_shown: readonly {
    readonly session_id: Id;
    readonly duration_s: number;
    readonly clicks: number;
    readonly items: number;
    readonly bought: boolean;
    readonly flagged: boolean;
  }[];
}

type Brief = LiveTotals & { readonly rates: readonly Rate[] };
export type LiveBrief = Scene & { readonly all: Brief; readonly humans: Brief };

const BUCKET_MS = 10_000;
/** Older than this beside the clock, the newest event is no longer "now". */
const QUIET_MS = 5 * 60_000;

/** everyMs: how often what the feed does not bring (products, sessions) is asked for. */
export function useLiveFigures(everyMs: number): Resource<LiveFigures> {
  const which = traffic.value, path = `/live/figures?traffic=${which}`;
  const figures = useResource<LiveFigures>(path, { everyMs });
  useEffect(() => onUpdate("figures", (brief) => amend<LiveFigures>(path, (shown) => withBrief(shown, brief, which))), [path]);
  return figures;
}

/** Figures with a newer update in them. An update of the time before them changes nothing. */
export function withBrief(shown: LiveFigures, brief: LiveBrief, which: "all" | "humans"): LiveFigures {
  if (brief.at < shown.at) return shown;
  const { all, humans, ...scene } = brief;
  const { rates, ...totals } = which === "all" ? all : humans;
  return { ...shown, ...scene, ...totals, rates: withRates(shown.rates, rates) };
}

/** The buckets of the same stretch with newer ones in them: those that nobody told of lie between, and are empty. */
function withRates(shown: readonly Rate[], newer: readonly Rate[]): readonly Rate[] {
  if (newer.length === 0) return shown;
  const byTime = new Map(shown.map((rate) => [Date.parse(rate.at), rate]));
  for (const rate of newer) byTime.set(Date.parse(rate.at), rate);
  const last = Math.max(...byTime.keys());
  return Array.from({ length: shown.length }, (_, i) => {
    const at = last - (shown.length - 1 - i) * BUCKET_MS;
    return byTime.get(at) ?? { at: new Date(at).toISOString(), clicks: 0, purchases: 0, other: 0 };
  });
}

/** Whether the shop has been quiet for a while, so that "now" is some time ago. */
export function isQuiet({ newest_event, at }: Pick<LiveFigures, "newest_event" | "at">): boolean {
  return newest_event !== null && Date.parse(at) - Date.parse(newest_event) > QUIET_MS;
}
