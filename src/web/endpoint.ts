// One path and method: what it is called with, what it answers, and who answers. The description in OpenAPI and the checks of a request
// come from the same value, so that they cannot part.

import { type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Visit } from "../access/access.ts";
import { PAGE_PATH } from "../access/cors.ts";
import type { Need } from "../access/credential.ts";
import { kindOf } from "../errors.ts";
import { dataOfAnswer, dataOfRequest } from "./data_of.ts";
import { pathOf, queryOf } from "./parameters.ts";
import { exampleOf, PROBLEM_TYPE, type ProblemCode, problemHeaders, problemSchema, rateHeaders } from "./problem.ts";
import type { Service } from "./service.ts";

/** One answer. schema: null for one without a body. */
export interface Answer {
  readonly means: string;
  readonly schema: z.ZodType | null;
  /** `application/json` where it is left out. */
  readonly mediaType?: string;
  readonly example?: unknown;
  /** Its `Link` header tells the next page. */
  readonly paged?: boolean;
  /** Other headers of it, each with what it tells. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a request calls with: the checked query and path. */
export interface Call<Query, Path> {
  readonly c: Context;
  readonly service: Service;
  readonly query: Query;
  readonly path: Path;
  /** Who sent it, as far as that is known. */
  readonly visit: Visit;
}

/** A status, and what is answered as JSON. */
export interface DirectAnswer {
  readonly status: number;
  readonly json: unknown;
}

/**
 * Answers a request that has no parameters, as `handle` would. For what comes many thousand times a second: the way there through the router
 * costs as much as taking a small body.
 */
export type Direct = (request: Request, service: Service) => Promise<DirectAnswer>;

interface Definition<Query extends z.ZodObject, Path extends z.ZodObject> {
  readonly method: "get" | "post";
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly query?: Query;
  /** Whatever its query says is not for the server: a page reads it from its own address. */
  readonly anyQuery?: boolean;
  readonly params?: Path;
  readonly headers?: z.ZodObject;
  readonly body?: NonNullable<RouteConfig["request"]>["body"];
  /** Several answers of one status differ in their media type. */
  readonly answers: Readonly<Record<number, Answer | readonly Answer[]>>;
  /** Problems besides those that any request can have. */
  readonly problems: readonly ProblemCode[];
  /** What a credential has to allow; to read for `get` and to operate for `post` where it is left out. */
  readonly needs?: Need;
  /** Answered while the server shuts down. */
  readonly whileDraining?: boolean;
  /** Answered of the own folder while a sample is shown, too: what takes events, and what is about the server. */
  readonly ownAlways?: boolean;
  readonly direct?: Direct;
  readonly handle: (call: Call<z.infer<Query>, z.infer<Path>>) => Response | Promise<Response>;
}

export interface Endpoint {
  readonly method: "get" | "post";
  readonly path: string;
  readonly needs: Need;
  readonly whileDraining: boolean;
  readonly ownAlways: boolean;
  readonly answers: Readonly<Record<number, readonly Answer[]>>;
  readonly problems: readonly ProblemCode[];
  readonly direct?: Direct;
  /** For OpenAPI. */
  readonly config: RouteConfig;
  readonly handle: (c: Context, service: Service) => Response | Promise<Response>;
}

const anyRequest: readonly ProblemCode[] = ["invalid_parameter", "forbidden", "wrong_host", "rate_limited", "internal", "shutting_down"];
const whereNeeded: readonly ProblemCode[] = ["unauthorized"];
const nothing = z.object({});
const LINK = {
  Link: { schema: { type: "string" as const }, description: 'The next page, as `<path>; rel="next"`; absent on the last one' },
};

/** Makes an endpoint of its definition. */
export function endpoint<Query extends z.ZodObject = typeof nothing, Path extends z.ZodObject = typeof nothing>(
  definition: Definition<Query, Path>,
): Endpoint {
  const { method, path, tag, summary, description, query, params, body } = definition;
  const { needs = method === "get" ? "read" : "operate", whileDraining = false, ownAlways = false, direct } = definition;
  const headers = ownAlways ? definition.headers : (definition.headers ?? nothing).extend(dataOfRequest);
  const problems = [
    ...new Set([
      ...anyRequest,
      ...(needs === "nothing" ? [] : whereNeeded),
      ...(method === "post" ? ["cross_site" as const] : []),
      ...definition.problems,
      // Whoever reads a body can get tired of it.
      ...(definition.problems.includes("body_too_large") ? ["request_timeout" as const] : []),
    ]),
  ];
  const answers = Object.fromEntries(
    Object.entries(definition.answers).map(([status, given]) => [status, [given].flat() as readonly Answer[]]),
  );
  const config: RouteConfig = {
    method,
    path,
    tags: [tag],
    summary,
    description,
    operationId: operationId(method, path),
    request: { query, params, headers, body },
    responses: { ...answersIn(answers, { ...ownAlways ? {} : dataOfAnswer, ...rateHeaders }), ...problemsIn(problems, answers) },
    security: securityOf(path, needs),
  };
  const handle = (c: Context, service: Service) =>
    definition.handle({
      c,
      service,
      visit: (c.env as { visit: Visit }).visit,
      query: (definition.anyQuery ? {} : queryOf(c, query ?? nothing)) as z.infer<Query>,
      path: pathOf(c, params ?? nothing) as z.infer<Path>,
    });
  return { method, path, needs, whileDraining, ownAlways, answers, problems, direct, config, handle };
}

/** A page key is for what appends alone, and whoever signed in does not come as a program. */
function securityOf(path: string, needs: Need): Record<string, string[]>[] {
  if (needs === "nothing") return [];
  return path === PAGE_PATH ? [{ token: [needs] }, { page_key: [needs] }] : [{ token: [needs] }];
}

/** `get_anomalies_session_id` */
function operationId(method: string, path: string): string {
  return [method, ...path.split(/[^a-z0-9_]+/)].filter((part) => part !== "").join("_");
}

/** also: headers of all of them, each with what it tells. */
function answersIn(
  answers: Readonly<Record<number, readonly Answer[]>>,
  also: Readonly<Record<string, string>> = {},
): RouteConfig["responses"] {
  return Object.fromEntries(
    Object.entries(answers).map(([status, some]) => {
      const content = Object.fromEntries(
        some.filter(({ schema }) => schema !== null).map(({ mediaType = "application/json", schema, example }) => [
          mediaType,
          { schema: schema!, ...(example === undefined ? {} : { example }) },
        ]),
      );
      const told = Object.entries(Object.assign({}, also, ...some.map(({ headers }) => headers)) as Record<string, string>);
      const headers = { ...some.some(({ paged }) => paged) ? LINK : {}, ...headersIn(told) };
      const known = Object.keys(headers).length > 0 ? { headers } : {};
      return [status, { description: some.map(({ means }) => means).join(". "), ...known, content }];
    }),
  );
}

function headersIn(told: readonly (readonly [name: string, description: string])[]) {
  return Object.fromEntries(told.map(([name, description]) => [name, { schema: { type: "string" as const }, description }]));
}

/** Problems of one status stand together, each with an example. */
function problemsIn(codes: readonly ProblemCode[], answers: Readonly<Record<number, readonly Answer[]>>): RouteConfig["responses"] {
  const byStatus = Map.groupBy(codes, (code) => kindOf(code).status);
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => {
      const examples = Object.fromEntries(some.map((code) => [code, { summary: kindOf(code).title, value: exampleOf(code) }]));
      const problem = { [PROBLEM_TYPE]: { schema: problemSchema, examples } };
      const also = answers[status] === undefined ? {} : answersIn({ [status]: answers[status] })[status];
      const described = [...(answers[status] ?? []).map(({ means }) => means), ...some.map((code) => `\`${code}\`: ${kindOf(code).title}`)];
      const content = { ...(also as { content?: Record<string, never> }).content, ...problem };
      const headers = {
        ...(also as { headers?: Record<string, never> }).headers,
        ...headersIn(Object.entries(problemHeaders[status] ?? {})),
      };
      return [status, { description: described.join(". "), ...Object.keys(headers).length > 0 ? { headers } : {}, content }];
    }),
  );
}
