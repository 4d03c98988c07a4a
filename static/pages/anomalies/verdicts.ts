// What a person says of sessions: sent, and shown at once. What always holds: what could not be saved is taken back and said, and all who
// show the session hear of every verdict, whoever gave it.

import { signal } from "@preact/signals";
import type { Feedback, Verdict } from "../../shell/answers.ts";
import { ApiError, postJson } from "../../shell/api.ts";
import { onUpdate } from "../../shell/feed.ts";
import { day } from "../../shell/format.ts";
import { startOver } from "../../shell/resource.ts";

/** The last thing said of a session on this page. where: the row that it was said in. */
export interface Said {
  readonly verdict: Verdict;
  readonly where: string;
  readonly state: "sending" | "saved" | "failed";
  /** What came of it, as a sentence. */
  readonly words: string;
}

/** Sessions about which something was said here; beyond, the oldest are forgotten. */
const SAID_MAX = 200;

export const said = signal<ReadonlyMap<string, Said>>(new Map());
/** What came of the last verdict, for those who hear the page. */
export const lastWords = signal("");

type Listener = (session: string, verdict: Verdict) => void;
const listeners = new Set<Listener>();

/** Hears every verdict, those of other people too, until the function that is returned is called. */
export function onVerdict(listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

onUpdate("feedback", ({ session_id, verdict }) => tell(String(session_id), verdict));

function tell(session: string, verdict: Verdict): void {
  for (const listener of listeners) listener(session, verdict);
}

/** Says what a session is; null takes back what was said. before: what holds until now. where: the row in which it is said. */
export async function say(session: string, verdict: Verdict, before: Verdict, where: string): Promise<void> {
  if (said.value.get(session)?.state === "sending") return;
  note(session, { verdict, where, state: "sending", words: "Saving…" });
  tell(session, verdict);
  try {
    const { data } = await postJson<Feedback>(`/sessions/${encodeURIComponent(session)}/feedback`, { verdict });
    tell(session, data.verdict);
    note(session, { verdict: data.verdict, where, state: "saved", words: wordsOf(data) });
    if (data.days.length > 0) startOver(); // days became stale: whoever shows them asks again
  } catch (failure) {
    tell(session, before);
    const why = failure instanceof ApiError ? failure.message : String(failure);
    note(session, { verdict: before, where, state: "failed", words: `Not saved. ${why}` });
  }
}

function note(session: string, one: Said): void {
  const next = new Map(said.value);
  next.delete(session);
  next.set(session, one);
  if (next.size > SAID_MAX) next.delete(next.keys().next().value!);
  said.value = next;
  if (one.state !== "sending") lastWords.value = `Session ${session}: ${one.words}`;
}

function wordsOf({ verdict, days }: Feedback): string {
  const what = verdict === "human"
    ? "Counts with the humans again"
    : verdict === "bot"
    ? "Counts as a bot, and is left out under Humans"
    : "Taken back: the rules decide again";
  if (days.length === 0) return `${what}.`;
  const shown = days.length <= 3 ? days.map(day).join(", ") : `${days.length} days`;
  return `${what}; figures of ${shown} are counted again within the hour.`;
}
