// What to do first: how to send events, and what stands where no day is counted yet.

import { useState } from "preact/hooks";
import { page, pageHref } from "../shell/address.ts";
import type { Day, Sample, Stats } from "../shell/answers.ts";
import { useResource } from "../shell/resource.ts";
import { Loaded, Notice } from "./notice.tsx";

/** Shown while nothing was ever sent to the shop: the ways to begin. */
export function FirstSteps() {
  const sample = useResource<Sample>("/sample").data, stats = useResource<Stats>("/stats").data;
  if (sample === null || sample.shown || stats === null || stats.total_events > 0) return null;
  return (
    <section class="card section" aria-labelledby="first-steps">
      <h2 id="first-steps">Send your first event</h2>
      <p>
        Nothing has come in so far. The first event shows below within a second, a bot as soon as it behaves like one, and the figures of a
        day in the night after it.
      </p>
      <WaysToSend send={sample.send} />
      <p class="aside">
        The fields of an event are described in <a href="/docs" target="_blank" rel="noopener">the API's documentation</a>.
      </p>
    </section>
  );
}

export function WaysToSend({ send }: { send: Sample["send"] }) {
  return (
    <ol class="ways">
      <li>
        Paste into a shell:
        <Copyable text={send.curl} />
      </li>
      <li>
        Recorded clicks in a file:
        <Copyable text={send.replay} />
      </li>
      <li>{send.tracker}</li>
    </ol>
  );
}

function Copyable({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (event: MouseEvent) => {
    const code = (event.currentTarget as Element).previousElementSibling!;
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      // Without a secure connection a browser lets no page write there: it is marked, so that a key copies it.
      globalThis.getSelection()?.selectAllChildren(code);
    }
  };
  return (
    <span class="copyable">
      <code tabIndex={0}>{text}</code>
      <button type="button" onClick={copy}>{copied ? "Copied" : "Copy"}</button>
    </span>
  );
}

/** In the place of a day's figures where no day has any, once it is known that none has. */
export function NoDayYet() {
  const counted = useResource<Day[]>("/metrics/daily?limit=60"), stats = useResource<Stats>("/stats");
  return (
    <Loaded of={counted} what="days">
      {() => (
        <Notice title="No day is counted yet">
          A day is counted in the night after it. <a href={pageHref("jobs")}>Jobs</a> says when, and can do it now.{" "}
          {stats.data?.total_events === 0 && page.value !== "overview" && (
            <>
              No event has come in so far; <a href={pageHref("overview")}>Overview</a> says how to send the first one.
            </>
          )}
        </Notice>
      )}
    </Loaded>
  );
}
