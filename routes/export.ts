// Tables as files: results of day jobs, raw events, anomalies.

import { z } from "@hono/zod-openapi";
import { GuardianError } from "../src/errors.ts";
import { limits } from "../src/limits.ts";
import { CSV_RULE } from "../src/web/csv.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { NDJSON } from "../src/web/ndjson.ts";
import { oneOf, someDay } from "../src/web/parameters.ts";
import type { Service } from "../src/web/service.ts";
import { exportFile, type ExportFormat, exportFormats, exportTables } from "../src/web/table_export.ts";

const RETRY_AFTER_S = 10;

const mediaTypes: Record<ExportFormat, string> = {
  parquet: "application/vnd.apache.parquet",
  csv: "text/csv",
  json: "application/json",
  ndjson: NDJSON,
};

/** Services with an export being made: each has DuckDB's memory, so there is one at a time. */
const busy = new WeakSet<Service>();
/** How many exports of a service are being sent: until then each has its file on the disk, however slowly it is read. */
const sent = new WeakMap<Service, number>();

export const exportTable = endpoint({
  method: "get",
  path: "/export/{table}",
  tag: "Export",
  summary: "A table as a file",
  description: "Results as they were counted, unrounded and for both kinds of `traffic`; raw events as the lake has them; confirmed " +
    "anomalies by window start. Days are local days. " +
    CSV_RULE,
  params: z.object({
    table: z.enum(exportTables, { error: () => `it must be one of ${exportTables.join(", ")}` }).openapi({
      description: "The table",
      example: "daily_metrics",
    }),
  }),
  query: z.object({
    start_date: someDay({ means: "The first day" }),
    end_date: someDay({ means: "The last day" }),
    format: oneOf(exportFormats, { means: "`json` where it is left out: one array; `ndjson`: one object a line", example: "csv" }),
  }),
  answers: {
    200: [
      { means: "An array", schema: z.array(z.record(z.string(), z.unknown())), mediaType: mediaTypes.json },
      { means: "One object a line", schema: z.string(), mediaType: mediaTypes.ndjson },
      { means: "CSV with a header", schema: z.string(), mediaType: mediaTypes.csv },
      { means: "Parquet with Snappy", schema: z.string(), mediaType: mediaTypes.parquet },
    ],
  },
  problems: ["not_found", "overloaded", "storage_failing"],
  handle: async ({ c, service, path: { table }, query: { start_date: from, end_date: to, format = "json" } }) => {
    if (from !== undefined && to !== undefined && from > to) {
      throw new GuardianError(
        "invalid_parameter",
        'Cannot use "start_date" and "end_date" as given: "start_date" must not be the later one',
      );
    }
    if (busy.has(service)) {
      throw new GuardianError("overloaded", "Cannot export now: another export is being made; ask again when it is done", {
        retryAfterS: RETRY_AFTER_S,
      });
    }
    if ((sent.get(service) ?? 0) >= limits.exportsSentMax) {
      const why = `${limits.exportsSentMax} exports are being sent, and each takes room on the disk until then`;
      throw new GuardianError("overloaded", `Cannot export now: ${why}; ask again when one is done`, { retryAfterS: RETRY_AFTER_S });
    }
    busy.add(service);
    const { days, dayStates: { zone }, guardian: { anomalies } } = service;
    const file = await exportFile({ days, zone, anomalies }, { table, format, from, to }).finally(() => busy.delete(service));
    const { size } = await file.stat();
    const headers = {
      "Content-Type": mediaTypes[format],
      "Content-Length": String(size),
      "Content-Disposition": `attachment; filename="${table}.${format}"`,
    };
    if (c.req.raw.method === "HEAD") {
      // Nobody would ever read it to its end.
      file.close();
      return new Response(null, { headers });
    }
    return new Response(counted(file.readable, service), { headers });
  },
});

/** The bytes of a file, which counts as being sent until the last of them is, or nobody wants them any more. */
function counted(file: ReadableStream<Uint8Array<ArrayBuffer>>, service: Service): ReadableStream<Uint8Array<ArrayBuffer>> {
  const count = (more: number) => sent.set(service, (sent.get(service) ?? 0) + more);
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  count(1);
  file.pipeTo(writable).catch(() => {}).finally(() => count(-1));
  return readable;
}
