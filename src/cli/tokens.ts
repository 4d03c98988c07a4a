// `tokens`: makes, lists and revokes tokens, by way of the server that has the data folder, or of the folder itself where nobody has it.
// What always holds: the text of a new token goes to stdout once, alone, so that a script can catch it.

import type { MadeTokenOut, TokenOut } from "../../routes/tokens.ts";
import { systemClock } from "../clock.ts";
import type { Settings } from "../config.ts";
import { GuardianError } from "../errors.ts";
import { withApi } from "./api.ts";
import type { Shell } from "./shell.ts";

export interface CreateFlags {
  readonly name: string;
  readonly scope: string;
  readonly expires?: string;
  readonly origin?: string[];
  readonly json?: true;
}

const UNITS_MS = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

export async function createTokenCommand(
  { name, scope, expires, origin, json }: CreateFlags,
  settings: Settings,
  shell: Shell,
): Promise<number> {
  const scopes = scope.split(",").map((one) => one.trim()).filter((one) => one !== "");
  const expires_at = expires === undefined ? null : new Date(systemClock.now() + spanOf(expires)).toISOString();
  const order = { name, scopes, expires_at, ...origin === undefined ? {} : { origins: origin } };
  // The folder may be new: a server that others can reach wants a token before its first start.
  return await withApi(settings, shell, async (ask) => {
    const made = await (await ask("POST", "/tokens", order)).json() as MadeTokenOut;
    shell.out(json ? JSON.stringify(made) : made.token);
    if (!json) shell.err(`Keep it: it is not shown again. ${lineOf(made)}`);
    return 0;
  }, { make: true });
}

export function listTokensCommand(json: boolean, settings: Settings, shell: Shell): Promise<number> {
  return withApi(settings, shell, async (ask) => {
    const tokens = await (await ask("GET", "/tokens")).json() as TokenOut[];
    for (const token of tokens) shell.out(json ? JSON.stringify(token) : lineOf(token));
    if (tokens.length === 0 && !json) shell.out("There are no tokens.");
    return 0;
  });
}

export function revokeTokenCommand(prefix: string, json: boolean, settings: Settings, shell: Shell): Promise<number> {
  return withApi(settings, shell, async (ask) => {
    const answer = await (await ask("POST", `/tokens/${encodeURIComponent(prefix)}/revoke`)).json() as { revoked: string };
    shell.out(json ? JSON.stringify(answer) : `Revoked ${answer.revoked}: it lets nobody in any more.`);
    return 0;
  });
}

function lineOf({ prefix, name, scopes, origins, expires_at, last_used_at }: TokenOut): string {
  const ends = expires_at === null ? "no end" : `until ${expires_at}`;
  const used = last_used_at === null ? "not used yet" : `last used ${last_used_at}`;
  return `${prefix}  ${scopes.join(",").padEnd(7)}  ${ends}, ${used}  ${name}${
    origins === null ? "" : `  for pages of ${origins.join(", ")}`
  }`;
}

/** `90d`, `12h`, `4w` as ms. */
function spanOf(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})([hdw])$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  throw new GuardianError(
    "usage",
    `Cannot use "${text}" for --expires: it must be a number of hours, days or weeks, such as 12h, 90d or 4w`,
  );
}
