// Files that a page saves, read as they come to the disk.

import type { Locator, Page } from "playwright-core";

export interface Saved {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** What a click on a button saves. */
export async function savedBy(page: Page, button: Locator): Promise<Saved> {
  const coming = page.waitForEvent("download");
  await button.click();
  const download = await coming;
  const bytes = await Deno.readFile(await download.path());
  return { name: download.suggestedFilename(), bytes, text: new TextDecoder().decode(bytes) };
}
