// A small JSON body, read whole and checked. What always holds: what nobody reads is refused, with the way to it.

import type { z } from "@hono/zod-openapi";
import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { didYouMean } from "../nearest.ts";
import { readBody } from "./body.ts";
import type { Service } from "./service.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The body of a request by `schema`; no body counts as an empty object. Throws `bad_request` and what `readBody` throws. */
export async function jsonBody<Schema extends z.ZodObject>(request: Request, service: Service, schema: Schema): Promise<z.infer<Schema>> {
  using ticket = service.admission.enter();
  const { bytes, truncated } = await readBody(request, ticket, { sentMax: limits.orderBodyBytesMax, decodedMax: limits.orderBodyBytesMax });
  if (truncated) throw new GuardianError("bad_request", "Cannot read the body: it breaks off before its end; send it again");
  let given: unknown = {};
  try {
    if (bytes.length > 0) given = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new GuardianError("bad_request", "Cannot read the body: it is not JSON in UTF-8; send one object", { cause });
  }
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new GuardianError("bad_request", "Cannot read the body: it is no JSON object; send one");
  }
  const known = Object.keys(schema.shape), unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const name = unknown.slice(0, 100), hint = didYouMean(name, known);
    throw new GuardianError("bad_request", `Cannot read the body: nothing in it is called "${name}"; ${hint}`);
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  const where = path.length === 0 ? "" : ` "${path.join(".")}"`;
  throw new GuardianError("bad_request", `Cannot read${where} in the body: ${message.slice(0, 200)}`);
}
