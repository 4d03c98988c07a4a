// The sample shop that `dev` shows while the data folder is empty: whether it is shown, how to send real events, and how to be rid of it.

import { z } from "@hono/zod-openapi";
import { discardSample, holdsSample, markCleared } from "../src/web/sample_folder.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { sampleStates } from "../src/web/sample_site.ts";
import type { Service } from "../src/web/service.ts";

const TRACKER = "A script for the pages of a shop comes later";

const sampleSchema = z.object({
  shown: z.boolean().describe("Answers without `Data-Of: own` are of the sample"),
  state: z.enum(sampleStates).describe("filling: it is being made; live: it is shown; off: there is none, or it was left"),
  visitors_per_day: z.int().min(1).nullable().describe("How many people and bots come in a day; null where the state is off"),
  since: z.iso.date().nullable().describe("Its first local day; null where it is not shown"),
  time_zone: z.string().describe("The time zone that decides when a day begins"),
  can_clear: z.boolean().describe("It is on disk, and can be deleted"),
  send: z.object({
    curl: z.string().describe("Sends one event of now to this server, when pasted into a shell"),
    replay: z.string().describe("Sends a recorded file to this server"),
    tracker: z.string().describe("Sends what happens in a browser"),
  }).describe("How real events get in; the first one ends the sample"),
}).openapi("Sample");

const example: z.infer<typeof sampleSchema> = {
  shown: true,
  state: "live",
  visitors_per_day: 10_000,
  since: "2026-11-19",
  time_zone: "Europe/Berlin",
  can_clear: true,
  send: { ...sendTo("http://127.0.0.1:8787", false) },
};

export const sample = endpoint({
  method: "get",
  path: "/sample",
  tag: "About",
  summary: "Whether a sample shop is shown",
  description:
    "`dev` shows a sample shop while the data folder is empty. It lives in a folder of its own, and is left for good when the first " +
    "real event was accepted. Answers that are of it carry `Data-Of: sample`; a request with `Data-Of: own` is answered of the folder itself.",
  answers: { 200: { means: "What is shown", schema: sampleSchema, example } },
  problems: [],
  ownAlways: true,
  handle: async ({ c, service }) => {
    const { sample: site, guardian, days, access } = service;
    // Asked first, as this is where the first real event is seen.
    const shown = (site?.shown ?? null) !== null;
    const state = site?.state ?? "off";
    return c.json({
      shown,
      state,
      visitors_per_day: state === "off" ? null : site!.visitorsPerDay,
      since: site?.since ?? null,
      time_zone: days.context.settings.timezone,
      can_clear: await holdsSample(guardian.options.data),
      send: sendTo(new URL(c.req.url).origin, !access.isOpen),
    });
  },
});

const clearedSchema = z.object({ cleared: z.boolean().describe("false: there was none on disk") }).openapi("SampleCleared");

export const postSampleClear = endpoint({
  method: "post",
  path: "/sample/clear",
  tag: "About",
  summary: "Delete the sample shop",
  description: "Shows the data folder itself at once, and deletes the sample. It is not made again, unless the data folder is reset.",
  answers: { 200: { means: "It is gone", schema: clearedSchema, example: { cleared: true } } },
  problems: ["storage_failing"],
  ownAlways: true,
  handle: async ({ c, service }) => c.json({ cleared: await cleared(service) }),
});

async function cleared({ sample: site, guardian, clock }: Service): Promise<boolean> {
  if (site !== null) return await site.clear();
  await markCleared(guardian.state, clock.now());
  return await discardSample(guardian.options.data);
}

/** How events are sent to a server. withToken: it asks for one, which the shell has in the variable that commands take it from. */
function sendTo(url: string, withToken: boolean): z.infer<typeof sampleSchema>["send"] {
  // The shell ends the quotes for the time and goes on with them, so that it puts in that of the moment.
  const body = `'{"session_id":"visitor-1","timestamp":"'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'","item_id":"blue-shoes"}'`;
  const token = withToken ? ` -H "Authorization: Bearer $GUARDIAN_TOKEN"` : "";
  return {
    curl: `curl -s ${quoted(`${url}/events`)} -H 'Content-Type: application/json'${token} -d ${body}`,
    replay: `deno task start replay FILE --url ${url}`,
    tracker: TRACKER,
  };
}

/** A text as one word of a shell's line. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
