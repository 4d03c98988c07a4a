// The API as one readable page, made from its OpenAPI description.

import { kindOf } from "../errors.ts";
import type { OpenApiDocument } from "./openapi.ts";
import { escaped, page } from "./page.ts";
import { problemCodes } from "./problem.ts";

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
}

/** The page. */
export function referencePage({ info, paths = {} }: OpenApiDocument): Response {
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    (["get", "post"] as const).filter((method) => item[method] !== undefined).map((method) => operationHtml(method, path, item[method]!))
  );
  const codes = problemCodes.map((code) => {
    const { status, title, retry } = kindOf(code);
    return `<dt id="${code}"><code>${code}</code> (${status})</dt><dd>${escaped(title)}.${retry ? " Sending it again helps." : ""}</dd>`;
  });
  const intro = (info.description ?? "").split("\n\n").map((text) => `<p>${escaped(text)}</p>`).join("\n");
  const source = '<p>For programs: <a href="/openapi.json">/openapi.json</a>.</p>';
  return page(
    `${info.title} ${info.version}`,
    `${intro}\n${source}\n${operations.join("\n")}\n<h2>Problems</h2>\n<dl>\n${codes.join("\n")}\n</dl>`,
  );
}

function operationHtml(
  method: string,
  path: string,
  operation: { summary?: string; description?: string; parameters?: unknown[]; responses?: object },
): string {
  const parameters = ((operation.parameters ?? []) as Parameter[]).map((parameter) =>
    `<dt><code>${escaped(parameter.name)}</code> (${escaped(parameter.in)})</dt><dd>${escaped(parameter.description ?? "")}</dd>`
  );
  const answers = Object.entries(operation.responses ?? {}).map(([status, { description }]) =>
    `<dt><code>${escaped(status)}</code></dt><dd>${escaped(description)}</dd>`
  );
  return `<h2><code>${method.toUpperCase()} ${escaped(path)}</code></h2>
<p>${escaped(operation.summary ?? "")}. ${escaped(operation.description ?? "")}</p>
${parameters.length > 0 ? `<h3>Parameters</h3>\n<dl>\n${parameters.join("\n")}\n</dl>` : ""}
<h3>Answers</h3>
<dl>
${answers.join("\n")}
</dl>`;
}
