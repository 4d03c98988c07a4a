// A running server, as commands ask it.

import { isLoopback } from "../access/hosts.ts";
import { readOwnerSecret } from "../access/owner.ts";
import { errorCodes, GuardianError, reasonOf } from "../errors.ts";
import { ownerOf } from "../folder.ts";

export interface Remote {
  readonly url: string;
  readonly token: string | null;
}

/** The server that has a data folder: whoever may read the folder shows what the server has put there, and needs no token. */
export async function ownerAt(url: string, { data, token }: { data: string; token: string | null }): Promise<Remote> {
  return { url, token: await readOwnerSecret(data) ?? token };
}

/**
 * The server at an address that somebody names: a token that is set is shown to it. Without one, the server that has the data folder is
 * asked where that folder says it answers, and shown what it has put there; no other server is.
 */
export async function serverAt(url: string, { data, token }: { data: string; token: string | null }): Promise<Remote> {
  const owner = token === null ? await ownerOf(data) : null;
  if (owner === null || owner.address === null) return { url, token };
  const isOwners = [owner.address, owner.url].some((its) => its !== undefined && its !== null && isSameDoor(url, its));
  return isOwners ? await ownerAt(owner.address, { data, token }) : { url, token };
}

/** Whether two addresses are of one server: by the same name, or by two names of this machine. */
function isSameDoor(one: string, other: string): boolean {
  if (!URL.canParse(one) || !URL.canParse(other)) return false;
  const a = new URL(one), b = new URL(other);
  if (a.pathname !== "/" || a.protocol !== b.protocol || a.port !== b.port) return false;
  return a.hostname === b.hostname || (isLoopback(a.hostname) && isLoopback(b.hostname));
}

/** Headers that a request to a server needs. */
export function headersFor({ token }: Remote): Record<string, string> {
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** Asks a server about its data folder itself, never about a sample shown in its place; with a body as JSON. Throws `server_unreachable`, and what `answered` throws. */
export async function askServer(remote: Remote, method: "GET" | "POST", path: string, body?: object): Promise<Response> {
  const base = remote.url.replace(/(?<!\/)\/+$/, "");
  let response: Response;
  try {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    response = await fetch(base + path, { method, headers: { ...headersFor(remote), "Data-Of": "own" }, ...content });
  } catch (cause) {
    throw new GuardianError("server_unreachable", `Cannot reach the server at ${base}: ${reasonOf(cause)}; is it running?`, { cause });
  }
  return await answered(response, `the server at ${base}`);
}

/** An answer that is no problem. `who`: the server, or null for this process. Throws `unauthorized`, or the problem's own code with what was said. */
export async function answered(response: Response, who: string | null): Promise<Response> {
  if (response.ok) return response;
  const problem = await response.json().catch(() => null) as { detail?: string; code?: string } | null;
  const said = problem?.detail ?? `status ${response.status}`;
  if (response.status === 401) {
    throw new GuardianError("unauthorized", `Cannot ask ${who}: it wants a token; set GUARDIAN_TOKEN to the one that it has`);
  }
  const told = errorCodes.find((known) => known === problem?.code);
  const code = told ?? (response.status === 404 ? "not_found" : "bad_request");
  throw new GuardianError(code, who === null ? said : `Cannot ask ${who}: it answered: ${said}`);
}

/** The lines of an answer, as they come in. */
export async function* linesIn(response: Response): AsyncGenerator<string> {
  let rest = "";
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
