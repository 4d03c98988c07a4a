// A page as a module of its own: fetched when it is first shown, or a moment after the first page, so that going there is quick.

import { useEffect, useState } from "preact/hooks";
import type { ComponentType } from "preact";
import { endedBecause, isSignedOut, sessionKnown } from "../shell/session.ts";
import { Notice } from "./notice.tsx";

export type { ComponentType };

export function lazy(load: () => Promise<ComponentType>): ComponentType {
  let loaded: ComponentType | null = null;
  const fetched = () => load().then((component) => loaded = component);
  const idle = globalThis.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 2_000));
  // Who has to sign in first has no use for it yet.
  sessionKnown().then(() => isSignedOut() || idle(() => void fetched().catch(() => {}), { timeout: 5_000 }));
  return function Lazy() {
    const [Page, setPage] = useState<ComponentType | null>(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Page !== null) return;
      sessionKnown().then(() => {
        // The page to sign in comes in the place of this one; behind it waits only what was there before.
        if (isSignedOut() && endedBecause.value === null) return;
        return fetched().then((component) => setPage(() => component));
      }).catch(() => setFailed(true));
    }, []);
    if (failed) {
      return <Notice kind="error" title="Cannot load this page">The server cannot be reached. Load the page again in a moment.</Notice>;
    }
    return Page === null ? <div class="loading" role="status">Loading…</div> : <Page />;
  };
}
