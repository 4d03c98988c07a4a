// How the server is: its parts, how far they are behind, what it sent, what came too late or was refused, and what it stores.

import type { Health, Stats, Webhook } from "../../shell/answers.ts";
import { bytes, count, counted, instant } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";
import { Loaded, Notice } from "../../parts/notice.tsx";
import { Tile, Tiles } from "../../parts/tile.tsx";
import { stretch } from "./words.ts";

const partNames = { log: "Log", engine: "Bot detection", archiver: "Storage of events" } as const;

export function Server() {
  const asked = useResource<Health>("/health"), stats = useResource<Stats>("/stats");
  // A server that is not fit says so with an error status, and what is wrong in the same answer.
  const failing = asked.error?.body as Health | null | undefined;
  const health = typeof failing?.parts === "object" ? { ...asked, data: failing, error: null } : asked;
  return (
    <section class="section">
      <h2>How the server is</h2>
      <Loaded of={health} what="the server's health">{(told) => <Parts health={told} />}</Loaded>
      <Loaded of={stats} what="totals">{(told) => <Totals stats={told} />}</Loaded>
    </section>
  );
}

function Parts({ health }: { health: Health }) {
  const { status, database, damage, parts, lag_events, recovery, uptime_s, version, webhook } = health;
  const wrong = Object.entries(parts).filter(([, { status }]) => status === "failing");
  const lag = lag_events.engine + lag_events.archiver;
  const words = { ok: "All well", degraded: "Damaged data left out", failing: "Failing", stopping: "Shutting down" };
  return (
    <>
      {wrong.map(([name, { reason }]) => (
        <Notice key={name} kind="error" title={`${partNames[name as keyof typeof partNames]} is failing`}>
          {reason ?? "The server gives no reason."}
        </Notice>
      ))}
      {damage !== undefined && damage.count > 0 && (
        <Notice
          kind="error"
          title={`${counted(damage.count, "piece")} of stored data ${damage.count === 1 ? "is" : "are"} damaged, and left out`}
        >
          {damage.pieces.map(({ what, reason }) => `${what}: ${reason}`).join("; ")}. Run verify: it says what can be rebuilt.
        </Notice>
      )}
      <Tiles label="Health">
        <Tile
          name="Server"
          value={<span class={`sign ${status === "ok" ? "good" : "error"}`}>{words[status]}</span>}
          beside={`version ${version}, up for ${stretch(uptime_s * 1000)}`}
        />
        <Tile
          name="Database"
          value={<span class={`sign ${database === "ok" ? "good" : "error"}`}>{database === "ok" ? "Readable" : "Failing"}</span>}
          means={["Health", "database"]}
        />
        <Tile
          name="Behind"
          value={lag === 0 ? "Nothing" : counted(Math.max(lag_events.engine, lag_events.archiver), "event")}
          means={["Health", "lag_events"]}
          beside={lag === 0 ? "all events are seen" : `detection ${count(lag_events.engine)}, storage ${count(lag_events.archiver)}`}
        />
        <Tile
          name="Read again at the start"
          value={counted(recovery.events_read_again, "event")}
          means={["Health", "recovery"]}
          beside={`in ${recovery.seconds} s`}
        />
        <WebhookTile webhook={webhook} />
      </Tiles>
    </>
  );
}

function WebhookTile({ webhook }: { webhook: Webhook | null }) {
  if (webhook === null) return <Tile name="Webhook" value="Off" means={["Health", "webhook"]} beside="no address is set" />;
  const words = { ok: "Working", failing: "Failing", gone: "Refused for good" } as const;
  const { status, waiting, delivered, failed, dropped, last_error, last_error_at, last_delivered_at, next_try_at } = webhook;
  const lines: (string | null)[] = [
    `${count(delivered)} delivered, ${count(waiting)} waiting`,
    failed + dropped > 0 ? `${count(failed)} given up, ${count(dropped)} made room for newer ones` : null,
    last_delivered_at === null ? null : `last delivered ${instant(last_delivered_at)}`,
    status !== "ok" && last_error !== null ? `${last_error} (${instant(last_error_at)})` : null,
    status === "failing" && next_try_at !== null ? `next try ${instant(next_try_at)}` : null,
  ];
  return (
    <Tile
      name="Webhook"
      value={<span class={`sign ${status === "ok" ? "good" : "error"}`}>{words[status]}</span>}
      means={["Health", "webhook"]}
      beside={lines.filter((line) => line !== null).map((line, i) => (
        <span key={i} class="line">
          <bdi>{line}</bdi>
        </span>
      ))}
    />
  );
}

function Totals({ stats: { late_events, dead_letters, lake, total_events, days_processed } }: { stats: Stats }) {
  return (
    <Tiles label="Totals">
      <Tile
        name="Events taken in"
        value={count(total_events)}
        means={["Stats", "total_events"]}
        beside={counted(days_processed, "counted day")}
      />
      <Tile
        name="Late events"
        value={count(late_events)}
        note="Clicks that came after their window had closed: kept and counted, and no reason for an alarm any more."
        beside={<a href="/late_events" target="_blank" rel="noopener">Late events as JSON</a>}
      />
      <Tile
        name="Refused lines"
        value={count(dead_letters)}
        means={["Stats", "dead_letters"]}
        beside={<a href="/dead_letters" target="_blank" rel="noopener">Refused lines as JSON</a>}
      />
      <Tile
        name="Stored events"
        value={counted(lake.rows, "row")}
        note="Parquet files below lake/ in the data folder, open to any tool."
        beside={`${counted(lake.files, "file")}, ${bytes(lake.bytes)}`}
      />
    </Tiles>
  );
}
