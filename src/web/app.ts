// The application: a table of endpoints made into one function from request to response. Checks that hold for all of them are here, and so
// is which data folder a request is answered of; every error leaves as a problem. It knows no path by itself.

import { OpenAPIHono } from "@hono/zod-openapi";
import { GuardianError } from "../errors.ts";
import { nearestName } from "../nearest.ts";
import { checkAccess } from "./access.ts";
import { answering, DATA_OF, whileSent } from "./data_of.ts";
import type { Endpoint } from "./endpoint.ts";
import { problemResponse } from "./problem.ts";
import type { Service } from "./service.ts";

const RETRY_AFTER_SHUTDOWN_S = 5;
/** Headers of every answer; what an endpoint says of caching goes before. */
const NOSNIFF = ["X-Content-Type-Options", "nosniff"] as const, UNCACHED = ["Cache-Control", "no-store"] as const;
/** What answers an order is short, or tells how it goes on: the server does not pack it. */
const UNPACKED = ["Cache-Control", "no-store, no-transform"] as const;
const JSON_HEADERS: [string, string][] = [["Content-Type", "application/json"], [...NOSNIFF], [...UNPACKED]];

/** What is kept of a request while it is answered. */
interface Kept {
  /** Its answer is of the sample. */
  Variables: { ofSample?: true };
}

/** Makes the application of a service and its endpoints. Where two paths fit, the first one is taken. */
export function makeApp(service: Service, endpoints: readonly Endpoint[]): OpenAPIHono<Kept> {
  const app = new OpenAPIHono<Kept>();
  const patterns = endpoints.map((endpoint) => ({ endpoint, pattern: patternOf(endpoint.path) }));
  app.use(async (c, next) => {
    const { pathname } = new URL(c.req.url);
    letIn(c.req.raw, service, patterns.find(({ pattern }) => pattern.test(pathname))?.endpoint);
    service.underWay++;
    try {
      await next();
    } finally {
      service.underWay--;
    }
    if (c.get("ofSample")) c.header(DATA_OF, "sample");
    c.header(...NOSNIFF);
    if (c.res.headers.has("Cache-Control")) return;
    if (c.req.method === "POST") c.header(...UNPACKED);
    else c.header(...UNCACHED);
  });
  for (const endpoint of endpoints) {
    app.on(endpoint.method, endpoint.path.replaceAll(/\{(.+?)\}/g, ":$1"), (c) => {
      const answers = answering(c.req.raw, endpoint, service);
      if (answers === service) return endpoint.handle(c, service);
      c.set("ofSample", true);
      return whileSent(c.req.raw, answers, () => endpoint.handle(c, answers));
    });
  }
  app.notFound((c) => {
    const { pathname } = new URL(c.req.url);
    const allowed = patterns.filter(({ pattern }) => pattern.test(pathname)).map(({ endpoint }) => endpoint.method.toUpperCase());
    if (allowed.length === 0) return problemResponse(nothingAt(pathname, endpoints), c.req.raw, service.logLine);
    const allow = allowed.flatMap((method) => method === "GET" ? ["GET", "HEAD"] : [method]).join(", ");
    const why = `${pathname} takes ${allow} alone`;
    const error = new GuardianError("method_not_allowed", `Cannot answer a ${c.req.method.slice(0, 20)} request: ${why}`);
    const response = problemResponse(error, c.req.raw, service.logLine);
    response.headers.set("Allow", allow);
    return response;
  });
  app.onError((thrown, c) => problemResponse(thrown, c.req.raw, service.logLine));
  answerDirectly(app, service, endpoints);
  return app;
}

/** Checks what holds for all requests. Throws what `checkAccess` does, and `shutting_down`. */
function letIn(request: Request, service: Service, fitting: Endpoint | undefined): void {
  checkAccess(request, service.access, fitting?.open ?? false);
  if (!service.draining || fitting?.whileDraining) return;
  throw new GuardianError("shutting_down", "Cannot answer this request: the server is shutting down; send it again when it is back", {
    retryAfterS: RETRY_AFTER_SHUTDOWN_S,
  });
}

/** Lets requests without parameters for endpoints that answer them directly go past the router. */
function answerDirectly(app: OpenAPIHono<Kept>, service: Service, endpoints: readonly Endpoint[]): void {
  const direct = new Map(endpoints.filter((each) => each.direct !== undefined).map((each) => [each.path, each]));
  const { fetch } = app;
  app.fetch = (request, ...rest) => {
    const { url } = request;
    const endpoint = direct.get(url.slice(url.indexOf("/", url.indexOf("//") + 2)));
    if (endpoint === undefined || endpoint.method.toUpperCase() !== request.method) return fetch(request, ...rest);
    return directAnswer(endpoint, request, service);
  };
}

async function directAnswer(endpoint: Endpoint, request: Request, service: Service): Promise<Response> {
  let counted = false;
  try {
    letIn(request, service, endpoint);
    service.underWay++;
    counted = true;
    const { status, json } = await endpoint.direct!(request, service);
    return new Response(JSON.stringify(json), { status, headers: JSON_HEADERS });
  } catch (thrown) {
    const response = problemResponse(thrown, request, service.logLine);
    if (counted) response.headers.set(...NOSNIFF);
    return response;
  } finally {
    if (counted) service.underWay--;
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{.+?\}/g, "[^/]+")}$`);
}

function nothingAt(pathname: string, endpoints: readonly Endpoint[]): GuardianError {
  const near = nearestName(pathname, [...new Set(endpoints.map(({ path }) => path))].filter((path) => !path.includes("{")));
  const hint = near === null ? "see /openapi.json for what there is" : `did you mean ${near}?`;
  return new GuardianError("not_found", `Cannot find ${pathname.slice(0, 200)}: nothing is there; ${hint}`);
}
