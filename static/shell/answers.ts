// The answers of the API, as far as the pages read them. The API's own documentation is at /docs; tests hold the two together.

export type Id = number | string;

/** Whose events count. */
export type Traffic = "all" | "humans";

export interface Evidence {
  readonly timestamp: string;
  readonly kind: string;
  readonly item_id: Id | null;
  readonly partition: number;
  readonly offset: number;
}

export interface Anomaly {
  readonly anomaly_id: string;
  readonly session_id: Id;
  readonly anomaly_type: string;
  readonly click_count: number;
  readonly unique_items: number;
  readonly unique_items_capped: boolean;
  readonly window_start: string;
  readonly window_end: string;
  readonly detected_at: string;
  readonly event_time: string;
  readonly status: "provisional" | "confirmed" | "retracted";
  readonly rule_version: number;
  readonly severity: "low" | "medium" | "high" | "critical";
  readonly score: number;
  readonly reason: string;
  readonly lane: string;
  readonly evidence: readonly Evidence[];
  readonly feedback: "human" | "bot" | null;
}

/** How many anomalies there are of a type. */
export interface TypeCount {
  readonly anomaly_type: string;
  readonly count: number;
}

/** How many anomalies an hour has. */
export interface HourCount {
  readonly hour: string;
  readonly count: number;
}

export interface Rule {
  readonly anomaly_type: string;
  readonly version: number;
  readonly window_s: number;
  readonly every_s: number;
  readonly clicks_min: number;
  readonly items_max: number | null;
  readonly description: string;
}

export type Verdict = "human" | "bot" | null;

export interface Feedback {
  readonly session_id: Id;
  readonly verdict: Verdict;
  readonly given_at: string | null;
  readonly days: readonly string[];
}

export interface SessionEvent {
  readonly timestamp: string;
  readonly kind: string;
  readonly item_id: Id | null;
  readonly category: string | null;
  readonly partition: number;
  readonly offset: number;
  readonly lane: string;
}

export interface SessionEvents {
  readonly events: readonly SessionEvent[];
  readonly complete: boolean;
  readonly left_out: readonly string[];
}

export type DayState = "finished" | "stale" | "running" | "incomplete" | "partial";

export interface Day {
  readonly metric_date: string;
  readonly total_clicks: number;
  readonly total_purchases: number;
  readonly unique_sessions: number;
  readonly unique_items: number;
  readonly conversion_rate: number | null;
  readonly avg_session_duration_sec: number | null;
  readonly avg_clicks_per_session: number | null;
  readonly total_revenue: number;
  readonly avg_order_value: number | null;
  readonly avg_basket_value: number | null;
  readonly purchases_without_price: number;
  readonly purchases_other_currency: number;
  readonly state: DayState;
  readonly finished_at: string;
}

export interface FunnelStage {
  readonly metric_date: string;
  readonly funnel_stage: string;
  readonly session_count: number;
  readonly percentage: number;
  readonly drop_rate: number;
  readonly reached: number;
  readonly reached_rate: number;
}

export interface ItemFigures {
  readonly metric_date: string;
  readonly category: string | null;
  readonly click_count: number;
  readonly purchase_count: number;
  readonly revenue: number;
  readonly rank: number;
  readonly click_to_purchase_ratio: number | null;
}

export interface PopularItem extends ItemFigures {
  readonly item_id: Id;
}

export interface TrendingItem {
  readonly metric_date: string;
  readonly item_id: Id;
  readonly category: string | null;
  readonly recent_clicks: number;
  readonly recent_purchases: number;
  readonly previous_clicks: number;
  readonly trend_score: number;
  readonly rank: number;
}

export interface Run {
  readonly number: number | null;
  readonly job: string;
  readonly date: string;
  readonly state: "running" | "waiting" | "succeeded" | "failed" | "skipped" | "interrupted";
  readonly trigger: string;
  readonly tries: number;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly retry_at: string | null;
  readonly rows: number | null;
  readonly error: string | null;
  readonly left_out: readonly string[];
}

export interface Jobs {
  readonly timezone: string;
  readonly run_at: string;
  readonly currency: string;
  readonly next_run: { readonly at: string; readonly date: string };
  readonly due: { readonly date: string; readonly jobs: readonly { readonly job: string; readonly reason: string }[] } | null;
  readonly jobs: readonly {
    readonly job: string;
    readonly description: string;
    readonly depends_on: readonly string[];
    readonly per: "day" | "lake";
    readonly tables: readonly { readonly name: string; readonly description: string; readonly columns: readonly string[] }[];
    readonly last_run: Run | null;
  }[];
}

export interface JobDay {
  readonly date: string;
  readonly state: DayState | "not_run" | "no_data";
  readonly has_figures: boolean;
  readonly failed: readonly string[];
  readonly retry_at: string | null;
}

export type BackfillLine =
  | { readonly type: "progress"; readonly done: number; readonly of: number; readonly date: string }
  | {
    readonly type: "done";
    readonly ok: boolean;
    readonly days: readonly string[];
    readonly succeeded: number;
    readonly failed: readonly { readonly job: string; readonly date: string; readonly state: string; readonly error: string | null }[];
    readonly not_run: readonly { readonly job: string; readonly date: string }[];
  }
  | { readonly type: "problem"; readonly detail: string };

export interface Health {
  readonly status: "ok" | "degraded" | "failing" | "stopping";
  readonly damage?: { readonly count: number; readonly pieces: readonly { readonly what: string; readonly reason: string }[] };
  readonly database: "ok" | "failing";
  readonly version: string;
  readonly uptime_s: number;
  readonly parts: Readonly<Record<"log" | "engine" | "archiver", { readonly status: "ok" | "failing"; readonly reason?: string }>>;
  readonly lag_events: { readonly engine: number; readonly archiver: number };
  readonly recovery: { readonly events_read_again: number; readonly seconds: number };
  readonly webhook: Webhook | null;
}

export interface Webhook {
  readonly status: "ok" | "failing" | "gone";
  readonly waiting: number;
  readonly delivered: number;
  readonly failed: number;
  readonly dropped: number;
  readonly skipped: number;
  readonly last_error: string | null;
  readonly last_error_at: string | null;
  readonly last_delivered_at: string | null;
  readonly next_try_at: string | null;
}

export interface Stats {
  readonly total_anomalies: number;
  readonly days_processed: number;
  readonly total_clicks: number;
  readonly total_purchases: number;
  readonly total_sessions: number;
  readonly total_sessions_approximate: boolean;
  readonly total_events: number;
  readonly late_events: number;
  readonly dead_letters: number;
  readonly lake: { readonly files: number; readonly rows: number; readonly bytes: number };
}

export interface Sample {
  readonly shown: boolean;
  readonly state: "filling" | "live" | "off";
  readonly can_clear: boolean;
  readonly send: { readonly curl: string; readonly replay: string; readonly tracker: string };
}
