// The dashboard's door: who asks, signing in with a token, and signing out. What always holds: the token goes no further than here, and what
// the browser keeps in its place is a cookie that no script reads.

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type Credential, may, scopes } from "../src/access/credential.ts";
import { GuardianError } from "../src/errors.ts";
import { limits } from "../src/limits.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { jsonBody } from "../src/web/json_body.ts";
import type { Service } from "../src/web/service.ts";

const TAG = "Access";

const callerSchema = z.object({
  kind: z.enum(["local", "none", "token", "page_key", "session"]).describe(
    "What was shown: nothing is asked for on a server of this machine alone, which is `local`; `none`: nothing that is in force",
  ),
  sign_in_needed: z.boolean().describe("Whether who asks has to sign in to see anything"),
  name: z.string().nullable().describe("Name of the token that was shown or signed in with"),
  scopes: z.array(z.enum(scopes)).describe("All that is allowed, with what the token's scopes include"),
  csrf: z.string().nullable().describe("Of a session: what each order has to bring as `X-CSRF-Token`"),
}).openapi("Caller");
export type CallerOut = z.infer<typeof callerSchema>;

const nobody: CallerOut = { kind: "none", sign_in_needed: true, name: null, scopes: [], csrf: null };
const signedIn: CallerOut = {
  kind: "session",
  sign_in_needed: false,
  name: "anna",
  scopes: ["read", "operate"],
  csrf: "gqVvN9pB0O7m2s0zqk3yJm1m0WmQbq3W4c7w6QnSg1c",
};

export const session = endpoint({
  method: "get",
  path: "/session",
  needs: "nothing",
  tag: TAG,
  summary: "Who asks",
  description: "What the request has shown, and what that allows.",
  answers: { 200: { means: "As the server sees it", schema: callerSchema, example: signedIn } },
  problems: [],
  ownAlways: true,
  handle: ({ c, service, visit: { credential } }) => c.json(callerOf(service, credential)),
});

const orderSchema = z.object({
  token: z.string().min(1, "it must not be empty").max(
    limits.signInCharsMax,
    `it must have ${limits.signInCharsMax} characters at the most`,
  )
    .describe("The whole text of a token that may read"),
}).strict().openapi("SignIn");

export const postSession = endpoint({
  method: "post",
  path: "/session",
  needs: "nothing",
  tag: TAG,
  summary: "Sign in to the dashboard",
  description: "Sets a cookie for this browser, which lasts for 7 days, or for 12 hours without a request. It ends when its token does. " +
    "Programs need none of it: they show their token with every request.",
  body: { content: { "application/json": { schema: orderSchema } }, required: true },
  answers: {
    200: { means: "Who is signed in now", schema: callerSchema, example: signedIn, headers: { "Set-Cookie": "The session" } },
  },
  problems: ["bad_request", "body_too_large", "unauthorized", "forbidden", "storage_failing"],
  ownAlways: true,
  handle: async ({ c, service, visit }) => {
    const { sessions, access } = service;
    if (access.isOpen) {
      await jsonBody(c.req.raw, service, orderSchema);
      return c.json(callerOf(service, visit.credential));
    }
    if (sessions === null) throw new GuardianError("bad_request", "Cannot sign in: no sessions are kept here; show the token each time");
    service.front.rates.admitSignIn(visit.client);
    const { token } = await jsonBody(c.req.raw, service, orderSchema);
    const shown = access.credentialOfText(token.trim());
    if (shown !== null && !may(shown, "read")) {
      throw new GuardianError("forbidden", 'Cannot sign in: this token may not read; use one with the scope "read", "operate" or "admin"');
    }
    const begun = shown?.kind === "token" ? await sessions.begin(shown.id, visit.client) : null;
    if (begun === null) {
      throw new GuardianError("unauthorized", "Cannot sign in: this is no token that is in force here; check it, or ask for a new one");
    }
    // Whoever was signed in before in this browser is not any more.
    await sessions.end(c.req.raw);
    c.header("Set-Cookie", begun.cookie);
    return c.json(callerOf(service, begun.credential));
  },
});

export const postSessionEnd = endpoint({
  method: "post",
  path: "/session/end",
  needs: "nothing",
  tag: TAG,
  summary: "Sign out",
  description: "Ends the session of this browser at once, and is answered the same where there is none.",
  answers: { 200: { means: "Nobody is signed in", schema: callerSchema, example: nobody, headers: { "Set-Cookie": "Ends the session" } } },
  problems: ["storage_failing"],
  ownAlways: true,
  handle: async ({ c, service, visit: { credential } }) => {
    const ended = service.sessions === null ? [] : await service.sessions.end(c.req.raw);
    forgetIn(c, ended);
    return c.json(callerOf(service, credential.kind === "session" ? { kind: "none" } : credential));
  },
});

function forgetIn(c: Context, cookies: readonly string[]): void {
  for (const cookie of cookies) c.header("Set-Cookie", cookie, { append: true });
}

function callerOf({ access }: Service, credential: Credential): CallerOut {
  const { kind } = credential;
  return {
    kind,
    sign_in_needed: !may(credential, "read"),
    name: kind === "token" || kind === "session" ? access.holderOf(credential.id)?.name ?? null : null,
    scopes: scopes.filter((scope) => may(credential, scope)),
    csrf: kind === "session" ? credential.csrf : null,
  };
}
