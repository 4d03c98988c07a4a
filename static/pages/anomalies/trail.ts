// Which page came before which, for going back to newer ones: the API tells only what comes next. Kept for the tab, so that it outlives a
// reload; a page that was come to by a link has none before it that is known.

const KEY = "anomalies.trail";
/** Pages remembered; beyond, the oldest are forgotten. */
const STEPS_MAX = 300;

const NEWEST = "";
const before = new Map<string, string>(kept());

/** Notes that the page at `cursor` comes after the one at `from`; null: the newest. */
export function noteStep(from: string | null, cursor: string): void {
  before.delete(cursor);
  before.set(cursor, from ?? NEWEST);
  if (before.size > STEPS_MAX) before.delete(before.keys().next().value!);
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...before]));
  } catch {
    // A browser that keeps nothing knows the trail until the next reload.
  }
}

/** The page before one: its cursor, null for the newest, undefined where it is not known. */
export function pageBefore(cursor: string): string | null | undefined {
  const found = before.get(cursor);
  return found === NEWEST ? null : found;
}

function kept(): [string, string][] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((step) => Array.isArray(step) && step.length === 2) : [];
  } catch {
    return [];
  }
}
