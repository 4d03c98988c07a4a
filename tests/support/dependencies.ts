// Writes docs/dependencies.md out of deno.json and deno.lock: `deno run -P=test tests/support/dependencies.ts`. The licences come from the
// packages themselves, so those must have been fetched; `deno task test` has fetched them. What always holds: the same lock gives the same
// page on every machine, also for packages that only others need, whose licence is that of the package that brings them.

import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** The page that is written. */
export const PAGE = `${root}docs/dependencies.md`;

interface Locked {
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
  readonly optionalPeers?: readonly string[];
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly scripts?: boolean;
}

/** A package as the lock has it. */
export interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Names by which the project imports it, and where: `src`, `static`, `tests`. Empty: another package brings it. */
  readonly usedBy: readonly string[];
  readonly broughtBy: readonly string[];
  /** For one system or processor alone. */
  readonly system: string | null;
  /** Whether it asks to run a script when it is installed. */
  readonly script: boolean;
}

/** What the configuration and the sources say. */
export interface Dependencies {
  readonly packages: readonly Package[];
  /** Names in `imports` that no source imports. */
  readonly unused: readonly string[];
  /** Targets in `imports` that are not pinned to one version. */
  readonly loose: readonly string[];
}

const MAPS = ["deno.json", "static/deno.json"];
/** Where each import stands, and what it is there for. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  server: ["main.ts", "src", "routes", "jobs"],
  dashboard: ["static"],
  tests: ["tests", "bench"],
};

/** Reads it all. */
export async function dependencies(): Promise<Dependencies> {
  const lock = JSON.parse(await Deno.readTextFile(`${root}deno.lock`)) as {
    specifiers: Record<string, string>;
    npm: Record<string, Locked>;
  };
  const imports = new Map<string, string>();
  for (const map of MAPS) for (const [name, target] of Object.entries(await importsOf(map))) imports.set(name, target);
  const used = await usesOf([...imports.keys()]);
  const direct = new Map<string, Set<string>>();
  for (const [name, target] of imports) {
    const [id] = /^(?:@[^/]+\/)?[^@/][^/]*/.exec(target.replace(/^npm:\/?/, ""))!;
    direct.set(id, new Set([...direct.get(id) ?? [], ...used.get(name) ?? []]));
  }
  const ids = Object.keys(lock.npm), bare = (id: string) => id.split("_")[0];
  const brought = new Map<string, Set<string>>();
  for (const [id, { dependencies = [], optionalDependencies = [] }] of Object.entries(lock.npm)) {
    for (const needed of [...dependencies, ...optionalDependencies]) {
      const whole = ids.find((other) => other === needed || nameOf(other) === needed && !needed.slice(1).includes("@"));
      if (whole === undefined) throw new Error(`Cannot find ${needed}, which ${id} needs, in the lock`);
      brought.set(bare(whole), new Set([...brought.get(bare(whole)) ?? [], nameOf(id)]));
    }
  }
  const packages = await Promise.all(ids.map(async (id): Promise<Package> => {
    const { os, cpu, scripts } = lock.npm[id], name = nameOf(id), version = bare(id).slice(name.length + 1);
    const bringer = ids.find((other) => os !== undefined && nameOf(other) === [...brought.get(bare(id)) ?? []][0]) ?? id;
    const license = await licenseOf(nameOf(bringer), bare(bringer).slice(nameOf(bringer).length + 1));
    if (license === null) throw new Error(`Cannot tell the licence of ${name}: it is not on this machine; run "deno install" first`);
    return {
      name,
      version,
      license,
      usedBy: [...direct.get(bare(id)) ?? []].sort(),
      broughtBy: [...brought.get(bare(id)) ?? []].sort(),
      system: os === undefined && cpu === undefined ? null : [...os ?? [], ...cpu ?? []].join(" "),
      script: scripts === true,
    };
  }));
  packages.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1);
  const unused = [...imports.keys()].filter((name) => used.get(name)!.size === 0);
  const loose = [...imports.values()].filter((target) =>
    !/^npm:\/?(?:@[\w-]+\/)?[\w.-]+@\d+\.\d+\.\d+(?:-[\w.]+)?(?:\/[\w./-]*)?$/.test(target)
  );
  return { packages, unused, loose };
}

async function importsOf(map: string): Promise<Record<string, string>> {
  return (JSON.parse(await Deno.readTextFile(root + map)) as { imports: Record<string, string> }).imports;
}

/** By name of an import: the parts of the project that import it. */
async function usesOf(names: readonly string[]): Promise<Map<string, Set<string>>> {
  const uses = new Map(names.map((name) => [name, new Set<string>()]));
  for (const [part, places] of Object.entries(PLACES)) {
    for (const file of places.flatMap((place) => [...sourceFiles(root + place)])) {
      for (const [, wanted] of (await Deno.readTextFile(file)).matchAll(/(?:\bfrom |\bimport |\bimport\(|\burl\)\()"([@a-z][^"\n]*)"/g)) {
        // The longest name that fits: `preact/hooks` is of `preact/`; `hono/accepts` is of `hono`, as a file within the package.
        const fits = names.filter((name) => wanted === name || wanted.startsWith(name.endsWith("/") ? name : `${name}/`));
        const name = fits.sort((a, b) => b.length - a.length)[0];
        if (name !== undefined) uses.get(name)!.add(part);
      }
    }
  }
  return uses;
}

function* sourceFiles(path: string): Generator<string> {
  if (Deno.statSync(path).isFile) return yield path;
  for (const { name, isDirectory } of Deno.readDirSync(path)) {
    if (isDirectory ? name !== "dist" : /\.tsx?$/.test(name)) yield* sourceFiles(`${path}/${name}`);
  }
}

/** `@duckdb/node-api@1.5.5-r.5` -> `@duckdb/node-api` */
function nameOf(id: string): string {
  return id.slice(0, id.indexOf("@", 1));
}

/** What a package says of its licence; null when it is not on this machine. */
async function licenseOf(name: string, version: string): Promise<string | null> {
  const cache = fileURLToPath(import.meta.resolve("npm:zod@4.6.7/package.json")).replace(/\/zod\/[^/]+\/package\.json$/, "");
  try {
    const { license } = JSON.parse(await Deno.readTextFile(`${cache}/${name}/${version}/package.json`)) as { license?: string };
    return license ?? "none";
  } catch {
    return null;
  }
}

/** The Python packages that CI makes requests with, each as it is asked for; throws where one has no single version. */
export function pythonPackages(): string[] {
  const lines = Deno.readTextFileSync(`${root}tests/hostile/fuzz_requirements.txt`).split("\n").filter((line) => /^[^#]/.test(line));
  const loose = lines.find((line) => !/^[\w.-]+==\d[\w.]*$/.test(line));
  if (loose !== undefined) throw new Error(`Cannot pin "${loose}": it names no single version`);
  return lines;
}

/** The page's text. */
export function pageOf({ packages }: Dependencies): string {
  const rows = (some: readonly Package[], last: (one: Package) => string) =>
    some.map((one) => [one.name, one.version, one.license, last(one)]);
  const direct = packages.filter(({ usedBy }) => usedBy.length > 0), others = packages.filter(({ usedBy }) => usedBy.length === 0);
  const scripts = packages.filter(({ script }) => script).map(({ name }) => name);
  const asks = scripts.length === 0 ? "" : ` (${scripts.join(", ")} would like one run)`;
  return `# Dependencies

${
    wrapped(`Made by \`deno run -P=test tests/support/dependencies.ts\` from \`deno.json\` and \`deno.lock\`; a test fails when this page, a
      licence or a version is not as it says. ${packages.length} packages, each pinned to one version and one sha-512: what a registry serves
      later under the same name is refused. Nothing runs when they are installed: Deno runs no package's script unless it is told to, and is
      not told to${asks}.`)
  }

## What the project imports

${tableOf(["package", "version", "licence", "for"], rows(direct, ({ usedBy }) => usedBy.join(", ")))}

What is for tests alone is not in the executable, and neither is it loaded by the server.

## What those bring

${tableOf(["package", "version", "licence", "brought by"], rows(others, whence))}

## What CI uses besides

${
    wrapped(
      `The fuzz of the API is made by Schemathesis (MIT), a program in Python: ${pythonPackages().length} packages, each at one version, in
      \`tests/hostile/fuzz_requirements.txt\`. No part of the product knows of them, and nothing of them is passed on.`,
    )
  }

## Known vulnerabilities

${
    wrapped(
      `\`deno audit\` asks the registry for advisories on exactly these versions. The registry does not answer that where this page was
      made, so the page does not claim that there are none. Ask with a full connection, before each release and once a week:`,
    )
  }

\`\`\`
deno audit
\`\`\`

${
    wrapped(
      `An advisory is judged by whether the part it names is reached: the server imports what the table says, and the dashboard is built
      files. A new version is one line in \`deno.json\`, \`deno install\`, and this page made anew.`,
    )
  }
`;
}

function whence({ broughtBy, system }: Package): string {
  return broughtBy.join(", ") + (system === null ? "" : ` (${system})`);
}

/** A paragraph in lines as wide as the formatter makes them. */
function wrapped(text: string): string {
  const lines: string[] = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines[lines.length - 1];
    if (line !== "" && line.length + 1 + word.length > 140) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}

/** A table as the formatter has it. */
function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

if (import.meta.main) await Deno.writeTextFile(PAGE, pageOf(await dependencies()));
