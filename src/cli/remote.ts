// A running server, as commands ask it.

import { GuardianError, reasonOf } from "../errors.ts";

export interface Remote {
  readonly url: string;
  readonly token: string | null;
}

/** Headers that a request to a server needs. */
export function headersFor({ token }: Remote): Record<string, string> {
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** Asks a server. Throws `server_unreachable`, `unauthorized`, or `not_found` and `bad_request` with what it said. */
export async function askServer(remote: Remote, method: "GET" | "POST", path: string): Promise<Response> {
  const base = remote.url.replace(/\/+$/, "");
  let response: Response;
  try {
    response = await fetch(base + path, { method, headers: headersFor(remote) });
  } catch (cause) {
    throw new GuardianError("server_unreachable", `Cannot reach the server at ${base}: ${reasonOf(cause)}; is it running?`, { cause });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => null) as { detail?: string } | null;
  const said = problem?.detail ?? `status ${response.status}`;
  if (response.status === 401) {
    throw new GuardianError(
      "unauthorized",
      `Cannot ask the server at ${base}: it wants a token; set GUARDIAN_TOKEN to the one that it has`,
    );
  }
  const code = response.status === 404 ? "not_found" : "bad_request";
  throw new GuardianError(code, `Cannot ask the server at ${base}: it answered: ${said}`);
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
