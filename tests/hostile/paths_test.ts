// Ways out of a folder, in every place of a path that could reach the file system: a name of a file, a table, a day, a session, a source, a job.
// What holds: no spelling of a way reads a file that is not served, and none makes, changes or removes one outside the data folder.

import assert from "node:assert/strict";
import { tell } from "../support/proof.ts";
import { ADMIN, CANARY, type Door, eachOf, withDoor } from "./door.ts";

const PASSWD = "/etc/passwd", LOGIN = "root:x:0:0";
const ups = (up: string, slash: string) => (up + slash).repeat(8);
/** Each way, to the file beside the data folder and to one of the machine. */
function waysOf(around: string): string[] {
  const twice = (text: string) => text.replaceAll("%", "%25"), unix = PASSWD.slice(1);
  const dots = ["..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "%c0%ae%c0%ae", "%uff0e%uff0e", "....", "..;", "..%00", "%e2%80%a5"];
  const slashes = ["/", "%2f", "%5c", "\\", "%252f", "%c0%af"];
  const climbing = dots.flatMap((up) => slashes.map((slash) => ups(up, slash) + unix.replace("/", slash)));
  const absolute = [
    PASSWD,
    `/${PASSWD}`,
    encodeURIComponent(PASSWD),
    twice(encodeURIComponent(PASSWD)),
    `file:%2f%2f${encodeURIComponent(PASSWD)}`,
  ];
  const beside = ["../canary.txt", "%2e%2e%2fcanary.txt", "..%2fcanary.txt", "..%5ccanary.txt", encodeURIComponent(`${around}/canary.txt`)];
  const devices = [
    "CON",
    "NUL.txt",
    "a%00.css",
    "swagger-ui.css%00",
    "swagger-ui.css%2f..%2f..%2fdeno.json",
    ".",
    "..",
    "~",
    "%7e%2f.bashrc",
  ];
  const patterns = [
    "*",
    "%2a%2a%2f*",
    "%7b%7d",
    "data%2f%2a.kv",
    "manifest.json",
    "index.html.br",
    "';ATTACH '" + encodeURIComponent(around),
  ];
  return [...climbing, ...absolute, ...beside, ...devices, ...patterns];
}

/** files: nothing but what has the right name is there; elsewhere a way is a name like any other. */
const places: readonly { method: string; before: string; after: string; files: boolean }[] = [
  { method: "GET", before: "/", after: "", files: true },
  { method: "GET", before: "/dashboard/", after: "", files: true },
  { method: "GET", before: "/dashboard/assets/", after: "", files: true },
  { method: "GET", before: "/docs/", after: "", files: true },
  { method: "GET", before: "/export/", after: "", files: true },
  { method: "GET", before: "/items/popular/", after: "", files: true },
  { method: "GET", before: "/metrics/daily/", after: "", files: true },
  { method: "POST", before: "/jobs/", after: "/runs", files: true },
  { method: "GET", before: "/sessions/", after: "/events", files: false },
  { method: "GET", before: "/anomalies/", after: "", files: false },
  { method: "GET", before: "/sources/", after: "", files: false },
  { method: "POST", before: "/sources/", after: "/end", files: false },
];

/** Files outside the data folder, and how many bytes each has. */
async function beside({ around }: Door): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for await (const { name, isDirectory } of Deno.readDir(around)) {
    found[name] = isDirectory ? 0 : (await Deno.stat(`${around}/${name}`)).size;
  }
  return found;
}

Deno.test("paths lead to no file that is not served when they are spelled as ways out of a folder", async () => {
  await withDoor(async (door) => {
    const admin = [`Authorization: Bearer ${ADMIN}`], before = await beside(door), ways = waysOf(door.around), wrong: string[] = [];
    assert.equal((await door.ask("GET", "/docs/swagger-ui.css", admin)).status, 200, "what is served is there");
    assert.equal((await door.ask("GET", "/export/anomalies?format=csv", admin)).status, 200);
    const cells = places.flatMap((place) => ways.map((way) => ({ ...place, way })));
    await eachOf(cells, async ({ method, before, after, files, way }) => {
      const target = before + way + after, { status, head, body } = await door.ask(method, target, admin);
      const shows = [CANARY, LOGIN, door.around].find((text) => (head + body).replace(encodeURIComponent(door.around), "").includes(text));
      // A path is told back to whoever sent it: only where it was sent it may be in the answer.
      const leaks = shows !== undefined && !(shows === door.around && decoded(way).includes(door.around));
      // Dots may lead up to the place itself, which is a page.
      const { pathname } = new URL(`http://x${target}`), isPage = pathname === "/" || pathname === before.replace(/\/$/, "");
      const served = files && status < 400 && !isPage;
      if (leaks || served || status === 0 || status >= 500) wrong.push(`${method} ${target} -> ${status}: ${body.slice(0, 100)}`);
    });
    assert.deepEqual(wrong, []);
    assert.deepEqual(await beside(door), before, "nothing beside the data folder changed");
    assert.deepEqual(Object.keys(before).sort(), ["canary.txt", "data"]);
    tell("Ways out of a folder", { spellings: ways.length, places: places.length, requests: cells.length, led_out: 0 });
  });
});

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
