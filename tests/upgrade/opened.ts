// A fixture opened by the program as it is now, with its API in front; the clock is the one of the fixture's last minute.

import { openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { openAccess } from "../../src/access/access.ts";
import { Guardian } from "../../src/guardian.ts";
import { silent } from "../../src/log_line.ts";
import { makeApp } from "../../src/web/app.ts";
import { makeService } from "../../src/web/service.ts";
import { TestClock } from "../support/clock.ts";

export interface Opened {
  readonly guardian: Guardian;
  post(body: string, key?: string | null): Promise<{ status: number; accepted: number; duplicates: number; rejected: number }>;
  get(path: string): Promise<Record<string, unknown>[]>;
}

/** Opens a data folder at a moment, works on it, and stops. */
export async function opened(data: string, at: number, work: (opened: Opened) => Promise<void>): Promise<void> {
  const clock = new TestClock(at);
  const guardian = await Guardian.open({ data, clock, logLine: silent, partitions: 1, lingerMs: 0, archiveIntervalMs: 3_600_000 });
  const days = openDays(guardian, { timezone: "UTC", runAt: "03:00", currency: "" });
  let close = () => {};
  try {
    guardian.start();
    const access = openAccess();
    const service = makeService({ guardian, days, clock, logLine: silent, access, futureMs: 24 * 3_600_000 });
    close = () => service.feed.close("stopping");
    const app = makeApp(service, endpoints);
    const ask = async (path: string, init?: RequestInit) => await app.fetch(new Request(`http://localhost${path}`, init));
    await work({
      guardian,
      async post(body, key = null) {
        const answer = await ask("/events", { method: "POST", body, headers: key === null ? {} : { "idempotency-key": key } });
        return { status: answer.status, ...await answer.json() };
      },
      async get(path) {
        const answer = await ask(path);
        if (answer.status !== 200) throw new Error(`GET ${path} was answered with ${answer.status}: ${await answer.text()}`);
        return await answer.json();
      },
    });
  } finally {
    close();
    await days.close();
    await guardian.stop();
  }
}

/** Bytes of every file of a folder, by path. */
export async function bytesOf(folder: string, below = ""): Promise<Record<string, string>> {
  const bytes: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) Object.assign(bytes, await bytesOf(`${folder}/${name}`, `${below}${name}/`));
    else {
      const sum = await crypto.subtle.digest("SHA-256", await Deno.readFile(`${folder}/${name}`));
      bytes[below + name] = new Uint8Array(sum).toHex();
    }
  }
  return bytes;
}
