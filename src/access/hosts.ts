// Which host a request is for, and which host names it may be for. What always holds: what is no host is refused before anything reads the
// address that it stands in, as that address is made of it; a server on loopback answers to names of this machine alone, besides those that
// are set, so that no page reaches it by a name of its own (DNS rebinding). Bound elsewhere and with no names set it answers to all:
// there every request needs a credential, which a page of another name has not got, as browsers keep cookies by host. Pure.

import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { canonicalAddress } from "./addresses.ts";

const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i, PORT = /:\d*$/;
const SLASH = 0x2f;
/** The address of a request that names no host at all: the runtime makes one up, of its own port. */
const MADE_UP = /^http:\/\/localhost:\d+\//;

/** What remembers answers, for requests name the same few hosts again and again. Emptied when it is full. */
function remembering(answerOf: (text: string) => boolean): (text: string) => boolean {
  const answers = new Map<string, boolean>();
  return (text) => {
    let answer = answers.get(text);
    if (answer !== undefined) return answer;
    answer = answerOf(text);
    if (text.length > limits.forwardedHostCharsMax) return answer;
    if (answers.size >= limits.hostsKnownMax) answers.clear();
    answers.set(text, answer);
    return answer;
  };
}

/** Whether a text is a host name or address, with a port or without. */
export const isSoundHost = remembering((text) => HOST.test(text) && URL.canParse(`http://${text}/`));

/** Whether a host name or address, without a port, can only mean this machine. */
export const isLoopback = remembering((host) => {
  const bare = bareHost(host);
  return bare === "localhost" || bare === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
});

/** A host that this machine can call when a server listens on `host`. */
export function reachable(host: string): string {
  const bare = bareHost(host);
  return bare === "0.0.0.0" ? "127.0.0.1" : bare === "::" ? "::1" : host;
}

/**
 * The host that a request names, with its port where it names one. Throws `wrong_host` for what is no host, where none is named, or two.
 * info: of its connection; undefined for a call within this process, whose address is no client's.
 */
export function hostOf(request: Request, info: Deno.ServeHandlerInfo | undefined): string {
  const { url } = request, given = request.headers.get("host"), start = url.indexOf("//") + 2;
  if (given !== null && isSoundHost(given) && url.startsWith(given, start) && url.charCodeAt(start + given.length) === SLASH) return given;
  // HTTP/2 has no such header: what it names stands in the address alone.
  const named = url.slice(start, url.indexOf("/", start)), host = given ?? named;
  if (!isSoundHost(host) || !isSoundHost(named)) throw wrongHost(`it names the host "${host.slice(0, 100)}", which is none`);
  if (info === undefined) return host;
  if (given !== null) throw wrongHost(`it names two hosts, "${host.slice(0, 100)}" and "${named.slice(0, 100)}"`);
  if (MADE_UP.test(url)) throw wrongHost("it names no host");
  return host;
}

export class Hosts {
  /** Whether a host, with a port or without, is one of them. Null: all are. */
  readonly #has: ((host: string) => boolean) | null;

  /** host: what the server is bound to. allowed: by its settings. */
  constructor(host: string, allowed: readonly string[]) {
    const names = new Set([host, ...allowed].map(bareHost)), isOne = (name: string) => isLoopback(name) || names.has(bareHost(name));
    this.#has = allowed.length === 0 && !isLoopback(host) ? null : remembering((named) => isOne(named.replace(PORT, "")));
  }

  /** host: as a client named it, with a port or without. Throws `wrong_host`. */
  check(host: string): void {
    if (this.#has === null || this.#has(host)) return;
    throw wrongHost(`it names the host "${host.slice(0, 100)}", and this server does not answer to that name`);
  }
}

function wrongHost(why: string): GuardianError {
  return new GuardianError("wrong_host", `Cannot answer this request: ${why}; use http://localhost, or set --allowed-hosts`);
}

/** In the one way of writing it, without brackets and the dot of a whole name. */
function bareHost(host: string): string {
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  return canonicalAddress(bare) ?? bare;
}
