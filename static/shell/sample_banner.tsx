// Says that what is shown is a sample, how to send data of one's own, and clears the sample when told to.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { WaysToSend } from "../parts/first_steps.tsx";
import { Notice } from "../parts/notice.tsx";
import type { Sample } from "./answers.ts";
import { ApiError, postJson } from "./api.ts";
import { startOver, useResource } from "./resource.ts";
import { mayOperate } from "./session.ts";

export function SampleBanner() {
  const sample = useResource<Sample>("/sample");
  const [failure, setFailure] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const ask = useRef<HTMLButtonElement>(null), keep = useRef<HTMLButtonElement>(null);
  const hasAsked = useRef(false), hasCleared = useRef(false);
  const shown = sample.data?.shown === true;
  // Buttons take each other's place, and go at last: who has the focus on them keeps it somewhere.
  useLayoutEffect(() => {
    if (asking) keep.current?.focus();
    else if (hasAsked.current) ask.current?.focus();
    hasAsked.current = asking;
  }, [asking]);
  useLayoutEffect(() => {
    if (!shown && hasCleared.current) document.querySelector("h1")?.focus();
  }, [shown]);
  if (sample.data === null || !shown) return null;
  const { send } = sample.data;
  const clear = async () => {
    try {
      await postJson("/sample/clear", {});
      hasCleared.current = true;
      setFailure(null);
      startOver();
    } catch (thrown) {
      setFailure(thrown instanceof ApiError ? thrown.message : String(thrown));
    }
    setAsking(false);
  };
  return (
    <aside class="banner" aria-label="Sample data">
      <p>
        <strong>This is a sample shop.</strong>{" "}
        Nobody clicked here: visitors and bots are made up, so that you can look around. The page turns to your own shop with the first
        event that you send.
      </p>
      <details>
        <summary>Send your own events</summary>
        <WaysToSend send={send} />
      </details>
      {asking
        ? (
          <span class="confirm" role="group" aria-label="Delete the sample?">
            Delete all sample data?
            <button type="button" class="danger" onClick={clear}>Delete</button>
            <button ref={keep} type="button" onClick={() => setAsking(false)}>Keep</button>
          </span>
        )
        : sample.data.can_clear && mayOperate() && (
          <button ref={ask} type="button" onClick={() => setAsking(true)}>
            Clear the sample
          </button>
        )}
      {failure !== null && <Notice kind="error" title="Cannot clear the sample">{failure}</Notice>}
    </aside>
  );
}
