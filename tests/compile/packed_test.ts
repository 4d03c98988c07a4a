import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "../../src/dashboard/bundle.ts";
import { type Packed, readPacked } from "./packed.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const PACKAGES = /^\.deno_compile_node_modules\/[^/]+\//;

/**
 * Packs the program as the task `compile` does, into another folder and without checking types again. The runtime that is packed in is this
 * Deno itself, as the smaller one has to be downloaded: what comes out holds all files, and cannot be started.
 */
async function pack(output: string): Promise<Packed> {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(root, "deno.json"))) as { tasks: Record<string, { command: string }> };
  const [program, command, ...args] = tasks.compile.command.split(" ");
  assert.deepEqual([program, command], ["deno", "compile"]);
  args[args.indexOf("--output") + 1] = output;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [command, "--no-check", ...args],
    cwd: root,
    env: { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return await readPacked(output);
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    if (isDirectory) yield* filesBelow(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

/** Starts the program from a folder, and asks it for some paths. */
async function answersFrom(folder: string, paths: readonly string[]): Promise<Response[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-lock", "-P=server", "main.ts", "serve", "--port", "0", "--data", join(folder, "data")],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    let text = "";
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
    }
    const url = /listening on (http:\S+)/.exec(text)?.[1];
    assert.ok(url !== undefined, `the server said ${JSON.stringify(text)}`);
    const answers: Response[] = [];
    for (const path of paths) {
      const response = await fetch(url + path);
      answers.push(new Response(await response.text(), { status: response.status, headers: response.headers }));
    }
    return answers;
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await reader.cancel();
  }
}

Deno.test("compile packs all that the program needs, and nothing besides", async (t) => {
  await build({ root });
  const folder = await Deno.makeTempDir({ prefix: "guardian-packed-" });
  try {
    const packed = await pack(join(folder, "program"));
    const own = [...packed.keys()].filter((path) => !PACKAGES.test(path));
    const packages = new Map(
      [...packed].filter(([path]) => PACKAGES.test(path)).map(([path, bytes]) => [path.replace(PACKAGES, ""), bytes]),
    );

    await t.step("every file of the dashboard and every query is in it, byte for byte", async () => {
      const needed = await Array.fromAsync(filesBelow("static/dist"));
      for await (const path of filesBelow("jobs")) if (path.endsWith(".sql")) needed.push(path);
      assert.ok(needed.length > 20 && needed.includes("static/dist/index.html.br") && needed.includes("jobs/prelude.sql"));
      for (const path of needed) {
        assert.ok(packed.has(path), `${path} is missing`);
        assert.equal(Buffer.compare(await Deno.readFile(join(root, path)), packed.get(path)!), 0, path);
      }
    });

    await t.step("DuckDB's library, its binding and the texts of Swagger UI are in it", () => {
      const platform = `node-bindings-${Deno.build.os === "windows" ? "win32" : Deno.build.os}-${
        Deno.build.arch === "x86_64" ? "x64" : "arm64"
      }`;
      const sizes = (ending: RegExp) => [...packages].filter(([path]) => ending.test(path)).map(([, bytes]) => bytes.length);
      assert.ok(sizes(new RegExp(`^@duckdb/${platform}/[^/]+/duckdb\\.node$`))[0] > 100_000, "the binding");
      assert.ok(sizes(new RegExp(`^@duckdb/${platform}/[^/]+/(lib)?duckdb\\.(so|dylib|dll)$`))[0] > 10_000_000, "the library");
      assert.ok(sizes(/^swagger-ui-dist\/[^/]+\/swagger-ui-bundle\.js$/)[0] > 1_000_000, "the script");
      assert.ok(sizes(/^swagger-ui-dist\/[^/]+\/swagger-ui\.css$/)[0] > 100_000, "the style sheet");
    });

    await t.step("tests, sources of the page and data of anybody are not in it", () => {
      const wanted = /^(main\.ts$|deno\.json$|(src|routes|jobs)\/.+\.(ts|sql)$|static\/dist\/[^/]+$)/;
      assert.deepEqual(own.filter((path) => !wanted.test(path)), []);
      const foreign = /^(preact|@preact|echarts|zrender|uplot|axe-core|playwright-core)\//;
      assert.deepEqual([...packages.keys()].filter((path) => foreign.test(path)), []);
    });

    await t.step("its own files are enough to serve the API, the dashboard and the descriptions", async () => {
      const place = join(folder, "unpacked");
      for (const path of own) {
        await Deno.mkdir(dirname(join(place, path)), { recursive: true });
        await Deno.writeFile(join(place, path), packed.get(path)!);
      }
      // The page's sources are no part of the program, so what is unpacked is no workspace.
      const { workspace: _, ...config } = JSON.parse(new TextDecoder().decode(packed.get("deno.json")));
      await Deno.writeTextFile(join(place, "deno.json"), JSON.stringify(config));
      const script = own.find((path) => /^static\/dist\/main-\w+\.js$/.test(path))!.replace("static/dist", "/dashboard/assets");
      const paths = ["/health", "/jobs", "/dashboard", script, "/docs/swagger-ui.css"];
      const answers = await answersFrom(place, paths);
      assert.deepEqual(answers.map(({ status }) => status), paths.map(() => 200));
      assert.match(await answers[2].text(), /<script type="module" src="\/dashboard\/assets\/main-/);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
