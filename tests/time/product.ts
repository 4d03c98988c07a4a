// The whole product over a temporary folder and a clock that tests turn, with its API in front. A restart keeps folder and clock.

import { type Days, openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { openAccess } from "../../src/access/access.ts";
import { Guardian } from "../../src/guardian.ts";
import { lakeRows, readManifest } from "../../src/lake/mod.ts";
import { silent } from "../../src/log_line.ts";
import { makeApp } from "../../src/web/app.ts";
import { makeService } from "../../src/web/service.ts";
import { TestClock } from "../support/clock.ts";

export interface Answer {
  readonly status: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly errors: readonly { readonly code: string; readonly message: string }[];
}

export class Product {
  guardian!: Guardian;
  days!: Days;
  #ask!: (path: string, init?: RequestInit) => Promise<Response>;
  #close = () => {};

  private constructor(readonly data: string, readonly clock: TestClock, private readonly timezone: string) {}

  /** Runs `work` with a product that is stopped and deleted afterwards. */
  static async with(now: number, work: (product: Product) => Promise<void>, timezone = "UTC"): Promise<void> {
    const product = new Product(await Deno.makeTempDir({ prefix: "guardian-time-" }), new TestClock(now), timezone);
    await product.#open();
    try {
      await work(product);
    } finally {
      await product.#stop(false);
      await Deno.remove(product.data, { recursive: true });
    }
  }

  async #open(): Promise<void> {
    const { data, clock } = this;
    this.guardian = await Guardian.open({ data, clock, logLine: silent, partitions: 2, lingerMs: 0 });
    this.guardian.start({ shown: false });
    this.days = openDays(this.guardian, { timezone: this.timezone, runAt: "03:00", currency: "EUR" });
    const access = openAccess();
    const futureMs = 24 * 3_600_000;
    const service = makeService({ guardian: this.guardian, days: this.days, clock, logLine: silent, access, futureMs });
    const app = makeApp(service, endpoints);
    this.#close = () => service.feed.close("stopping");
    this.#ask = async (path, init) => await app.fetch(new Request(`http://localhost${path}`, init));
  }

  async #stop(finish: boolean): Promise<void> {
    this.#close();
    await this.days.close();
    await this.guardian.stop(finish);
  }

  /** As after a crash. */
  async restart(): Promise<void> {
    await this.#stop(false);
    await this.#open();
  }

  async post(events: readonly object[], key: string | null = null): Promise<Answer> {
    const body = events.map((event) => JSON.stringify(event)).join("\n");
    const answer = await this.#ask("/events", { method: "POST", body, headers: key === null ? {} : { "idempotency-key": key } });
    return { status: answer.status, ...await answer.json() };
  }

  async get<T>(path: string): Promise<T> {
    return await (await this.#ask(path)).json();
  }

  /** Confirmed anomalies as texts: type, session, window, clicks. */
  async anomalies(): Promise<string[]> {
    const { items } = await this.guardian.anomalies.list({ limit: 1000, statuses: ["confirmed"], order: "window" });
    return items.map(({ anomaly_id, anomaly_type, session_id, window_start, click_count }) =>
      [anomaly_id, anomaly_type, session_id, window_start, click_count].join(" ")
    ).sort();
  }

  /** Rows of the lake without what says how they got there. */
  async lake(): Promise<string[]> {
    await this.guardian.archiver.flush();
    const lines: string[] = [];
    for await (const rows of lakeRows(this.guardian.duck, await readManifest(this.guardian.state), "raw_clicks")) {
      for (const { session_id, timestamp, item_id } of rows) lines.push(`${(timestamp as Date).toISOString()} ${session_id} ${item_id}`);
    }
    return lines.sort();
  }
}
