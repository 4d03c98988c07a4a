// What stands between the page and the API in a test: answers that are errors, that never come, that break off, or that say something else.
// The page's own files and the live feed are left alone.

import type { Page, Request, Route } from "playwright-core";

/** How the API does. */
export type Weather = "well" | "failing" | "silent" | "breaking off";

const problem = {
  type: "about:blank",
  title: "Storage is failing",
  status: 500,
  detail: "Cannot read the results: the disk does not answer; look at the server's log",
  code: "storage_failing",
  instance: "urn:uuid:00000000-0000-4000-8000-000000000000",
};
export const PROBLEM: string = problem.detail;

/** The API behind a page, whose weather can be changed. Who is signed in can be asked in any: what a page does until that is known has tests of its own. */
export class Api {
  #underWay = 0;
  #waiting: (() => void)[] = [];

  private constructor(public weather: Weather) {}

  static async of(page: Page, weather: Weather = "well"): Promise<Api> {
    const api = new Api(weather);
    const isApi = ({ pathname }: URL) => !pathname.startsWith("/dashboard") && pathname !== "/live" && pathname !== "/session";
    await page.route(isApi, (route) => api.#answer(route));
    const asked = (request: Request) => isApi(new URL(request.url()));
    page.on("request", (request) => asked(request) && api.#underWay++);
    page.on("requestfinished", (request) => asked(request) && api.#ended());
    page.on("requestfailed", (request) => asked(request) && api.#ended());
    return api;
  }

  /** Waits until no answer is on its way. */
  async answered(): Promise<void> {
    while (this.#underWay > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #ended(): void {
    if (--this.#underWay > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #answer(route: Route): Promise<void> {
    switch (this.weather) {
      case "well":
        return await route.continue();
      case "failing":
        return await route.fulfill({ status: 500, contentType: "application/problem+json", body: JSON.stringify(problem) });
      case "silent":
        return; // the page ends it
      case "breaking off": {
        const response = await route.fetch(), body = await response.text();
        return await route.fulfill({ response, body: body.slice(0, Math.ceil(body.length / 2)) });
      }
    }
  }
}

/** Lets `change` put something else into what the API answers at a path and below it. Answers that are problems stay as they are. */
export async function retold<T>(page: Page, path: string, change: (data: T, headers: Record<string, string>) => unknown): Promise<void> {
  await page.route(({ pathname }) => pathname.startsWith(path), async (route) => {
    try {
      const response = await route.fetch(), headers = response.headers();
      if (response.status() !== 200) return await route.fulfill({ response });
      const json = change(await response.json(), headers);
      await route.fulfill({ response, headers, json });
    } catch (failure) {
      // The page went while it waited for this answer.
      if (!/closed|disposed/.test(String(failure))) throw failure;
    }
  });
}

/** Lets the API say that a sample is shown, as long as `shown` says so. */
export async function withSample(page: Page, shown: () => boolean): Promise<void> {
  await retold<object>(page, "/sample", (sample) => ({ ...sample, shown: shown(), state: "live", can_clear: shown() }));
}
