// The application: a table of endpoints made into one function from request to response. Checks that hold for all of them are here, and
// every error leaves as a problem. It knows no path by itself.

import { OpenAPIHono } from "@hono/zod-openapi";
import { GuardianError } from "../errors.ts";
import { nearestName } from "../nearest.ts";
import { checkAccess } from "./access.ts";
import type { Endpoint } from "./endpoint.ts";
import { problemResponse } from "./problem.ts";
import type { Service } from "./service.ts";

const RETRY_AFTER_SHUTDOWN_S = 5;

/** Makes the application of a service and its endpoints. Where two paths fit, the first one is taken. */
export function makeApp(service: Service, endpoints: readonly Endpoint[]): OpenAPIHono {
  const app = new OpenAPIHono();
  const patterns = endpoints.map((endpoint) => ({ endpoint, pattern: patternOf(endpoint.path) }));
  app.use(async (c, next) => {
    const { pathname } = new URL(c.req.url);
    const fitting = patterns.find(({ pattern }) => pattern.test(pathname))?.endpoint;
    checkAccess(c.req.raw, service.access, fitting?.open ?? false);
    if (service.draining && !fitting?.whileDraining) {
      throw new GuardianError("shutting_down", "Cannot answer this request: the server is shutting down; send it again when it is back", {
        retryAfterS: RETRY_AFTER_SHUTDOWN_S,
      });
    }
    service.underWay++;
    try {
      await next();
    } finally {
      service.underWay--;
    }
    c.header("X-Content-Type-Options", "nosniff");
    if (!c.res.headers.has("Cache-Control")) c.header("Cache-Control", "no-store");
  });
  for (const { method, path, handle } of endpoints) {
    app.on(method, path.replaceAll(/\{(.+?)\}/g, ":$1"), (c) => handle(c, service));
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
  return app;
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{.+?\}/g, "[^/]+")}$`);
}

function nothingAt(pathname: string, endpoints: readonly Endpoint[]): GuardianError {
  const near = nearestName(pathname, [...new Set(endpoints.map(({ path }) => path))].filter((path) => !path.includes("{")));
  const hint = near === null ? "see /openapi.json for what there is" : `did you mean ${near}?`;
  return new GuardianError("not_found", `Cannot find ${pathname.slice(0, 200)}: nothing is there; ${hint}`);
}
