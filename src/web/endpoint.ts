// One path and method: what it is called with, what it answers, and who answers. The description in OpenAPI and the checks of a request
// come from the same value, so that they cannot part.

import { type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { kindOf } from "../errors.ts";
import { pathOf, queryOf } from "./parameters.ts";
import { exampleOf, PROBLEM_TYPE, type ProblemCode, problemSchema } from "./problem.ts";
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
}

interface Definition<Query extends z.ZodObject, Path extends z.ZodObject> {
  readonly method: "get" | "post";
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly query?: Query;
  readonly params?: Path;
  readonly headers?: z.ZodObject;
  readonly body?: NonNullable<RouteConfig["request"]>["body"];
  /** Several answers of one status differ in their media type. */
  readonly answers: Readonly<Record<number, Answer | readonly Answer[]>>;
  /** Problems besides those that any request can have. */
  readonly problems: readonly ProblemCode[];
  /** Needs no token. */
  readonly open?: boolean;
  /** Answered while the server shuts down. */
  readonly whileDraining?: boolean;
  readonly handle: (call: Call<z.infer<Query>, z.infer<Path>>) => Response | Promise<Response>;
}

export interface Endpoint {
  readonly method: "get" | "post";
  readonly path: string;
  readonly open: boolean;
  readonly whileDraining: boolean;
  readonly answers: Readonly<Record<number, readonly Answer[]>>;
  readonly problems: readonly ProblemCode[];
  /** For OpenAPI. */
  readonly config: RouteConfig;
  readonly handle: (c: Context, service: Service) => Response | Promise<Response>;
}

const anyRequest: readonly ProblemCode[] = ["invalid_parameter", "unauthorized", "wrong_host", "internal", "shutting_down"];
const nothing = z.object({});
const LINK = {
  Link: { schema: { type: "string" as const }, description: 'The next page, as `<path>; rel="next"`; absent on the last one' },
};

/** Makes an endpoint of its definition. */
export function endpoint<Query extends z.ZodObject = typeof nothing, Path extends z.ZodObject = typeof nothing>(
  definition: Definition<Query, Path>,
): Endpoint {
  const { method, path, tag, summary, description, query, params, headers, body, open = false, whileDraining = false } = definition;
  const problems = [...new Set([...anyRequest, ...(method === "post" ? ["cross_site" as const] : []), ...definition.problems])];
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
    responses: { ...answersIn(answers), ...problemsIn(problems, answers) },
    security: open ? [] : [{ token: [] }],
  };
  const handle = (c: Context, service: Service) =>
    definition.handle({
      c,
      service,
      query: queryOf(c, query ?? nothing) as z.infer<Query>,
      path: pathOf(c, params ?? nothing) as z.infer<Path>,
    });
  return { method, path, open, whileDraining, answers, problems, config, handle };
}

/** `get_anomalies_session_id` */
function operationId(method: string, path: string): string {
  return [method, ...path.split(/[^a-z0-9_]+/)].filter((part) => part !== "").join("_");
}

function answersIn(answers: Readonly<Record<number, readonly Answer[]>>): RouteConfig["responses"] {
  return Object.fromEntries(
    Object.entries(answers).map(([status, some]) => {
      const content = Object.fromEntries(
        some.filter(({ schema }) => schema !== null).map(({ mediaType = "application/json", schema, example }) => [
          mediaType,
          { schema: schema!, ...(example === undefined ? {} : { example }) },
        ]),
      );
      const told = Object.entries(Object.assign({}, ...some.map(({ headers }) => headers)) as Record<string, string>);
      const headers = {
        ...some.some(({ paged }) => paged) ? LINK : {},
        ...Object.fromEntries(told.map(([name, description]) => [name, { schema: { type: "string" as const }, description }])),
      };
      const also = Object.keys(headers).length > 0 ? { headers } : {};
      return [status, { description: some.map(({ means }) => means).join(". "), ...also, content }];
    }),
  );
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
      return [status, { ...also, description: described.join(". "), content }];
    }),
  );
}
