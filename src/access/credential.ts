// What a request has shown about who asks, and what that allows. Pure: it knows neither where tokens are kept nor how a request brings one.
// What always holds: what nobody allowed is refused; `admin` includes every scope, `operate` includes `read`, and `ingest` includes nothing.

/** What may be done. read: look at everything; operate: run jobs, judge sessions, repair; ingest: append events; admin: tokens too. */
export const scopes = ["ingest", "read", "operate", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** What an endpoint asks for; `nothing`: it is for everybody. */
export type Need = Scope | "nothing";

/** Who asks. */
export type Credential =
  /** A server on loopback that nobody set a token for. */
  | { readonly kind: "local" }
  /** Nothing was shown. */
  | { readonly kind: "none" }
  /** id: what tells it in lists and in rate limits; never the secret. */
  | { readonly kind: "token"; readonly id: string; readonly scopes: readonly Scope[] }
  /** A key that stands in a public page: it can append from its origins, and nothing else. */
  | { readonly kind: "page_key"; readonly id: string; readonly origins: readonly string[] }
  /** Somebody who signed in to the dashboard with a token. csrf: what orders must bring along. */
  | { readonly kind: "session"; readonly id: string; readonly scopes: readonly Scope[]; readonly csrf: string };

const includes: Readonly<Record<Scope, readonly Scope[]>> = {
  ingest: ["ingest"],
  read: ["read"],
  operate: ["operate", "read"],
  admin: scopes,
};

/** Whether a credential allows what is needed. */
export function may(credential: Credential, need: Need): boolean {
  if (need === "nothing" || credential.kind === "local") return true;
  if (credential.kind === "none") return false;
  if (credential.kind === "page_key") return need === "ingest";
  return credential.scopes.some((scope) => includes[scope].includes(need));
}
