// Which host names a request may be for. What always holds: a server on loopback answers to names of this machine alone, besides those that
// are set, so that no page reaches it by a name of its own (DNS rebinding). Bound elsewhere and with no names set it answers to all:
// there every request needs a credential, which a page of another name has not got, as browsers keep cookies by host. Pure.

import { GuardianError } from "../errors.ts";

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
  const bare = bareHost(host);
  return bare === "localhost" || bare === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}

export class Hosts {
  /** Null: all of them. */
  readonly #names: ReadonlySet<string> | null;

  /** host: what the server is bound to. allowed: by its settings. */
  constructor(host: string, allowed: readonly string[]) {
    this.#names = allowed.length === 0 && !isLoopback(host) ? null : new Set([host, ...allowed].map(bareHost));
  }

  /** host: as a client named it, with a port or without. Throws `wrong_host`. */
  check(host: string): void {
    if (this.#names === null) return;
    const name = host.replace(/:\d*$/, "");
    if (isLoopback(name) || this.#names.has(bareHost(name))) return;
    const why = `it names the host "${host.slice(0, 100)}", and this server does not answer to that name`;
    throw new GuardianError("wrong_host", `Cannot answer this request: ${why}; use http://localhost, or set --allowed-hosts`);
  }
}

function bareHost(host: string): string {
  return host.toLowerCase().replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}
