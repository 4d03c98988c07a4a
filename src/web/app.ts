// The application: a table of endpoints made into one function from request to response. Checks that hold for all of them are here, and so
// is which data folder a request is answered of; every error leaves as a problem. It knows no path by itself.
// What always holds: what an endpoint needs is checked where that endpoint is about to answer, however the path was spelled that led there.

import { OpenAPIHono } from "@hono/zod-openapi";
import type { Asked, Visit } from "../access/access.ts";
import { tellPage } from "../access/cors.ts";
import { complete, type Header } from "../access/headers.ts";
import { type Standing, tellStanding } from "../access/rate.ts";
import { GuardianError } from "../errors.ts";
import { nearestName } from "../nearest.ts";
import { answering, DATA_OF, whileSent } from "./data_of.ts";
import type { Endpoint } from "./endpoint.ts";
import { problemResponse } from "./problem.ts";
import type { Service } from "./service.ts";

const RETRY_AFTER_SHUTDOWN_S = 5;
/** What an endpoint says of caching goes before. */
const UNCACHED = ["Cache-Control", "no-store"] as const;
/** What answers an order is short, or tells how it goes on: the server does not pack it. */
const UNPACKED = ["Cache-Control", "no-store, no-transform"] as const;
const JSON_HEADERS: readonly Header[] = [["Content-Type", "application/json"], UNPACKED];

/** What is kept of a request while it is answered. */
interface Kept {
  Bindings: { visit: Visit };
  /** Its answer is of the sample. */
  Variables: { ofSample?: true };
}

/** Makes the application of a service and its endpoints. Where two paths fit, the first one is taken. */
export function makeApp(service: Service, endpoints: readonly Endpoint[]): OpenAPIHono<Kept> {
  const app = new OpenAPIHono<Kept>();
  const patterns = endpoints.map((endpoint) => ({ endpoint, pattern: patternOf(endpoint.path) }));
  app.use(async (c, next) => {
    service.underWay++;
    try {
      await next();
    } finally {
      service.underWay--;
    }
    if (c.get("ofSample")) c.header(DATA_OF, "sample");
    if (c.res.headers.has("Cache-Control")) return;
    if (c.req.method === "POST") c.header(...UNPACKED);
    else c.header(...UNCACHED);
  });
  for (const endpoint of endpoints) {
    app.on(endpoint.method, endpoint.path.replaceAll(/\{([^{}]+)\}/g, ":$1"), (c) => {
      letIn(c.req.raw, c.env.visit, service, endpoint);
      const answers = answering(c.req.raw, endpoint, service);
      if (answers === service) return endpoint.handle(c, service);
      c.set("ofSample", true);
      return whileSent(c.req.raw, answers, () => endpoint.handle(c, answers));
    });
  }
  app.notFound((c) => {
    try {
      letIn(c.req.raw, c.env.visit, service, NOWHERE);
    } catch (thrown) {
      return problemResponse(thrown, c.req.raw, service.logLine);
    }
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

/** What a path needs at which nothing is: strangers are not told what there is. */
const NOWHERE = { needs: "read", path: null, whileDraining: false } as const;

/** Checks that an endpoint may answer. Throws what `Access.check` does, and `shutting_down`. */
function letIn(
  request: Request,
  visit: Visit,
  service: Service,
  asked: Asked & Pick<Endpoint, "whileDraining">,
): void {
  service.access.check(request, visit, asked);
  if (!service.draining || asked.whileDraining) return;
  throw new GuardianError("shutting_down", "Cannot answer this request: the server is shutting down; send it again when it is back", {
    retryAfterS: RETRY_AFTER_SHUTDOWN_S,
  });
}

/** Lets requests without parameters for endpoints that answer them directly go past the router. */
function answerDirectly(app: OpenAPIHono<Kept>, service: Service, endpoints: readonly Endpoint[]): void {
  const direct = new Map(endpoints.filter((each) => each.direct !== undefined).map((each) => [each.path, each]));
  const { fetch } = app, { cors, headers } = service.front;
  const jsonHeaders = [...JSON_HEADERS, ...headers];
  const finished = (request: Request, response: Response, standing: Standing | null, isComplete = false) => {
    if (!isComplete) complete(response.headers, headers);
    // Another limit than that of all requests may have turned it away, which its answer then tells of.
    if (standing !== null && (response.status !== 429 || !response.headers.has("RateLimit"))) tellStanding(response.headers, standing);
    tellPage(response.headers, cors.headersFor(request));
    return response;
  };
  app.fetch = async (request, info) => {
    const { url } = request;
    let visit: Visit;
    try {
      const asked = cors.preflight(request);
      if (asked !== null) {
        service.access.checkHost(request, info as Deno.ServeHandlerInfo | undefined);
        complete(asked.headers, headers);
        return asked;
      }
      visit = service.access.enter(request, info as Deno.ServeHandlerInfo | undefined);
    } catch (thrown) {
      return finished(request, problemResponse(thrown, request, service.logLine), null);
    }
    const { standing } = visit;
    const endpoint = direct.get(url.slice(url.indexOf("/", url.indexOf("//") + 2)));
    if (endpoint === undefined || endpoint.method.toUpperCase() !== request.method) {
      return finished(request, await fetch(request, { visit }), standing);
    }
    return finished(request, await directAnswer(endpoint, request, visit, service, jsonHeaders), standing, true);
  };
}

/** headers: of an answer that is no problem. */
async function directAnswer(
  endpoint: Endpoint,
  request: Request,
  visit: Visit,
  service: Service,
  headers: readonly Header[],
): Promise<Response> {
  let counted = false;
  try {
    letIn(request, visit, service, endpoint);
    service.underWay++;
    counted = true;
    const { status, json } = await endpoint.direct!(request, service);
    const response = new Response(JSON.stringify(json), { status });
    // One by one: given with the others, each would be checked and copied twice, which takes five times as long.
    for (const [name, value] of headers) response.headers.set(name, value);
    return response;
  } catch (thrown) {
    const response = problemResponse(thrown, request, service.logLine);
    complete(response.headers, service.front.headers);
    return response;
  } finally {
    if (counted) service.underWay--;
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{[^{}]+\}/g, "[^/]+")}$`);
}

function nothingAt(pathname: string, endpoints: readonly Endpoint[]): GuardianError {
  const near = nearestName(pathname, [...new Set(endpoints.map(({ path }) => path))].filter((path) => !path.includes("{")));
  const hint = near === null ? "see /openapi.json for what there is" : `did you mean ${near}?`;
  return new GuardianError("not_found", `Cannot find ${pathname.slice(0, 200)}: nothing is there; ${hint}`);
}
