// Tokens for whoever hands them out: make one, list them, end one. What always holds: a token's text leaves once, in the answer that makes it.

import { z } from "@hono/zod-openapi";
import { type Scope, scopes } from "../src/access/credential.ts";
import type { Token } from "../src/access/tokens.ts";
import { isOrigin } from "../src/config.ts";
import { GuardianError } from "../src/errors.ts";
import { formatTimestamp, parseTimestamp } from "../src/event/timestamp.ts";
import { limits } from "../src/limits.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { jsonBody } from "../src/web/json_body.ts";

const tokenSchema = z.object({
  prefix: z.string().describe("The part of its text that is no secret: what tells it from others"),
  name: z.string().describe("What it is for"),
  scopes: z.array(z.enum(scopes)),
  origins: z.array(z.string()).nullable().describe("Of a page key: the origins whose pages may send with it; null for any other token"),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable(),
  last_used_at: z.iso.datetime().nullable().describe("To the minute; null where it was not used yet"),
}).openapi("Token");
export type TokenOut = z.infer<typeof tokenSchema>;

const madeSchema = tokenSchema.extend({ token: z.string().describe("Its text, which is not told again") }).openapi("MadeToken");
export type MadeTokenOut = z.infer<typeof madeSchema>;

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const orderSchema = z.object({
  name: z.string().min(1, "it must not be empty")
    .max(limits.tokenNameCharsMax, `it must have ${limits.tokenNameCharsMax} characters at the most`)
    .refine((name) => !CONTROL.test(name), "it must have no control characters")
    .describe("What it is for"),
  scopes: z.array(z.enum(scopes, { error: () => `it must be one of ${scopes.join(", ")}` })).min(1, "name at least one").max(scopes.length)
    .describe("What it allows: `admin` includes all, `operate` includes `read`"),
  expires_at: z.string().nullable().optional().describe("When it ends, ISO 8601 with a zone; never where it is left out"),
  origins: z.array(z.string().refine(isOrigin, "it must be an origin such as https://shop.example")).min(1, "name at least one")
    .max(limits.tokenOriginsMax).optional().describe(
      "Makes a page key, which may stand in pages of these origins; its one scope is `ingest`",
    ),
}).strict().openapi("TokenOrder");

const example: TokenOut = {
  prefix: "k3v7q2ma",
  name: "reports",
  scopes: ["read"],
  origins: null,
  created_at: "2026-11-22T07:31:00.000Z",
  expires_at: "2027-02-20T07:31:00.000Z",
  last_used_at: null,
};

export const postTokens = endpoint({
  method: "post",
  path: "/tokens",
  needs: "admin",
  tag: "Access",
  summary: "Make a token",
  description: "The answer holds the text of the token, which is stored nowhere: whoever loses it makes another one. " +
    "With `origins` it is a page key, for scripts in pages of these origins: it appends events, and nothing else.",
  body: { content: { "application/json": { schema: orderSchema } }, required: true },
  answers: {
    201: { means: "It is in force", schema: madeSchema, example: { ...example, token: `cg_${example.prefix}_${"A".repeat(43)}` } },
  },
  problems: ["bad_request", "body_too_large", "storage_failing"],
  ownAlways: true,
  handle: async ({ c, service }) => {
    const order = await jsonBody(c.req.raw, service, orderSchema);
    const { text, token } = await service.guardian.tokens.create({
      name: order.name,
      scopes: [...new Set<Scope>(order.scopes)],
      origins: order.origins === undefined ? null : pageOrigins(order.origins, order.scopes),
      expiresAt: endOf(order.expires_at ?? null, service.clock.now()),
    });
    return c.json({ ...shownToken(token), token: text }, 201);
  },
});

export const tokens = endpoint({
  method: "get",
  path: "/tokens",
  needs: "admin",
  tag: "Access",
  summary: "Tokens",
  description: "Those that were made and not revoked, the newest first, by what is no secret. A token of the settings is not among them.",
  answers: { 200: { means: "One entry a token", schema: z.array(tokenSchema), example: [example] } },
  problems: [],
  ownAlways: true,
  handle: ({ c, service }) => c.json(service.guardian.tokens.list().map(shownToken)),
});

const revokedSchema = z.object({ revoked: z.string().describe("The prefix of the token") }).openapi("RevokedToken");

export const postRevoke = endpoint({
  method: "post",
  path: "/tokens/{prefix}/revoke",
  needs: "admin",
  tag: "Access",
  summary: "End a token",
  description: "It lets nobody in from that moment on, and who signed in with it is signed out.",
  params: z.object({
    prefix: z.string().regex(/^[a-z2-7]{8}$/, "it must be the 8 characters behind cg_").openapi({
      description: "The part of its text that is no secret",
      example: example.prefix,
    }),
  }),
  answers: { 200: { means: "It is over", schema: revokedSchema, example: { revoked: example.prefix } } },
  problems: ["not_found", "storage_failing"],
  ownAlways: true,
  handle: async ({ c, service, path: { prefix } }) => {
    if (await service.guardian.tokens.revoke(prefix)) return c.json({ revoked: prefix });
    throw new GuardianError("not_found", `Cannot revoke the token "${prefix}": there is none of that prefix; GET /tokens lists them`);
  },
});

function shownToken({ prefix, name, scopes, origins, createdAt, expiresAt, lastUsedAt }: Token): TokenOut {
  const time = (ms: number | null) => ms === null ? null : formatTimestamp(ms);
  return {
    prefix,
    name,
    scopes: [...scopes],
    origins: origins && [...origins],
    created_at: formatTimestamp(createdAt),
    expires_at: time(expiresAt),
    last_used_at: time(lastUsedAt),
  };
}

function pageOrigins(origins: readonly string[], given: readonly Scope[]): string[] {
  if (given.every((scope) => scope === "ingest")) return [...new Set(origins)];
  throw new GuardianError(
    "bad_request",
    'Cannot make a page key that allows more than "ingest": everybody can read it; leave out the origins',
  );
}

function endOf(given: string | null, now: number): number | null {
  if (given === null) return null;
  const ms = parseTimestamp(given);
  if (ms !== null && ms > now && ms <= limits.eventTimeMax) return ms;
  throw new GuardianError("bad_request", 'Cannot use "expires_at": it must be a time to come, such as 2030-01-01T00:00:00Z');
}
