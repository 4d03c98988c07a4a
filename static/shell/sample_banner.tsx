// Says that what is shown is a sample, how to send data of one's own, and clears the sample when told to.

import { useEffect, useRef, useState } from "preact/hooks";
import { Notice } from "../parts/notice.tsx";
import type { Sample } from "./answers.ts";
import { ApiError, postJson } from "./api.ts";
import { startOver, useResource } from "./resource.ts";

export function SampleBanner() {
  const sample = useResource<Sample>("/sample");
  const [failure, setFailure] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const ask = useRef<HTMLButtonElement>(null), keep = useRef<HTMLButtonElement>(null);
  const hasAsked = useRef(false), hasCleared = useRef(false);
  const shown = sample.data?.shown === true;
  // Buttons take each other's place, and go at last: who has the focus on them keeps it somewhere.
  useEffect(() => {
    if (asking) keep.current?.focus();
    else if (hasAsked.current) ask.current?.focus();
    hasAsked.current = asking;
  }, [asking]);
  useEffect(() => {
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
        <ol>
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
      </details>
      {asking
        ? (
          <span class="confirm" role="group" aria-label="Delete the sample?">
            Delete all sample data?
            <button type="button" class="danger" onClick={clear}>Delete</button>
            <button ref={keep} type="button" onClick={() => setAsking(false)}>Keep</button>
          </span>
        )
        : sample.data.can_clear && <button ref={ask} type="button" onClick={() => setAsking(true)}>Clear the sample</button>}
      {failure !== null && <Notice kind="error" title="Cannot clear the sample">{failure}</Notice>}
    </aside>
  );
}

function Copyable({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false));
  return (
    <span class="copyable">
      <code tabIndex={0}>{text}</code>
      <button type="button" onClick={copy}>{copied ? "Copied" : "Copy"}</button>
    </span>
  );
}
