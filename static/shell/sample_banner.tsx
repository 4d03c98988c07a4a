// Says that what is shown is a sample, how to send data of one's own, and clears the sample when told to.

import { useState } from "preact/hooks";
import { Notice } from "../parts/notice.tsx";
import type { Sample } from "./answers.ts";
import { ApiError, postJson } from "./api.ts";
import { startOver, useResource } from "./resource.ts";

export function SampleBanner() {
  const sample = useResource<Sample>("/sample");
  const [failure, setFailure] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  if (sample.data === null || !sample.data.shown) return null;
  const { send } = sample.data;
  const clear = async () => {
    try {
      await postJson("/sample/clear", {});
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
            <button type="button" onClick={() => setAsking(false)}>Keep</button>
          </span>
        )
        : sample.data.can_clear && <button type="button" onClick={() => setAsking(true)}>Clear the sample</button>}
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
