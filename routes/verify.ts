// A check of the lake on request.

import { z } from "@hono/zod-openapi";
import { type Verified, verifyLake } from "../src/lake/verify.ts";
import { endpoint } from "../src/web/endpoint.ts";
import type { Service } from "../src/web/service.ts";

const count = z.int().min(0);

export const verifiedSchema = z.object({
  ok: z.boolean().describe("Nothing was found"),
  files: count,
  rows: count,
  bytes: count,
  findings: z.array(z.object({
    file: z.string().nullable().describe("Path within the lake folder; null where it is about the lake as a whole"),
    problem: z.string(),
    mend: z.string().describe("What a person can do"),
  })),
}).openapi("Verified");

export type VerifiedOut = z.infer<typeof verifiedSchema>;

/** What a check found, as the API and the command show it. */
export function verifiedOut({ findings, files, rows, bytes }: Verified): VerifiedOut {
  return { ok: findings.length === 0, files, rows, bytes, findings: [...findings] };
}

/** Checks under way: who asks meanwhile gets the answer of the one that runs. */
const underWay = new WeakMap<Service, Promise<Verified>>();

export const postVerify = endpoint({
  method: "post",
  path: "/verify",
  tag: "Operation",
  summary: "Check the lake",
  description:
    "Reads every byte of the lake once: sums, rows and offsets of all files against the manifest. Changes nothing; takes a while.",
  answers: { 200: { means: "What was checked and found", schema: verifiedSchema } },
  problems: ["storage_failing"],
  ownAlways: true,
  handle: async ({ c, service }) => {
    const { state: kv, duck, log } = service.guardian;
    let check = underWay.get(service);
    if (check === undefined) {
      check = verifyLake({ kv, duck, log }).finally(() => underWay.delete(service));
      underWay.set(service, check);
    }
    return c.json(verifiedOut(await check));
  },
});
