// What a first visit costs, and that every page stands: its figures are there, nothing is wrong in the console, nothing sticks out.

import assert from "node:assert/strict";
import { labTests } from "./lab.ts";
import { pagePaths, saidBy, settled, tooWide } from "./reading.ts";

const FIRST_PAGE_BYTES_MAX = 300_000;

const test = labTests();

const looks = { light: {}, dark: { dark: true }, "at phone width": { width: 320, height: 640 } };
for (const [look, options] of Object.entries(looks)) {
  test(`every page shows its figures ${look}, without an error and without scrolling sideways`, async ({ open, visit }) => {
    const page = await open(pagePaths[0], options);
    for (const path of pagePaths) {
      await visit(page, path);
      await settled(page);
      assert.ok(await tooWide(page) <= 0, `${path} ${look} is ${await tooWide(page)} px too wide`);
      const text = await saidBy(page);
      assert.doesNotMatch(text, /undefined|NaN|\[object|Invalid Date|Cannot show/, path);
      assert.ok(text.length > 200, `${path} says too little: ${text}`);
    }
  });
}

test("the first page asks this server alone, and stays under 300 kB as sent", async ({ open, url }) => {
  let sent = 0;
  const elsewhere: string[] = [];
  const page = await open("/dashboard", {
    prepare: async (page) => {
      const session = await page.context().newCDPSession(page);
      await session.send("Network.enable");
      session.on("Network.loadingFinished", ({ encodedDataLength }) => sent += encodedDataLength);
      page.on("request", (request) => {
        const to = request.url();
        if (!to.startsWith(url) && !to.startsWith("data:") && !to.startsWith("blob:")) elsewhere.push(to);
      });
    },
  });
  await settled(page);
  await page.waitForLoadState("load");
  assert.deepEqual(elsewhere, []);
  assert.ok(sent > 10_000 && sent < FIRST_PAGE_BYTES_MAX, `${sent} bytes`);
});
