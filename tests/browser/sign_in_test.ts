// Signing in and out in a browser: what somebody sees who is not signed in, and what becomes of a page whose session ends. What always holds:
// the token that was typed stays nowhere in the browser, and nothing of the shop is shown to who is not signed in.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { labTests, type OpenOptions } from "./lab.ts";
import { becomes, settled, tooWide } from "./reading.ts";

const TOKEN = "a-token-for-the-browser-0123456789abcdef";
const DEEP = "/dashboard/anomalies?traffic=humans&severity=high";
const axe: { source: string } = createRequire(import.meta.url)("axe-core");
/** The browser tells of every answer that is a refusal. */
const REFUSED: OpenOptions = { errors: /Failed to load resource: the server responded with a status of 40[13]/ };

const test = labTests({ visitorsPerDay: 600, days: 2, token: TOKEN });

const field = (page: Page) => page.getByLabel("Token", { exact: true });
const button = (page: Page) => page.getByRole("button", { name: "Sign in" });
const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

async function signIn(page: Page, token = TOKEN): Promise<void> {
  await heading(page, "Sign in");
  await field(page).fill(token);
  await button(page).click();
}

/** What only the pages of the dashboard load: each has a module of its own. */
const MODULE_OF_PAGE = /\/(overview|anomalies|daily|funnel|items|live_shop|jobs)-\w+\.js$/;

/** Paths of the API, and modules of single pages, that a page asked for. */
function askedBy(page: Page): string[] {
  const asked: string[] = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url()), module = MODULE_OF_PAGE.exec(pathname)?.[1];
    if (module !== undefined) asked.push(module);
    else if (!pathname.startsWith("/dashboard")) asked.push(`${request.method()} ${pathname}`);
  });
  return asked;
}

test("who is not signed in sees the page to sign in and asks for nothing else; a wrong token is told, a right one leads where he meant to go", async ({ open, url }) => {
  let asked: string[] = [];
  const page = await open(DEEP, {
    ...REFUSED,
    prepare: (page) => {
      asked = askedBy(page);
      return Promise.resolve();
    },
  });
  await heading(page, "Sign in");
  assert.equal(await page.title(), "Sign in · Clickstream Guardian");
  await page.waitForLoadState("networkidle");
  assert.deepEqual(asked, ["GET /session"]);
  assert.equal(await field(page).getAttribute("type"), "password");
  assert.equal(await page.evaluate("document.activeElement.id"), "token");

  await signIn(page, "wrong-token");
  const alert = page.getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.innerText(), /Not signed in\s+Cannot sign in: this is no token that is in force here/);
  assert.equal(await field(page).inputValue(), "wrong-token", "what was typed stays");
  assert.equal(await field(page).getAttribute("aria-invalid"), "true");
  assert.match((await field(page).getAttribute("aria-describedby"))!, /token-failure/);

  await field(page).fill(TOKEN);
  await page.keyboard.press("Enter");
  await heading(page, "Anomalies");
  assert.equal(page.url(), url + DEEP);
  await settled(page);
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Anomalies");
  await page.getByText("GUARDIAN_TOKEN").waitFor();
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map(({ name, httpOnly, sameSite, path }) => [name, httpOnly, sameSite, path]), [[
    "guardian",
    true,
    "Strict",
    "/",
  ]]);
  const kept = await page.evaluate(
    "JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}, location.href, document.documentElement.outerHTML])",
  ) as string;
  assert.ok(!kept.includes(TOKEN) && !kept.includes(cookies[0].value), "neither token nor session is within reach of scripts");
  await page.reload();
  await heading(page, "Anomalies");
});

test("page asks for nothing before it is known who is there, however long that takes", async ({ open }) => {
  let asked: string[] = [], goOn = () => {};
  const held = new Promise<void>((resolve) => goOn = resolve);
  const opening = open("/dashboard/anomalies", {
    ...REFUSED,
    prepare: async (page) => {
      asked = askedBy(page);
      await page.route("**/session", async (route) => {
        await held;
        await route.continue();
      });
    },
  });
  const page = await opening;
  // The frame says by now that it loads, and whatever it would ask for, it has asked for.
  await heading(page, "Anomalies");
  await page.evaluate("new Promise((done) => requestIdleCallback(() => setTimeout(done, 500)))");
  assert.deepEqual(asked, ["GET /session"]);
  goOn();
  await heading(page, "Sign in");
  await page.waitForLoadState("networkidle");
  assert.deepEqual(asked, ["GET /session"]);
  await signIn(page);
  await heading(page, "Anomalies");
  await settled(page);
  assert.ok(asked.includes("anomalies") && asked.includes("GET /anomalies"), "asked for as soon as somebody is there");
});

test("orders bring the CSRF token, and the live feed comes to whoever is signed in", async ({ open, feed, guardian }) => {
  const page = await open("/dashboard/anomalies?status=all", REFUSED);
  await signIn(page);
  await becomes(page, () => page.locator(".freshness [role=status]").innerText(), "Live");
  assert.notEqual(feed.connections.at(-1)!.hello, null);
  await settled(page);
  const sent = page.waitForRequest((request) => request.method() === "POST");
  await page.locator(".verdict button").first().click();
  const request = await sent, headers = await request.allHeaders();
  assert.match(headers["x-csrf-token"], /^[\w-]{43}$/);
  assert.equal((await request.response())!.status(), 200);
  const session = decodeURIComponent(new URL(request.url()).pathname.split("/")[2]);
  assert.equal(guardian.feedback.verdictOf(session), "human");
});

test("signing out shows the page to sign in, here and in another window, and the session is over", async ({ open, url }) => {
  const page = await open("/dashboard/jobs", REFUSED);
  await signIn(page);
  await heading(page, "Jobs");
  const other = await page.context().newPage();
  await other.goto(`${url}/dashboard/daily`);
  await heading(other, "Daily");
  await settled(other);
  const [{ name, value }] = await page.context().cookies();
  await page.getByRole("button", { name: "Sign out" }).click();
  await heading(page, "Sign in");
  assert.equal(page.url(), `${url}/dashboard/jobs`);
  assert.deepEqual(await page.context().cookies(), []);
  assert.equal(await page.locator("table").count(), 0, "nothing of the shop is left in the page");
  const answer = await fetch(`${url}/stats`, { headers: { cookie: `${name}=${value}` } });
  await answer.body?.cancel();
  assert.equal(answer.status, 401);
  await heading(other, "Sign in");
  assert.equal(await other.locator("table:visible").count(), 0);
});

test("session whose token is revoked leads to the page to sign in, and signing in again finds what was typed", async ({ open, guardian }) => {
  const made = () => guardian.tokens.create({ name: "anna", scopes: ["operate"], origins: null, expiresAt: null });
  const first = await made(), second = await made();
  const page = await open("/dashboard/jobs", REFUSED);
  await signIn(page, first.text);
  await heading(page, "Jobs");
  await settled(page);
  await page.getByLabel("First day").fill("2026-01-05");
  await guardian.tokens.revoke(first.token.prefix);
  await page.getByRole("button", { name: "Count these days again" }).click();
  await heading(page, "Sign in");
  assert.match(await page.locator(".sign-in").innerText(), /You were signed out: your session is over, or its token is/);
  assert.equal(await page.getByRole("heading", { level: 1, name: "Jobs" }).count(), 0, "hidden from whoever hears the page too");
  await signIn(page, second.text);
  await heading(page, "Jobs");
  assert.equal(await page.getByLabel("First day").inputValue(), "2026-01-05");
  await page.getByText("You are not signed in any more. Sign in again, and repeat it.").waitFor();
  await becomes(page, () => page.locator(".freshness [role=status]").innerText(), "Live");
  assert.equal(await page.title(), "Jobs · Clickstream Guardian");
});

test("page whose session ends finds out by itself, and somebody else who signs in finds nothing of it", async ({ open, guardian }) => {
  const [anna, ben] = await Promise.all(
    ["anna", "ben"].map((name) => guardian.tokens.create({ name, scopes: ["operate"], origins: null, expiresAt: null })),
  );
  const page = await open("/dashboard/jobs", REFUSED);
  await signIn(page, anna.text);
  await heading(page, "Jobs");
  await settled(page);
  await page.getByLabel("First day").fill("2026-01-05");
  await guardian.tokens.revoke(anna.token.prefix);
  await heading(page, "Sign in");
  await signIn(page, ben.text);
  await page.getByText("ben", { exact: true }).waitFor();
  await settled(page);
  await becomes(page, () => page.getByLabel("First day").inputValue(), "");
});

test("who may read alone sees no button that gives an order, and is told what it takes", async ({ open, visit, guardian }) => {
  const { text } = await guardian.tokens.create({ name: "reader", scopes: ["read"], origins: null, expiresAt: null });
  const page = await open("/dashboard/jobs", REFUSED);
  await signIn(page, text);
  await page.getByText("to run them, sign in with a token that has the scope operate").waitFor();
  assert.equal(await page.getByRole("button", { name: /Run now|Count/ }).count(), 0);
  await visit(page, "/dashboard/anomalies?status=all");
  await settled(page);
  assert.ok(await page.locator("table.anomalies tbody tr").count() > 0);
  await page.locator("button.opener").first().click();
  await page.getByText("to say so yourself, sign in with a token that has the scope operate").waitFor();
  assert.equal(await page.getByRole("button", { name: /Not a bot|It is a bot|Undo/ }).count(), 0);
});

test("order of a page whose browser was signed in anew in another window is sent once more, as the one who is there now", async ({ open, url }) => {
  const page = await open("/dashboard/anomalies?status=all", REFUSED);
  await signIn(page);
  await heading(page, "Anomalies");
  await settled(page);
  const other = await page.context().newPage();
  await other.goto(`${url}/dashboard`);
  await heading(other, "Overview");
  await other.evaluate(
    `fetch("/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"token":"${TOKEN}"}' })`,
  );
  await page.locator(".verdict button").first().click();
  await page.locator(".verdict .words").filter({ hasText: /counted again|Counts|Taken back/ }).first().waitFor();
});

for (const [look, options] of Object.entries({ light: {}, dark: { dark: true }, "at phone width": { width: 320, height: 640 } })) {
  test(`page to sign in keeps the rules of accessibility ${look}, with an error too, and fits`, async ({ open }) => {
    const page = await open("/dashboard", { ...REFUSED, ...options, bypassPolicy: true });
    await heading(page, "Sign in");
    for (const stage of ["empty", "with an error"]) {
      if (stage !== "empty") {
        await signIn(page, "x".repeat(200));
        await page.getByRole("alert").waitFor();
      }
      await page.evaluate(axe.source);
      const rules = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`;
      const found = await page.evaluate(`axe.run(document, { runOnly: ${rules} }).then(({ violations }) => violations.map(({ id, nodes }) =>
        id + " " + nodes.map(({ html }) => html).join(" ")))`);
      assert.deepEqual(found, [], stage);
      assert.ok(await tooWide(page) <= 0);
      const shots = Deno.env.get("GUARDIAN_TEST_SHOTS");
      if (shots !== undefined) await page.screenshot({ path: `${shots}/${look} ${stage}.png` });
    }
    if (look === "dark") return;
    await signIn(page);
    await heading(page, "Overview");
    await settled(page);
    assert.ok(await tooWide(page) <= 0, "with the sign-out button");
    const shots = Deno.env.get("GUARDIAN_TEST_SHOTS");
    if (shots !== undefined) await page.screenshot({ path: `${shots}/${look} signed in.png` });
  });
}
