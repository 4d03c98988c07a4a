// A whole product over a temporary folder with its API in front, without a port.

import assert from "node:assert/strict";
import { openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { type Access, openAccess } from "../../src/access/access.ts";
import { systemClock } from "../../src/clock.ts";
import { Guardian } from "../../src/guardian.ts";
import type { LogLine } from "../../src/log_line.ts";
import type { WebhookTarget } from "../../src/notify/webhook.ts";
import type { Admission } from "../../src/web/admission.ts";
import { makeApp } from "../../src/web/app.ts";
import type { DashboardFiles } from "../../src/web/dashboard_files.ts";
import { makeService, type Service } from "../../src/web/service.ts";

export interface Lab {
  readonly guardian: Guardian;
  readonly service: Service;
  /** Log lines of the API: event and fields. */
  readonly lines: { event: string; fields: Record<string, unknown> }[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Posts NDJSON or another body to /events. */
  post(body: BodyInit | object[], headers?: Record<string, string>, query?: string): Promise<Response>;
}

export interface LabOptions {
  readonly access?: Access;
  readonly admission?: Admission;
  readonly timezone?: string;
  readonly webhook?: WebhookTarget;
  readonly dashboard?: DashboardFiles;
}

export const LOOPBACK: Access = openAccess();

/** Runs `work` with a product that is stopped and deleted afterwards. */
export async function withLab(
  work: (lab: Lab) => Promise<void>,
  { access = LOOPBACK, admission, timezone = "UTC", dashboard, webhook }: LabOptions = {},
): Promise<void> {
  const data = await Deno.makeTempDir({ prefix: "guardian-web-" });
  const lines: Lab["lines"] = [];
  const logLine: LogLine = (_level, event, fields = {}) => lines.push({ event, fields });
  const guardian = await Guardian.open({ data, clock: systemClock, logLine, partitions: 2, webhook });
  const days = openDays(guardian, { timezone, runAt: "03:00", currency: "EUR" });
  let close = () => {};
  try {
    guardian.start();
    const service = makeService({ guardian, days, clock: systemClock, logLine, access, futureMs: 24 * 3_600_000, admission, dashboard });
    close = () => service.feed.close("stopping");
    const app = makeApp(service, endpoints);
    const fetch = (path: string, init?: RequestInit) => Promise.resolve(app.fetch(new Request(`http://localhost${path}`, init)));
    const post: Lab["post"] = (body, headers = {}, query = "") =>
      fetch(`/events${query}`, { method: "POST", body: Array.isArray(body) ? ndjson(body) : body, headers });
    await work({ guardian, service, lines, fetch, post });
  } finally {
    close();
    await days.close();
    await guardian.stop();
    await Deno.remove(data, { recursive: true });
  }
}

export function ndjson(events: readonly object[]): string {
  return events.map((event) => JSON.stringify(event)).join("\n") + "\n";
}

export const T0 = Date.UTC(2014, 3, 7, 10, 0, 0);

/** `count` clicks of a session, `gapMs` apart, on one item. */
export function clicks(session: string | number, count: number, start = T0, gapMs = 100): object[] {
  return Array.from({ length: count }, (_, i) => ({ session_id: session, timestamp: start + i * gapMs, item_id: 7 }));
}

/** Clicks that close the windows of T0 and later in both partitions. */
export function closing(start = T0 + 600_000): object[] {
  return Array.from({ length: 20 }, (_, i) => ({ session_id: 1_000_000 + i, timestamp: start, item_id: i }));
}

/** Checks that an answer is a problem with this status and code, and returns it. */
export async function assertProblem(response: Response, status: number, code: string): Promise<Record<string, unknown>> {
  const problem = await response.json();
  assert.deepEqual([response.status, problem.code, problem.status], [status, code, status], JSON.stringify(problem));
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.deepEqual(Object.keys(problem), ["type", "title", "status", "detail", "code", "instance"]);
  return problem;
}
