// Every regular expression of the product, found by parsing its source, so that a new one cannot be forgotten. Those that are made at run
// time are heard of when they are made: the constructor tells, for as long as `heard` listens. Those of formats, such as a date, that schemas
// ask of texts are asked of the schemas. Knows nothing of what makes one slow.

import { parse } from "@babel/parser";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "@hono/zod-openapi";

/** The folder of the project. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

const SOURCES = ["main.ts", "src", "routes", "jobs", "static"];
const PRODUCT = /\/((?:src|routes|jobs|static)\/[\w/]+\.tsx?):(\d+):\d+/;

/** A regular expression, and where it stands: `src/web/csv.ts:6`. */
export interface Regex {
  readonly source: string;
  readonly flags: string;
  readonly at: string;
}

/** What the source says: its regular expressions, those of formats of schemas, and the places at which others are made at run time. */
export interface Found {
  readonly files: number;
  readonly literals: Regex[];
  readonly formats: Regex[];
  readonly made: string[];
}

interface SyntaxNode {
  readonly type?: string;
  readonly loc?: { readonly start: { readonly line: number } };
  readonly [part: string]: unknown;
}

/** Parses the sources; the built dashboard is not among them. */
export function regexesOfSource(): Found {
  const found = { files: 0, literals: [] as Regex[], formats: [] as Regex[], made: [] as string[] };
  for (const path of SOURCES.flatMap((name) => [...sourceFiles(`${root}${name}`)])) {
    found.files++;
    const name = relative(root, path);
    const look = (node: SyntaxNode | SyntaxNode[] | null | undefined) => {
      if (typeof node !== "object" || node === null) return;
      if (Array.isArray(node)) return node.forEach(look);
      const at = `${name}:${node.loc?.start.line}`;
      if (node.type === "RegExpLiteral") found.literals.push({ source: node.pattern as string, flags: node.flags as string, at });
      const callee = node.callee as SyntaxNode | undefined;
      if (callee?.type === "Identifier" && callee.name === "RegExp") found.made.push(at);
      const format = callee === undefined ? null : formatOf(wayFrom(callee));
      if (format !== null) found.formats.push({ source: format.source, flags: format.flags, at });
      for (const part in node) if (part !== "loc") look(node[part] as SyntaxNode);
    };
    look(syntaxOf(path) as unknown as SyntaxNode);
  }
  return found;
}

/** The names of `a.b.c`; none where it is no such thing. */
function wayFrom(node: SyntaxNode): string[] {
  if (node.type === "Identifier") return [node.name as string];
  if (node.type !== "MemberExpression") return [];
  const before = wayFrom(node.object as SyntaxNode);
  return before.length === 0 ? [] : [...before, (node.property as SyntaxNode).name as string];
}

/** What a schema such as `z.iso.date()` asks of a text. */
function formatOf([first, ...names]: string[]): RegExp | null {
  if (first !== "z") return null;
  const make = names.reduce<unknown>((within, name) => (within as Record<string, unknown> | undefined)?.[name], z);
  try {
    const pattern = (make as () => { _zod: { def: { pattern?: unknown } } })()._zod.def.pattern;
    return pattern instanceof RegExp ? pattern : null;
  } catch {
    return null; // It is made of others, which are found where they are.
  }
}

function syntaxOf(path: string) {
  const plugins: ("typescript" | "jsx")[] = path.endsWith("x") ? ["typescript", "jsx"] : ["typescript"];
  return parse(Deno.readTextFileSync(path), { sourceType: "module", plugins }).program;
}

/** The sources of a folder, or one file. */
export function* sourceFiles(path: string): Generator<string> {
  if (Deno.statSync(path).isFile) return yield path;
  for (const { name, isDirectory } of Deno.readDirSync(path)) {
    if (isDirectory ? name !== "dist" : /\.[jt]sx?$/.test(name)) yield* sourceFiles(`${path}/${name}`);
  }
}

/** What the product makes with `new RegExp` while `work` runs. The modules it is about must not have been loaded before. */
export async function heard(work: () => Promise<void>): Promise<Regex[]> {
  const made: Regex[] = [], Own = RegExp;
  const tell = (regex: RegExp): RegExp => {
    const line = new Error().stack?.split("\n").map((frame) => PRODUCT.exec(frame)).find((match) => match !== null);
    if (line !== undefined) made.push({ source: regex.source, flags: regex.flags, at: `${line[1]}:${line[2]}` });
    return regex;
  };
  globalThis.RegExp = new Proxy(Own, {
    construct: (target, args) => tell(Reflect.construct(target, args)),
    apply: (target, self, args) => tell(Reflect.apply(target, self, args)),
  });
  try {
    await work();
  } finally {
    globalThis.RegExp = Own;
  }
  return made;
}
