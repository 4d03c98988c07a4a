// Who may ask: on loopback everybody on this machine, elsewhere whoever has the token. Also keeps pages of other sites, which a browser on
// this machine may have open, from reaching a server on loopback, be it by a name of theirs (DNS rebinding) or by a form.

import { createHash, timingSafeEqual } from "node:crypto";
import { GuardianError } from "../errors.ts";

/** token: what requests must bring, or null. host: what the server is bound to. */
export interface Access {
  readonly token: string | null;
  readonly host: string;
}

/** Settles who may ask. Throws `invalid_setting` when it would be everybody in the network. */
export function accessFor(host: string, token: string | null): Access {
  if (token === null && !isLoopback(host)) {
    throw new GuardianError(
      "invalid_setting",
      `Cannot listen on "${host}" without a token: others could reach it; set GUARDIAN_TOKEN to 32 random characters or more, or listen on 127.0.0.1`,
    );
  }
  return { token, host };
}

/** Answers of `isLoopback`, for requests name the same few hosts again and again. Emptied when it is full. */
const answers = new Map<string, boolean>();
const ANSWERS_MAX = 64;

/** Whether a host name or address, without a port, can only mean this machine. */
export function isLoopback(host: string): boolean {
  let answer = answers.get(host);
  if (answer !== undefined) return answer;
  if (answers.size >= ANSWERS_MAX) answers.clear();
  answers.set(host, answer = meansThisMachine(host));
  return answer;
}

function meansThisMachine(host: string): boolean {
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  return bare === "localhost" || bare === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}

/** Checks a request against all of this. `open`: it needs no token. Throws `wrong_host`, `cross_site`, `unauthorized`. */
export function checkAccess(request: Request, { token, host }: Access, open: boolean): void {
  if (isLoopback(host)) checkHost(request);
  if (token === null) checkSite(request);
  else if (!open) checkToken(request, token);
}

function hostOf(request: Request): string {
  return request.headers.get("host") ?? new URL(request.url).host;
}

function checkHost(request: Request): void {
  const host = hostOf(request);
  if (isLoopback(host.replace(/:\d*$/, ""))) return;
  const why = `it names the host "${host.slice(0, 100)}", and this server answers as localhost alone`;
  throw new GuardianError("wrong_host", `Cannot answer this request: ${why}; use http://localhost, or listen elsewhere with a token`);
}

/** A browser says where a request that changes something comes from; what is no browser says nothing. */
function checkSite(request: Request): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  const foreign = origin !== null ? originHost(origin) !== hostOf(request) : site !== null && site !== "same-origin" && site !== "none";
  if (!foreign) return;
  throw new GuardianError(
    "cross_site",
    "Cannot take this request: it comes from a page of another site; send it from a program or a server",
  );
}

function originHost(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}

function checkToken(request: Request, token: string): void {
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  // Hashes are compared, so that neither the length nor a common beginning shows in the time that it takes.
  if (given !== undefined && timingSafeEqual(hashed(given), hashed(token))) return;
  const why = given === undefined ? "it brings no token" : "its token is not the one that is set";
  throw new GuardianError("unauthorized", `Cannot answer this request: ${why}; send "Authorization: Bearer" and the token`);
}

function hashed(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
