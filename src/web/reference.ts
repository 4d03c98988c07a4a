// The API as one readable page, made from its OpenAPI description: without a script, for people and for what reads pages to them.

import { kindOf } from "../errors.ts";
import type { OpenApiDocument } from "./openapi.ts";
import { escaped, page } from "./page.ts";
import { problemCodes } from "./problem.ts";

/** As much of a JSON schema as the page shows. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
}

/** The page. */
export function referencePage({ info, paths = {}, components }: OpenApiDocument): Response {
  const schemas = (components?.schemas ?? {}) as Readonly<Record<string, Schema>>;
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    (["get", "post"] as const).filter((method) => item[method] !== undefined).map((method) =>
      operationHtml(method, path, item[method]!, schemas)
    )
  );
  const codes = problemCodes.map((code) => {
    const { status, title, retry } = kindOf(code);
    return `<dt id="${code}"><code>${code}</code> (${status})</dt><dd>${escaped(title)}.${retry ? " Sending it again helps." : ""}</dd>`;
  });
  const intro = (info.description ?? "").split("\n\n").map((text) => `<p>${prose(text)}</p>`).join("\n");
  const source = '<p>For programs: <a href="/openapi.json">/openapi.json</a>.</p>';
  return page(
    `${info.title} ${info.version}`,
    `${intro}\n${source}\n${operations.join("\n")}\n<h2>Problems</h2>\n<dl>\n${codes.join("\n")}\n</dl>`,
  );
}

/** A text with what stands in backticks as code. */
function prose(text: string): string {
  return escaped(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function operationHtml(
  method: string,
  path: string,
  operation: { summary?: string; description?: string; parameters?: unknown[]; responses?: object },
  schemas: Readonly<Record<string, Schema>>,
): string {
  const parameters = ((operation.parameters ?? []) as Parameter[]).map((parameter) =>
    `<dt><code>${escaped(parameter.name)}</code> (${escaped(parameter.in)})</dt><dd>${prose(parameter.description ?? "")}</dd>`
  );
  const answers = Object.entries(operation.responses ?? {}).map(([status, { description, content }]) => {
    const fields = status.startsWith("2") ? fieldsOf(content?.["application/json"]?.schema ?? {}, schemas) : [];
    const list = fields.length === 0 ? "" : `<dl>\n${fields.join("\n")}\n</dl>`;
    return `<dt><code>${escaped(status)}</code></dt><dd>${prose(description)}${list}</dd>`;
  });
  return `<h2><code>${method.toUpperCase()} ${escaped(path)}</code></h2>
<p>${prose(operation.summary ?? "")}. ${prose(operation.description ?? "")}</p>
${parameters.length > 0 ? `<h3>Parameters</h3>\n<dl>\n${parameters.join("\n")}\n</dl>` : ""}
<h3>Answers</h3>
<dl>
${answers.join("\n")}
</dl>`;
}

/** The fields of an object, or of the objects of a list; those within them are told by their type alone. */
function fieldsOf(schema: Schema, schemas: Readonly<Record<string, Schema>>): string[] {
  const { items, allOf, properties = {} } = resolved(schema, schemas);
  if (items !== undefined) return fieldsOf(items, schemas);
  const own = Object.entries(properties).map(([name, field]) =>
    `<dt><code>${escaped(name)}</code> (${escaped(typeOf(field, schemas))})</dt><dd>${prose(field.description ?? "")}</dd>`
  );
  return [...(allOf ?? []).flatMap((part) => fieldsOf(part, schemas)), ...own];
}

function typeOf(schema: Schema, schemas: Readonly<Record<string, Schema>>): string {
  const { type, enum: words, items, anyOf } = resolved(schema, schemas);
  if (anyOf !== undefined) return anyOf.map((one) => typeOf(one, schemas)).join(" or ");
  if (words !== undefined) return words.join(", ");
  if (items !== undefined) return `list of ${typeOf(items, schemas)}`;
  return [type ?? "any"].flat().join(" or ");
}

function resolved(schema: Schema, schemas: Readonly<Record<string, Schema>>): Schema {
  return schema.$ref === undefined ? schema : schemas[schema.$ref.split("/").at(-1)!] ?? {};
}
