// A real browser for the tests. Where none is installed they are left out, and it is said; with GUARDIAN_TEST_BROWSER=required they fail.

import fs from "node:fs";
import type { Browser, BrowserType } from "playwright-core";

const REQUIRED = Deno.env.get("GUARDIAN_TEST_BROWSER") === "required";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Path of the browser, or null where there is none. */
export const browserPath: string | null = candidates.find(isFile) ?? null;

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

let told = false;

/** A test in a browser. */
export function browserTest(name: string, work: () => Promise<void>): void {
  const ignore = browserPath === null && !REQUIRED;
  if (ignore && !told) {
    told = true;
    console.log(`No browser here (${candidates.join(", ")}): its tests are left out. On Debian, \`apt-get install chromium\` brings one.`);
  }
  // The browser's own connection outlives each test of a file.
  Deno.test({ name, ignore, sanitizeOps: false, sanitizeResources: false, fn: work });
}

/** Starts a browser that has an empty profile. more: flags beside those that every test has. */
export async function launchBrowser(more: readonly string[] = []): Promise<Browser> {
  if (browserPath === null) throw new Error(`Cannot start a browser: there is none; install one of ${candidates.join(", ")}`);
  return await (await driver()).launch({ executablePath: browserPath, args: [...flags, ...more] });
}

/** Loads the driver. While it loads it looks into /proc/sys, which takes more permission than tests have: there it finds nothing. */
async function driver(): Promise<BrowserType> {
  const { existsSync } = fs;
  fs.existsSync = (path) => !String(path).startsWith("/proc/sys/") && existsSync(path);
  try {
    return (await import("playwright-core")).chromium;
  } finally {
    fs.existsSync = existsSync;
  }
}
