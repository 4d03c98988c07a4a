// `generate`: days of the sample shop into a file, onto stdout, or into a running server, and on in real time if asked to.
// What always holds: the same options give the same events for the same time; a past stretch ends with a whole ten minutes, so that making it
// again later makes none of it differently.

import { type Clock, systemClock } from "../clock.ts";
import type { Settings } from "../config.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { columnText, type EventColumns } from "../event/batch.ts";
import { CLICK, PURCHASE } from "../event/kind.ts";
import { formatTimestamp, parseTimestamp, timestampFault } from "../event/timestamp.ts";
import { type SampleChunk, sampleDefaults, SampleShop, SLOT_MS } from "../sample/mod.ts";
import { flatLines, isoJson, priceText } from "../source/flat_lines.ts";
import { sliced } from "../source/slice.ts";
import { type Fed, Feed } from "./feed.ts";
import { type Progress, progressBar } from "./progress.ts";
import { serverAt } from "./remote.ts";
import { type Shell, sleep } from "./shell.ts";
import { counted, grouped } from "./words.ts";

/** As the command line gives them. */
export interface GenerateFlags {
  readonly days?: string;
  readonly visitors?: string;
  readonly seed?: string;
  readonly bots?: string;
  readonly until?: string;
  readonly out?: string;
  readonly format?: string;
  readonly url?: string;
  readonly live?: true;
  readonly truth?: string;
  readonly json?: true;
}

const DAY_MS = 86_400_000, DAYS_DEFAULT = 3, DAYS_MAX = 3660;

/** Events in one request, and how often a live shop sends what has happened, ms. */
const REQUEST_EVENTS_MAX = 5000, LIVE_MS = 1000;

const INTERRUPTED = 130;

/** Where events go. */
interface Outlet {
  take(chunk: SampleChunk): Promise<Fed>;
  close(): void;
}

/** Makes events. The clock and the wait are the system's, but for tests. */
export async function generateCommand(
  flags: GenerateFlags,
  settings: Settings,
  shell: Shell,
  clock: Clock = systemClock,
  wait: typeof sleep = sleep,
): Promise<number> {
  const shop = new SampleShop({
    seed: numberOf("--seed", flags.seed, sampleDefaults.seed),
    visitorsPerDay: numberOf("--visitors", flags.visitors, sampleDefaults.visitorsPerDay),
    botShare: numberOf("--bots", flags.bots, sampleDefaults.botShare),
  });
  const { from, to } = stretchOf(flags, clock.now());
  const stop = new AbortController();
  let signals = 0;
  const unhandle = shell.onStop(() => {
    if (++signals > 1) shell.exitNow(INTERRUPTED);
    stop.abort(new GuardianError("shutting_down", "Cannot go on: stopped by a signal"));
  });
  const truth = flags.truth === undefined ? null : newFile(flags.truth);
  const bar = progressBar(flags.json === undefined && shell.errorColumns !== null && flags.out !== "-");
  try {
    const outlet = await outletFor(flags, settings, shell, shop, clock, wait, stop.signal);
    const run = new Run(shop, outlet, stop.signal, bar);
    try {
      await run.past(from, to);
      if (flags.live && !stop.signal.aborted) await run.live(to, clock, wait);
    } catch (thrown) {
      // A request that was told to stop throws; that is a stop, not a failure.
      if (!stop.signal.aborted) throw thrown;
    } finally {
      outlet.close();
    }
    bar.stop();
    if (truth !== null) writeTruth(truth, shop, from, run.until);
    tell(run, from, flags, shell);
    return stop.signal.aborted && run.until < to ? INTERRUPTED : 0;
  } finally {
    bar.stop();
    unhandle();
    truth?.close();
  }
}

/** One run: how far it has come, and what became of its events. */
class Run {
  events = 0;
  accepted = 0;
  duplicates = 0;
  rejected = 0;
  /** All before this was made, ms. */
  until = NaN;
  readonly #startedAt = performance.now();

  constructor(readonly shop: SampleShop, readonly outlet: Outlet, readonly signal: AbortSignal, readonly bar: Progress) {}

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** Makes [from, to) as fast as it goes. */
  async past(from: number, to: number): Promise<void> {
    this.until = from;
    for (const chunk of this.shop.chunks(from, to, { eventIds: true })) {
      if (this.signal.aborted) return;
      await this.#take(chunk);
      const { columns } = chunk;
      this.until = columns.eventTime[columns.count - 1] + 1;
      this.bar.update(this.until - from, to - from, this.events);
      // Lets a signal in.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.until = to;
  }

  /** Makes what happens from `from` on until it is stopped. */
  async live(from: number, clock: Clock, wait: typeof sleep): Promise<void> {
    for (this.until = from; !this.signal.aborted; await wait(LIVE_MS, this.signal)) {
      const now = Math.floor(clock.now());
      // A clock that was set back waits until it is where it was.
      if (now <= this.until) continue;
      for (const chunk of this.shop.chunks(this.until, now, { eventIds: true })) await this.#take(chunk);
      this.until = now;
    }
  }

  async #take(chunk: SampleChunk): Promise<void> {
    const { accepted, duplicates, rejected } = await this.outlet.take(chunk);
    this.events += chunk.columns.count;
    this.accepted += accepted;
    this.duplicates += duplicates;
    this.rejected += rejected;
  }
}

/** The past that is asked for: whole slots, up to the last one that is over. */
function stretchOf(flags: GenerateFlags, now: number): { from: number; to: number } {
  const days = numberOf("--days", flags.days, DAYS_DEFAULT);
  if (days > DAYS_MAX) throw new GuardianError("usage", `Cannot make ${days} days: ${DAYS_MAX} is the most`);
  const until = flags.until === undefined ? now : parseTimestamp(flags.until);
  if (until === null) {
    throw new GuardianError("usage", `Cannot end at "${flags.until}": it ${timestampFault(flags.until!)}; write 2026-03-05T00:00:00Z`);
  }
  if (flags.live && flags.until !== undefined) {
    throw new GuardianError("usage", "Cannot go on in real time from another time: leave out --until or --live");
  }
  const to = Math.floor(until / SLOT_MS) * SLOT_MS;
  return { from: Math.round((to - days * DAY_MS) / SLOT_MS) * SLOT_MS, to };
}

function numberOf(flag: string, given: string | undefined, fallback: number): number {
  if (given === undefined) return fallback;
  if (/^\d{1,15}(\.\d{1,15})?$/.test(given)) return Number(given);
  throw new GuardianError("usage", `Cannot use "${given}" for ${flag}: it must be a number of 0 or more, such as ${fallback}`);
}

async function outletFor(
  flags: GenerateFlags,
  settings: Settings,
  shell: Shell,
  shop: SampleShop,
  clock: Clock,
  wait: typeof sleep,
  signal: AbortSignal,
): Promise<Outlet> {
  const { out, format = "ndjson", url } = flags;
  if (format !== "ndjson" && format !== "csv") {
    throw new GuardianError("usage", `Cannot write "${format}": the formats are ndjson and csv`);
  }
  if (url !== undefined) {
    if (out !== undefined || flags.format !== undefined) {
      throw new GuardianError("usage", "Cannot send to a server and write a file at once: leave out --url, or --out and --format");
    }
    return serverOutlet(new Feed({ ...await serverAt(url, settings), clock, sleep: wait, signal }), shop);
  }
  if (format === "csv") {
    if (out === undefined || out === "-") {
      throw new GuardianError("usage", "Cannot write CSV to stdout: clicks and buys are two files; name the first with --out");
    }
    return csvOutlet(out);
  }
  const time = isoJson();
  if (out === undefined || out === "-") {
    return { take: ({ columns }) => all(columns, shell.out(flatLines(columns, time).trimEnd())), close: () => {} };
  }
  const file = newFile(out);
  return { take: ({ columns }) => all(columns, file.write(flatLines(columns, time))), close: () => file.close() };
}

/** Sends rows in requests that begin at multiples, so that a second run cuts them alike. */
function serverOutlet(feed: Feed, shop: SampleShop): Outlet {
  return {
    async take({ firstRow, columns }) {
      let accepted = 0, duplicates = 0, rejected = 0;
      for (let from = 0; from < columns.count;) {
        const row = firstRow + from, to = Math.min(columns.count, from + REQUEST_EVENTS_MAX - row % REQUEST_EVENTS_MAX);
        const fed = await feed.send(flatLines(sliced(columns, from, to)), `${shop.id}:${row}-${firstRow + to - 1}`);
        accepted += fed.accepted;
        duplicates += fed.duplicates;
        rejected += fed.rejected;
        from = to;
      }
      return { accepted, duplicates, rejected };
    },
    close: () => {},
  };
}

/** Clicks and buys as YOOCHOOSE has them; other kinds have no place there. */
function csvOutlet(path: string): Outlet {
  const clicks = newFile(path);
  let buys: NewFile;
  try {
    buys = newFile(`${path}.buys.csv`);
  } catch (failure) {
    clicks.close();
    throw failure;
  }
  const time = isoJson();
  return {
    take({ columns }) {
      let clickLines = "", buyLines = "";
      for (let row = 0; row < columns.count; row++) {
        if (columns.kind[row] !== CLICK && columns.kind[row] !== PURCHASE) continue;
        const [session, item, category] = [columns.session, columns.item, columns.category].map((column) =>
          columnText(columns, column, row)
        );
        const head = `${session},${String(time(columns.eventTime[row])).slice(1, -1)},${item}`;
        if (columns.kind[row] === CLICK) clickLines += `${head},${category}\n`;
        else buyLines += `${head},${priceText(columns.purchase!.price[row])},${columns.purchase!.quantity[row]}\n`;
      }
      clicks.write(clickLines);
      buys.write(buyLines);
      return all(columns);
    },
    close() {
      clicks.close();
      buys.close();
    },
  };
}

function all({ count }: EventColumns, _written?: void): Promise<Fed> {
  return Promise.resolve({ accepted: count, duplicates: 0, rejected: 0 });
}

/** A file that was not there before. */
class NewFile {
  readonly #encoder = new TextEncoder();

  constructor(readonly path: string, readonly file: Deno.FsFile) {}

  write(text: string): void {
    const bytes = this.#encoder.encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += this.file.writeSync(bytes.subarray(at));
    } catch (cause) {
      throw new GuardianError("storage_failing", `Cannot write "${this.path}": ${reasonOf(cause)}`, { cause });
    }
  }

  close(): void {
    this.file.close();
  }
}

function newFile(path: string): NewFile {
  try {
    return new NewFile(path, Deno.openSync(path, { write: true, createNew: true }));
  } catch (cause) {
    const why = cause instanceof Deno.errors.AlreadyExists ? "it is there already; name another file, or delete that one" : reasonOf(cause);
    throw new GuardianError("usage", `Cannot write "${path}": ${why}`, { cause });
  }
}

/** The sessions of bots with an event in [from, to), one JSON object a line. */
function writeTruth(file: NewFile, shop: SampleShop, from: number, to: number): void {
  if (to <= from) return;
  for (const { session, kind, firstTime, lastTime, events, clicks } of shop.bots(from, to)) {
    const line = {
      session_id: session,
      kind,
      first_event: formatTimestamp(firstTime),
      last_event: formatTimestamp(lastTime),
      events,
      clicks,
    };
    file.write(JSON.stringify(line) + "\n");
  }
}

function tell(run: Run, from: number, flags: GenerateFlags, shell: Shell): void {
  const { events, accepted, duplicates, rejected, seconds, until } = run;
  // What goes to stdout is the events alone.
  const say = flags.url === undefined && (flags.out === undefined || flags.out === "-") ? shell.err : shell.out;
  const stretch = { from: formatTimestamp(from), until: formatTimestamp(until) };
  if (flags.json) {
    return say(JSON.stringify({ events, accepted, duplicates, rejected, seconds: Math.round(seconds * 1000) / 1000, ...stretch }));
  }
  const rate = grouped(Math.round(events / Math.max(seconds, 0.001)));
  say(`Made ${counted(events, "event")} of ${stretch.from} to ${stretch.until} in ${seconds.toFixed(1)} s, ${rate} a second.`);
  if (flags.url === undefined) return;
  say(`${grouped(accepted)} accepted, ${grouped(duplicates)} there already, ${grouped(rejected)} rejected. See them: ${flags.url}`);
}
