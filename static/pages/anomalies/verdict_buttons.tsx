// Where a person says what a session is. What always holds: the button that was pressed stays where it is and keeps the focus; to press it
// again takes back what was said.

import type { Anomaly, Verdict } from "../../shell/answers.ts";
import { mayOperate } from "../../shell/session.ts";
import { said, say } from "./verdicts.ts";

const signs = { human: ["good", "human"], bot: ["error", "bot"] } as const;

/** What people say of the session of a row, and the one button that is likely to be wanted. */
export function VerdictCell({ anomaly }: { anomaly: Anomaly }) {
  const { anomaly_id, session_id, status, feedback } = anomaly;
  const session = String(session_id);
  const last = said.value.get(session);
  const offered: Verdict = feedback !== null ? null : status === "retracted" ? "bot" : "human";
  const label = offered === null ? "Undo" : offered === "human" ? "Not a bot" : "It is a bot";
  return (
    <div class="verdict">
      {feedback !== null && <span key="sign" class={`sign ${signs[feedback][0]}`}>{signs[feedback][1]}</span>}
      {mayOperate() && (
        <button
          key="say"
          type="button"
          aria-label={`${label}: session ${session}`}
          aria-disabled={last?.state === "sending"}
          onClick={() => say(session, offered, feedback, anomaly_id)}
        >
          {label}
        </button>
      )}
      {last?.where === anomaly_id && <Words key="words" state={last.state} words={last.words} />}
    </div>
  );
}

/** Both things that can be said of a session, and what each does. */
export function VerdictChoice({ anomaly }: { anomaly: Anomaly }) {
  const { anomaly_id, session_id, feedback } = anomaly;
  if (!mayOperate()) {
    const said = feedback === null
      ? "Nobody has said"
      : feedback === "human"
      ? "Somebody said that this is no bot"
      : "Somebody said that this is a bot";
    return (
      <p class="aside">
        {said}
        {feedback === null ? " what this session is" : ""}. You can look at it; to say so yourself, sign in with a token that has the scope
        operate.
      </p>
    );
  }
  const session = String(session_id);
  const last = said.value.get(session);
  const choice = (verdict: "human" | "bot", label: string) => (
    <button
      type="button"
      aria-pressed={feedback === verdict}
      aria-disabled={last?.state === "sending"}
      onClick={() => say(session, feedback === verdict ? null : verdict, feedback, anomaly_id)}
    >
      {label}
    </button>
  );
  return (
    <div class="verdict-choice" role="group" aria-label="What you say of this session">
      {choice("human", "Not a bot")}
      {choice("bot", "It is a bot")}
      <p>
        {feedback === null
          ? "Not a bot: it counts with the humans again and leaves the blocklist. It is a bot: it is left out under Humans whatever the rules say."
          : `You or somebody else said that this is ${feedback === "human" ? "no bot" : "a bot"}. Press again to take it back.`}
      </p>
      {last !== undefined && <Words state={last.state} words={last.words} />}
    </div>
  );
}

function Words({ state, words }: { state: string; words: string }) {
  return <p class={state === "failed" ? "words failed" : "words"}>{words}</p>;
}
