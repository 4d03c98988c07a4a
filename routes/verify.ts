// A check of all that is stored, on request, and the repair of what it finds.

import { z } from "@hono/zod-openapi";
import { type Repaired, repairLake } from "../src/lake/repair.ts";
import { type Verified, verifyLake, type VerifyProgress } from "../src/lake/verify.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { jsonLines, NDJSON } from "../src/web/ndjson.ts";
import { oneOf } from "../src/web/parameters.ts";
import { problemResponse } from "../src/web/problem.ts";
import type { Service } from "../src/web/service.ts";

const count = z.int().min(0);

export const verifiedSchema = z.object({
  ok: z.boolean().describe("Nothing is wrong, or nothing any more"),
  files: count,
  rows: count,
  bytes: count,
  results: count.describe("Files of day jobs whose sums were looked at"),
  offsets: count.describe("Offsets of the log that were read"),
  values: count.describe("Values of the store whose checksums were looked at"),
  repaired: z.array(z.object({
    file: z.string().nullable().describe("Path within the lake folder; null for a list of files"),
    what: z.string().describe("What was done"),
  })).describe("What was made whole again; empty where no repair was asked for"),
  findings: z.array(z.object({
    file: z.string().nullable().describe("Path within the lake folder; null where it is not about one file of the lake"),
    problem: z.string(),
    mend: z.string().describe("What a person can do"),
  })).describe("What is wrong, after the repair where one was asked for"),
}).openapi("Verified");

export type VerifiedOut = z.infer<typeof verifiedSchema>;

/** What a check found, as the API and the command show it. */
export function verifiedOut(
  { findings, files, rows, bytes, results, offsets, values }: Omit<Verified, "damaged" | "unlisted" | "unreadable">,
  repaired: readonly Repaired[] = [],
): VerifiedOut {
  return { ok: findings.length === 0, files, rows, bytes, results, offsets, values, repaired: [...repaired], findings: [...findings] };
}

type Line = { type: "progress"; done: number; of: number; what: string } | { type: "done" } & VerifiedOut;

const lineSchema = z.union([
  z.object({
    type: z.literal("progress"),
    done: count,
    of: count,
    what: z.string().describe("log, files, results or repairs: what `of` counts"),
  }),
  verifiedSchema.extend({ type: z.literal("done") }),
]).openapi("VerifyLine");

/** Checks under way: who asks for the same meanwhile gets the answer of the one that runs. */
const underWay = new WeakMap<Service, Map<boolean, Promise<VerifiedOut>>>();

export const postVerify = endpoint({
  method: "post",
  path: "/verify",
  tag: "Operation",
  summary: "Check what is stored, and repair it",
  description:
    "Reads every byte of the lake and of the log once, and looks at the checksums of all other values. With `repair` it rebuilds " +
    "damaged part files from the log where that still has their rows, and damaged lists of files from the files; the damaged files are moved " +
    "to `lake/.orphans`. Without, it changes nothing. Takes a while.",
  query: z.object({
    repair: oneOf(["true", "false"], { means: "Rebuild what can be rebuilt" }),
    progress: oneOf(["true", "false"], { means: "Lines of NDJSON while it is at work: the last one is the answer" }),
  }),
  answers: {
    200: [
      { means: "What was checked and found", schema: verifiedSchema },
      { means: "With `progress`: how far it is, a line each, and at last what was found", schema: lineSchema, mediaType: NDJSON },
    ],
  },
  problems: ["storage_failing"],
  ownAlways: true,
  handle: async ({ c, service, query }) => {
    const repair = query.repair === "true";
    if (query.progress !== "true") return c.json(await checked(service, repair));
    const lines = linesOf(service, repair);
    const tellProblem = (thrown: unknown) => problemResponse(thrown, c.req.raw, service.logLine).json();
    return jsonLines(await lines.next(), lines, tellProblem, () => {});
  },
});

/** Lines about a check: at most as many as somebody takes, for what is skipped is older. */
async function* linesOf(service: Service, repair: boolean): AsyncGenerator<Line> {
  let latest: Line = { type: "progress", done: 0, of: 1, what: "log" }, wake = () => {}, ended = false;
  const out = checked(service, repair, (done, of, what) => {
    latest = { type: "progress", done, of, what };
    wake();
  });
  out.catch(() => {}).finally(() => {
    ended = true;
    wake();
  });
  while (!ended) {
    yield latest;
    await new Promise<void>((resolve) => ended ? resolve() : wake = resolve);
  }
  yield { type: "done", ...await out };
}

function checked(service: Service, repair: boolean, progress?: VerifyProgress): Promise<VerifiedOut> {
  let checks = underWay.get(service);
  if (checks === undefined) underWay.set(service, checks = new Map());
  let check = checks.get(repair);
  if (check === undefined) {
    check = checkNow(service, repair, progress).finally(() => checks.delete(repair));
    checks.set(repair, check);
  }
  return check;
}

async function checkNow({ guardian }: Service, repair: boolean, progress?: VerifyProgress): Promise<VerifiedOut> {
  const { state: kv, logFile, duck, log, damage, options: { clock, logLine } } = guardian;
  const options = { kv, logFile, duck, log, clock, logLine, progress };
  const verified = await verifyLake(options);
  const { findings, repaired } = repair ? await repairLake(options, verified) : { findings: verified.findings, repaired: [] };
  for (const { file } of repaired) if (file !== null) damage.mended(file);
  for (const { what } of damage.list) if (what.startsWith("results/")) damage.mended(what);
  for (const { file, problem } of findings) if (file !== null) damage.tell(file, problem);
  return verifiedOut({ ...verified, findings }, repaired);
}
