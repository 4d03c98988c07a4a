import assert from "node:assert/strict";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { build, type Bundler } from "../../src/dashboard/bundle.ts";
import { type BundleFile, isCurrent, readManifest, sourceHash } from "../../src/dashboard/manifest.ts";

const PAGE =
  '<!doctype html>\n<html>\n<head>\n<link rel="stylesheet" href="./main.css">\n<script type="module" src="./main.js"></script>\n' +
  "</head>\n</html>\n";

interface Shop {
  readonly root: string;
  readonly dist: string;
  write(path: string, text: string): Promise<void>;
  /** Names in static/, hidden ones too. */
  beside(): Promise<string[]>;
}

/** A folder with the sources of a dashboard of two pages. */
async function withSources(work: (shop: Shop) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "guardian-bundle-" });
  const write = (path: string, text: string) => Deno.writeTextFile(join(root, path), text);
  try {
    await Deno.mkdir(join(root, "static"));
    await Deno.mkdir(join(root, "src/dashboard"), { recursive: true });
    await write("deno.json", "{}");
    await write("deno.lock", '{"version":"5"}');
    await write("static/index.html", PAGE);
    await write("static/main.ts", 'import "./app.css";\nimport("./page.ts").then(({ show }) => show());\n');
    await write("static/page.ts", 'export const show = () => document.title = "first";\n');
    await write("static/app.css", "body { color: red }\n");
    const beside = async () => (await Array.fromAsync(Deno.readDir(join(root, "static")), ({ name }) => name)).sort();
    await work({ root, dist: join(root, "static/dist"), write, beside });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** A bundler that takes no time: the script is what static/page.ts is now. */
const quick: Bundler = async (root, _entry, outdir) => {
  await Deno.mkdir(outdir);
  await Deno.copyFile(join(root, "static/page.ts"), join(outdir, "main.js"));
  await Deno.copyFile(join(root, "static/app.css"), join(outdir, "main.css"));
};

const never: Bundler = () => Promise.reject(new Error("bundled again"));

/** The files of a folder by name, and a check that each copy unpacks to its file. */
async function filesOf(dist: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { name, bytes, br, gz } of readManifest(dist)!.files satisfies readonly BundleFile[]) {
    const [plain, packed, zipped] = await Promise.all(["", ".br", ".gz"].map((ending) => Deno.readFile(join(dist, name + ending))));
    assert.deepEqual([plain.length, packed.length, zipped.length], [bytes, br, gz], name);
    assert.deepEqual(new Uint8Array(brotliDecompressSync(packed)), plain, name);
    assert.deepEqual(new Uint8Array(gunzipSync(zipped)), plain, name);
    files.set(name, new TextDecoder().decode(plain));
  }
  return files;
}

Deno.test("bundle builds script, chunks, styles and page, each with its packed copies", async () => {
  await withSources(async ({ root, dist, beside }) => {
    assert.equal(await build({ root }), "built");
    const files = await filesOf(dist);
    const kinds = [...files.keys()].map((name) => name.replace(/-\w+\./, "-*.")).sort();
    assert.deepEqual(kinds, ["index.html", "main-*.css", "main-*.js", "page-*.js"]);
    const chunk = [...files.keys()].find((name) => name.startsWith("page-"))!;
    const script = [...files].find(([name]) => /^main-.*\.js$/.test(name))![1];
    assert.ok(script.includes(`import("./${chunk}")`), "the chunk is found under its name");
    assert.deepEqual(await beside(), ["app.css", "dist", "index.html", "main.ts", "page.ts"]);
    assert.equal((await Array.fromAsync(Deno.readDir(dist))).length, files.size * 3 + 1, "nothing else is in the folder");
  });
});

Deno.test("bundle does nothing when it is built", async () => {
  await withSources(async ({ root, dist }) => {
    await build({ root, bundler: quick });
    const before = (await Deno.stat(join(dist, "manifest.json"))).ino;
    assert.equal(await build({ root, bundler: never }), "current");
    assert.equal((await Deno.stat(join(dist, "manifest.json"))).ino, before);
  });
});

Deno.test("bundle builds again when anything that it is made from changes", async () => {
  await withSources(async ({ root, dist, write }) => {
    await build({ root, bundler: quick });
    const changes: [path: string, text: string][] = [
      ["static/page.ts", 'export const show = () => document.title = "second";\n'],
      ["static/index.html", PAGE.replace("<html>", '<html lang="en">')],
      ["static/notes.txt", "a new file"],
      ["src/dashboard/pages.ts", "export const pages = [];\n"],
      ["deno.lock", '{"version":"5","npm":{}}'],
    ];
    for (const [path, text] of changes) {
      await write(path, text);
      assert.equal(await build({ root, bundler: quick }), "built", path);
      assert.equal(await build({ root, bundler: never }), "current", path);
    }
    assert.match([...(await filesOf(dist)).values()].join("\n"), /second/);
    assert.notEqual(sourceHash(root, "2.9.6"), sourceHash(root, "2.9.7"), "another Deno");
  });
});

Deno.test("bundle builds again when a file of it is missing or cut", async () => {
  await withSources(async ({ root, dist }) => {
    await build({ root, bundler: quick });
    for (const { name } of readManifest(dist)!.files) {
      for (const ending of ["", ".br", ".gz"]) {
        await Deno.truncate(join(dist, name + ending), 3);
        assert.equal(await build({ root, bundler: quick }), "built", name + ending);
        await Deno.remove(join(dist, name + ending));
        assert.equal(await build({ root, bundler: quick }), "built", name + ending);
      }
    }
    await Deno.writeTextFile(join(dist, "manifest.json"), "{");
    assert.equal(await build({ root, bundler: quick }), "built", "a manifest that cannot be read");
  });
});

/** A process that builds `root`: with a bundler that says so and then never ends, or with the real one. */
function builder(root: string, hangs = false): Deno.ChildProcess {
  const module = new URL("../../src/dashboard/bundle.ts", import.meta.url).href;
  const bundler =
    'async (root, entry, outdir) => { await Deno.mkdir(outdir); console.log("at work"); await new Promise(() => setInterval(() => {}, 1e6)); }';
  const code = `import { build } from ${JSON.stringify(module)};
    console.log(await build({ root: ${JSON.stringify(root)}${hangs ? `, bundler: ${bundler}` : ""} }));`;
  return new Deno.Command(Deno.execPath(), { args: ["eval", code], stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}

Deno.test("bundle is whole after several processes build at once", async () => {
  await withSources(async ({ root, dist, write, beside }) => {
    for (const round of [1, 2]) {
      await write("static/page.ts", `export const show = () => document.title = "round ${round}";\n`);
      const outputs = await Promise.all(Array.from({ length: 4 }, () => builder(root).output()));
      for (const { code, stderr } of outputs) assert.equal(code, 0, new TextDecoder().decode(stderr));
      assert.ok(isCurrent(dist, sourceHash(root, Deno.version.deno)));
      assert.match([...(await filesOf(dist)).values()].join("\n"), new RegExp(`round ${round}`));
      assert.deepEqual(await beside(), ["app.css", "dist", "index.html", "main.ts", "page.ts"]);
    }
  });
});

Deno.test("bundle leaves the one before in place when its process is killed", async () => {
  await withSources(async ({ root, dist, write }) => {
    await build({ root, bundler: quick });
    const before = await filesOf(dist);
    await write("static/page.ts", 'export const show = () => document.title = "second";\n');
    const child = builder(root, true);
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGKILL");
    await Promise.all([child.status, child.stderr.cancel(), reader.cancel()]);
    assert.deepEqual(await filesOf(dist), before);
    assert.equal(await build({ root, bundler: quick }), "built");
    assert.match([...(await filesOf(dist)).values()].join("\n"), /second/);
  });
});

Deno.test("bundle leaves the one before in place when a build breaks off", async () => {
  await withSources(async ({ root, dist, write, beside }) => {
    await build({ root, bundler: quick });
    const before = await filesOf(dist);
    await write("static/page.ts", "let x = ;\n");
    await assert.rejects(build({ root }), /Cannot bundle static\/main\.ts[\s\S]*page\.ts:1/);
    const half: Bundler = async (...given) => {
      await quick(...given);
      throw new Error("killed");
    };
    await assert.rejects(build({ root, bundler: half }), /killed/);
    assert.deepEqual(await filesOf(dist), before);
    assert.deepEqual(await beside(), ["app.css", "dist", "index.html", "main.ts", "page.ts"]);
  });
});

Deno.test("bundle takes away what a killed build left an hour ago, and nothing of one that is at work", async () => {
  await withSources(async ({ root, beside }) => {
    const hour = 3_600_000, now = Date.now();
    for (const [name, age] of [[".dist-old", hour + 60_000], [".dist-young", hour / 2]] as const) {
      await Deno.mkdir(join(root, "static", name));
      await Deno.utime(join(root, "static", name), new Date(now), new Date(now - age));
    }
    await build({ root, bundler: quick });
    assert.deepEqual(await beside(), [".dist-young", "app.css", "dist", "index.html", "main.ts", "page.ts"]);
  });
});
