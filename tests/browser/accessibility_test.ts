// Every page against the rules of axe-core, which stand for WCAG 2.2 AA and what is good practice beside: in light and dark, at phone width,
// and with what can be opened on it. What always holds: nothing that it finds is left standing.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { withSample } from "./answers.ts";
import { labTests } from "./lab.ts";
import { drawn, pagePaths, settled } from "./reading.ts";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const axe: { source: string } = createRequire(import.meta.url)("axe-core");

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe-core finds on a page as it stands. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found: Violation[] = await page.evaluate(
    `axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ["violations"] }).then(({ violations }) => violations)`,
  );
  return found.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id} (${help}): ${html.slice(0, 200)}\n${failureSummary}`)
  );
}

const test = labTests({ visitorsPerDay: 600, days: 2 });
const emptyTest = labTests({ visitorsPerDay: 0 });

/** Every button of a page that opens something in place. */
async function openAll(page: Page): Promise<void> {
  for (const name of [/as a table$/, /^▶/]) {
    const buttons = page.getByRole("button", { name });
    for (let left = Math.min(await buttons.count(), name.source === "^▶" ? 1 : Infinity); left > 0; left--) {
      await (name.source === "^▶" ? buttons.first() : buttons.nth(left - 1)).click();
    }
  }
  for (const details of await page.locator("main details:not([open]) > summary").all()) await details.click();
  await settled(page);
  await drawn(page);
}

const looks = {
  light: { options: {}, stages: ["", "with everything opened"] },
  dark: { options: { dark: true }, stages: ["with everything opened"] },
  "at phone width": { options: { width: 320, height: 640 }, stages: [""] },
};

for (const [look, { options, stages }] of Object.entries(looks)) {
  test(`every page keeps the rules of accessibility ${look}`, async ({ open, visit }) => {
    const page = await open(pagePaths[0], { ...options, bypassPolicy: true, reducedMotion: true });
    for (const path of pagePaths) {
      await visit(page, path);
      await settled(page);
      await drawn(page);
      for (const stage of stages) {
        if (stage !== "") await openAll(page);
        assert.deepEqual(await violations(page), [], `${path} ${stage}`);
      }
    }
  });
}

test("the sample's banner and its question keep the rules of accessibility", async ({ open }) => {
  for (const dark of [false, true]) {
    const page = await open("/dashboard", {
      dark,
      bypassPolicy: true,
      prepare: (page) => withSample(page, () => true),
    });
    await settled(page);
    await page.getByText("Send your own events").click();
    await page.getByRole("button", { name: "Clear the sample" }).click();
    assert.deepEqual(await violations(page), []);
  }
});

test("a tooltip that shows keeps the rules of accessibility", async ({ open }) => {
  const page = await open("/dashboard", { bypassPolicy: true });
  await settled(page);
  await page.getByRole("button", { name: "Active sessions: what it means" }).focus();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Tab");
  await page.getByRole("tooltip").filter({ visible: true }).waitFor();
  assert.deepEqual(await violations(page), []);
});

emptyTest("every page of an empty folder keeps the rules of accessibility", async ({ open, visit }) => {
  const page = await open(pagePaths[0], { bypassPolicy: true, errors: /Failed to load resource/ });
  for (const path of [...pagePaths, "/dashboard/anomalies?open=none"]) {
    await visit(page, path);
    await settled(page);
    assert.deepEqual(await violations(page), [], path);
  }
});
