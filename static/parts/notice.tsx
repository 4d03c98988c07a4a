// What stands where figures are not there, or are not all that they seem: says what is the matter and what to do.

import type { ComponentChildren } from "preact";
import type { DayState } from "../shell/answers.ts";
import type { ApiError } from "../shell/api.ts";
import type { Resource } from "../shell/resource.ts";
import { instant } from "../shell/format.ts";

export type NoticeKind = "info" | "warning" | "error";

export function Notice({ kind = "info", title, children }: { kind?: NoticeKind; title: string; children?: ComponentChildren }) {
  return (
    <div class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      <strong>{title}</strong>
      {children !== undefined && <div>{children}</div>}
    </div>
  );
}

const dayStateWords: Record<Exclude<DayState, "finished">, [NoticeKind, string, string]> = {
  stale: ["info", "Stale", "events or flagged sessions came after this day was counted; it is counted again within the hour"],
  running: ["info", "Being counted", "these are the figures from before; new ones follow in a moment"],
  incomplete: ["error", "Incomplete", "damaged files of the lake are left out of these figures; the verify command names them"],
  partial: ["warning", "Partial", "not all jobs of this day are done; Jobs says which"],
};

/** A sign beside a day that is not simply finished. */
export function DayStateSign({ state }: { state: DayState }) {
  if (state === "finished") return null;
  const [kind, word, why] = dayStateWords[state];
  return <span class={`sign ${kind}`} title={why}>{word}</span>;
}

/** A sentence on days that are not simply finished. */
export function DayStateNotice({ state, date }: { state: DayState; date: string }) {
  if (state === "finished") return null;
  const [kind, word, why] = dayStateWords[state];
  return <Notice kind={kind} title={`${date}: ${word.toLowerCase()}`}>{why[0].toUpperCase() + why.slice(1)}.</Notice>;
}

const reasons: Record<string, [string, string]> = {
  not_run: ["Not counted yet", "This day has events, and the jobs have not run for it. They run every night; Jobs can run them now."],
  no_data: ["No events", "Nothing was recorded on this day, so there is nothing to show."],
  future: ["Not over yet", "A day is counted once it has ended. Live shop shows what goes on now."],
};

/** Why there are no figures, out of the problem that the API told. */
export function NoFigures({ error, what }: { error: ApiError; what: string }) {
  const known = error.reason === null ? undefined : reasons[error.reason];
  if (known !== undefined) return <Notice title={known[0]}>{known[1]}</Notice>;
  return <Notice kind="error" title={`Cannot show ${what}`}>{error.message}</Notice>;
}

/** Shows a resource once it is there; says so while it is not, and when a later call has failed. */
export function Loaded<T>({ of, what, children }: { of: Resource<T>; what: string; children: (data: T) => ComponentChildren }) {
  if (of.data === null) {
    if (of.error !== null) return <NoFigures error={of.error} what={what} />;
    return <div class="loading" role="status">Loading {what}…</div>;
  }
  return (
    <>
      {of.error !== null && (
        <Notice kind="error" title={`${what[0].toUpperCase()}${what.slice(1)} could not be refreshed`}>
          What you see is from {instant(of.updatedAt)}. {of.error.message} It is tried again by itself.
        </Notice>
      )}
      {children(of.data)}
    </>
  );
}
