// Whether one sees the dashboard or the page to sign in. What always holds: a session that ends takes nothing away that was on the page: it is
// hidden and out of reach, not forgotten, until somebody signs in with the same token. It must not know what pages show.

import { useEffect, useRef, useState } from "preact/hooks";
import { Frame } from "./frame.tsx";
import { caller, endedBecause, isSignedOut } from "./session.ts";
import { SignIn } from "./sign_in.tsx";

/** How long an empty page is shown while it is not known who is there, ms. Longer: the dashboard says that it loads. */
const PATIENCE_MS = 300;

export function Door() {
  const isOut = isSignedOut(), isPatient = usePatience();
  const isShown = isOut ? endedBecause.value !== null : caller.value !== null || !isPatient;
  const wasOut = useRef(isOut);
  useEffect(() => {
    // Who has just signed in goes on at the top of the page, not at a form that is gone.
    if (wasOut.current && !isOut) document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
    wasOut.current = isOut;
  }, [isOut]);
  return (
    <>
      {isOut && <SignIn />}
      {isShown && (
        <div hidden={isOut}>
          <Frame isHidden={isOut} />
        </div>
      )}
    </>
  );
}

/** Whether somebody can wait a little longer. */
function usePatience(): boolean {
  const [isPatient, setPatient] = useState(true);
  useEffect(() => {
    const timer = setTimeout(() => setPatient(false), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return isPatient;
}
