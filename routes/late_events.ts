// Clicks that came after a window of theirs had closed.

import { z } from "@hono/zod-openapi";
import type { LateEffect } from "../src/engine/effects.ts";
import { idOut } from "../src/event/code.ts";
import { formatTimestamp } from "../src/event/timestamp.ts";
import { limits } from "../src/limits.ts";
import { type CursorShape, linkNext, placeOf } from "../src/web/cursor.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { cursorParameter, limitParameter } from "../src/web/parameters.ts";

const id = z.union([z.number().int(), z.string()]);

export const lateEventSchema = z.object({
  session_id: id,
  item_id: id.nullable(),
  timestamp: z.string().describe("Event time"),
  arrived_at: z.string(),
  watermark: z.string().describe("How far the stream's event time had come: windows that end by then were closed"),
  late_ms: z.number().describe("How far behind the watermark it was; below 0 where only its earlier windows had closed"),
  reason: z.string(),
  lane: z.string().describe("`live`, or the replay source that it came from"),
  partition: z.int().min(0),
  offset: z.int().min(0),
}).openapi("LateEvent");

const shape: CursorShape = { list: "late-events", parts: ["number", "number", "number"] };

function shown({ session, item, eventTime, watermark, arrival, lane, partition, offset }: LateEffect): z.infer<typeof lateEventSchema> {
  return {
    session_id: idOut(session),
    item_id: item === null ? null : idOut(item),
    timestamp: formatTimestamp(eventTime),
    arrived_at: formatTimestamp(arrival),
    watermark: formatTimestamp(watermark),
    late_ms: watermark - eventTime,
    reason: `A window of it had closed: the stream was at ${formatTimestamp(watermark)} when it came`,
    lane,
    partition,
    offset,
  };
}

export const lateEvents = endpoint({
  method: "get",
  path: "/late_events",
  tag: "Refused and late",
  summary: "Late clicks, newest arrival first",
  description:
    "Clicks that came after a window of theirs had closed. They are in the lake and in the totals, and counted in those windows " +
    `that were still open. The newest ${limits.lateEventsMax} are kept here.`,
  query: z.object({ limit: limitParameter, cursor: cursorParameter }),
  answers: { 200: { means: "One page", schema: z.array(lateEventSchema), paged: true } },
  problems: [],
  handle: async ({ c, service, query: { limit, cursor } }) => {
    const before = cursor === undefined ? undefined : placeOf(shape, cursor) as unknown as readonly [number, number, number];
    const { items, next } = await service.guardian.lateEvents.list(limit, before);
    linkNext(c, shape, next);
    return c.json(items.map(shown));
  },
});
