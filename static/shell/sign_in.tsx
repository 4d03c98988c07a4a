// The page to sign in on. It stands in the place of every page of the dashboard, under that page's address, and needs no figure of the server.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Notice } from "../parts/notice.tsx";
import { endedBecause, signIn } from "./session.ts";
import { ThemeSwitch } from "./theme_switch.tsx";

export function SignIn() {
  const [failure, setFailure] = useState<string | null>(null), [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null), sent = useRef(false);
  useEffect(() => {
    document.title = "Sign in · Clickstream Guardian";
    field.current?.focus();
  }, []);
  useLayoutEffect(() => {
    if (failure !== null) field.current?.select();
  }, [failure]);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const token = field.current!.value.trim();
    if (sent.current || token === "") return;
    sent.current = true;
    setBusy(true);
    setFailure(null);
    setFailure(await signIn(token));
    sent.current = false;
    setBusy(false);
  };
  return (
    <div class="frame sign-in">
      <header>
        <span class="brand">Clickstream Guardian</span>
        <div class="switches">
          <ThemeSwitch />
        </div>
      </header>
      <main>
        <h1>Sign in</h1>
        {endedBecause.value !== null && <Notice title="Signed out">{endedBecause.value}</Notice>}
        {globalThis.isSecureContext ? null : <Insecure />}
        <form class="card section" onSubmit={submit}>
          <label for="token">Token</label>
          <input
            ref={field}
            id="token"
            type="password"
            autocomplete="current-password"
            spellcheck={false}
            required
            aria-describedby={failure === null ? "token-help" : "token-help token-failure"}
            aria-invalid={failure !== null}
          />
          <p id="token-help" class="aside">
            One with the scope <code>read</code> lets you look, one with <code>operate</code> gives orders too.
          </p>
          {failure !== null && (
            <div id="token-failure">
              <Notice kind="error" title="Not signed in">{failure}</Notice>
            </div>
          )}
          <div>
            <button type="submit" class="primary" aria-disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
          </div>
        </form>
        <section class="aside section" aria-labelledby="no-token">
          <h2 id="no-token">No token yet?</h2>
          <p>Whoever runs this server makes one, on its machine:</p>
          <p>
            <code>tokens create --name you --scope operate</code>
          </p>
          <p>The token is sent to this server alone, and this page does not keep it.</p>
        </section>
      </main>
    </div>
  );
}

/** Over plain HTTP a token can be read on its way, and the browser takes no session. */
function Insecure() {
  return (
    <Notice kind="warning" title="This connection is not secure">
      Whoever is between you and this server could read the token, and your browser keeps no session without HTTPS. Open this page over
      HTTPS: the server speaks it with <code>--tls-cert</code> and <code>--tls-key</code>, or a proxy in front of it does.
    </Notice>
  );
}
