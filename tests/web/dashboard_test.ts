import assert from "node:assert/strict";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { openAccess } from "../../src/access/access.ts";
import { dashboardPages } from "../../src/dashboard/pages.ts";
import { limits } from "../../src/limits.ts";
import { DashboardFiles } from "../../src/web/dashboard_files.ts";
import { preferredEncoding } from "../../src/web/encodings.ts";
import { SCRIPT, smallBundle } from "../dashboard/small_bundle.ts";
import { assertProblem, withLab } from "./lab.ts";

Deno.test("encoding is the one that the client would rather have", () => {
  const table: [accepted: string | null, encoding: string][] = [
    [null, "identity"],
    ["", "identity"],
    ["gzip, deflate, br, zstd", "br"],
    ["gzip", "gzip"],
    ["GZIP", "gzip"],
    ["x-gzip", "gzip"],
    ["deflate, zstd", "identity"],
    ["br;q=0.5, gzip;q=0.8", "gzip"],
    ["br;q=0, gzip", "gzip"],
    ["br;q=0", "identity"],
    ["gzip;q=0.001", "gzip"],
    ["identity;q=1, br;q=0.5", "identity"],
    ["identity, br", "br"],
    ["*", "br"],
    ["*;q=0.2, gzip;q=0.1", "br"],
    ["br;q=0, *", "gzip"],
    ["*;q=0", "identity"],
    ["gzip ; q=1.000 , br ; q=0.999", "gzip"],
    ["br;q=2, gzip;q=0.1", "gzip"],
    ["br;q=x", "identity"],
  ];
  for (const [accepted, encoding] of table) assert.equal(preferredEncoding(accepted), encoding, String(accepted));
});

Deno.test("dashboard is the same page under each of its paths, and lets nothing in from elsewhere", async () => {
  await using bundle = await smallBundle();
  await withLab(async ({ fetch }) => {
    const tags = new Set<string | null>();
    for (const path of ["/dashboard", ...dashboardPages.map((name) => `/dashboard/${name}`)]) {
      const page = await fetch(path);
      assert.equal(page.status, 200, path);
      assert.match(await page.text(), /<title>Clickstream Guardian<\/title>/);
      tags.add(page.headers.get("etag"));
      const told = ["content-type", "cache-control", "vary", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy"];
      assert.deepEqual(told.map((name) => page.headers.get(name)), [
        "text/html; charset=utf-8",
        "no-cache",
        "Accept-Encoding",
        "nosniff",
        "no-referrer",
        "same-origin",
      ]);
      const policy = Object.fromEntries(
        page.headers.get("content-security-policy")!.split("; ").map((part) => [part.split(" ")[0], part.split(" ").slice(1).join(" ")]),
      );
      assert.deepEqual(policy, {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "connect-src": "'self'",
        "font-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
      });
      assert.match(page.headers.get("permissions-policy") ?? "", /camera=\(\)/);
    }
    const chosen = await fetch("/dashboard/daily?traffic=humans&from=2014-04-07&to=2014-04-08");
    tags.add(chosen.headers.get("etag"));
    assert.deepEqual([chosen.status, tags.size], [200, 1], "what was chosen is for the page to read");
  }, bundle);
});

Deno.test("dashboard's files come packed as the client asks, and may be kept for ever", async () => {
  await using bundle = await smallBundle();
  await withLab(async ({ fetch }) => {
    const path = `/dashboard/assets/${bundle.named("main.js")}`;
    const forms = { identity: (bytes: Uint8Array) => bytes, br: brotliDecompressSync, gzip: gunzipSync };
    const tags = new Set<string>();
    for (const [encoding, unpack] of Object.entries(forms)) {
      const headers = { "Accept-Encoding": encoding };
      const file = await fetch(path, { headers });
      const bytes = await file.bytes();
      assert.equal(new TextDecoder().decode(unpack(bytes)), SCRIPT, encoding);
      const told = ["content-encoding", "content-type", "content-length", "cache-control", "vary", "x-content-type-options"];
      assert.deepEqual(told.map((name) => file.headers.get(name)), [
        encoding === "identity" ? null : encoding,
        "text/javascript; charset=utf-8",
        String(bytes.length),
        "public, max-age=31536000, immutable",
        "Accept-Encoding",
        "nosniff",
      ]);
      const etag = file.headers.get("etag")!;
      tags.add(etag);
      const held = await fetch(path, { headers: { ...headers, "If-None-Match": `"other", W/${etag}` } });
      assert.deepEqual([held.status, await held.text(), held.headers.get("etag")], [304, "", etag], encoding);
    }
    assert.equal(tags.size, 3, "each form has a tag of its own");
    for (const name of bundle.names) assert.equal((await fetch(`/dashboard/assets/${name}`)).status, 200, name);
  }, bundle);
});

Deno.test("dashboard answers HEAD with the headers of GET and no body", async () => {
  await using bundle = await smallBundle();
  await withLab(async ({ fetch }) => {
    for (const path of ["/dashboard", "/dashboard/jobs", `/dashboard/assets/${bundle.named("main.css")}`]) {
      const [got, head] = [await fetch(path), await fetch(path, { method: "HEAD" })];
      assert.deepEqual([...head.headers], [...got.headers], path);
      assert.deepEqual([head.status, await head.text()], [200, ""], path);
      assert.notEqual(await got.text(), "");
    }
  }, bundle);
});

Deno.test("dashboard gives nothing but its own files, whatever a path says", async () => {
  await using bundle = await smallBundle();
  await withLab(async ({ fetch }) => {
    const tricks = [
      "/dashboard/assets/none.js",
      "/dashboard/assets/index.html",
      "/dashboard/assets/manifest.json",
      `/dashboard/assets/${bundle.named("main.js")}.br`,
      "/dashboard/assets/..%2findex.html",
      "/dashboard/assets/..%2f..%2f..%2fdeno.json",
      "/dashboard/assets/%2e%2e%2f%2e%2e%2fdeno.json",
      "/dashboard/assets/..%5c..%5cdeno.json",
      "/dashboard/assets/%2fetc%2fpasswd",
      "/dashboard/assets/__proto__",
      "/dashboard/assets/x%00.js",
      "/dashboard/assets/",
      "/dashboard/assets",
      "/dashboard/assets/../../deno.json",
      "/dashboard/none",
      "/dashboard/",
      "/dashboard/anomalies/1",
    ];
    for (const path of tricks) await assertProblem(await fetch(path), 404, "not_found");
    assert.match(String((await assertProblem(await fetch("/dashboard/anomalis"), 404, "not_found")).detail), /did you mean "anomalies"/);
    await assertProblem(await fetch(`/dashboard/assets/${bundle.named("main.js")}?x=1`), 400, "invalid_parameter");
    await assertProblem(await fetch("/dashboard", { method: "DELETE" }), 405, "method_not_allowed");
  }, bundle);
});

Deno.test("dashboard needs no token where all else does", async () => {
  await using bundle = await smallBundle();
  await withLab(async ({ fetch }) => {
    for (const path of ["/dashboard", "/dashboard/live", `/dashboard/assets/${bundle.named("icon.svg")}`]) {
      assert.equal((await fetch(path)).status, 200, path);
    }
    for (const path of ["/definitions", "/stats"]) await assertProblem(await fetch(path), 401, "unauthorized");
  }, { ...bundle, access: openAccess({ token: "0123456789abcdef0123456789abcdef", host: "0.0.0.0" }) });
});

Deno.test("dashboard says how to build it where it is not built, and is there as soon as it is", async () => {
  await using bundle = await smallBundle();
  const away = `${bundle.folder}-away`;
  await Deno.rename(bundle.folder, away);
  await withLab(async ({ fetch }) => {
    for (const path of ["/dashboard", "/dashboard/items", `/dashboard/assets/${bundle.named("main.js")}`]) {
      assert.match(String((await assertProblem(await fetch(path), 404, "not_found")).detail), /not built; run `deno task bundle`/);
    }
    await Deno.rename(away, bundle.folder);
    assert.equal((await fetch("/dashboard")).status, 200);
  }, bundle);
});

Deno.test("dashboard is held up to its limit, and not beyond", async () => {
  await using bundle = await smallBundle();
  const path = join(bundle.folder, "manifest.json");
  const manifest = JSON.parse(await Deno.readTextFile(path));
  const bytes = (files: { bytes: number; br: number; gz: number }[]) => files.reduce((sum, { bytes, br, gz }) => sum + bytes + br + gz, 0);
  manifest.files[0].bytes += limits.dashboardBytesMax - bytes(manifest.files);
  const request = new Request("http://localhost/dashboard");
  for (const over of [-1, 0, 1]) {
    const [first, ...others] = manifest.files;
    await Deno.writeTextFile(path, JSON.stringify({ ...manifest, files: [{ ...first, bytes: first.bytes + over }, ...others] }));
    const page = new DashboardFiles(bundle.folder).page(request);
    if (over > 0) await assert.rejects(page, /33,554,433 bytes, and 33,554,432 are held at the most/);
    else assert.equal((await page).status, 200, String(over));
  }
});
