// `serve`: the product behind HTTP, from the first byte of the data folder to the last request.

import { type Days, openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { Access, isOpen, requireWayIn } from "../access/access.ts";
import { frontOf } from "../access/front.ts";
import { isLoopback, reachable } from "../access/hosts.ts";
import { makeOwnerSecret, removeOwnerSecret } from "../access/owner.ts";
import { Sessions } from "../access/sessions.ts";
import { systemClock } from "../clock.ts";
import type { Settings } from "../config.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { paths } from "../folder.ts";
import { Guardian } from "../guardian.ts";
import { limits } from "../limits.ts";
import { type LogLine, logLineTo } from "../log_line.ts";
import { webhookTarget } from "../notify/webhook.ts";
import { Admission } from "../web/admission.ts";
import { makeApp } from "../web/app.ts";
import type { Room } from "../web/connections.ts";
import { SampleSite, type SampleState } from "../web/sample_site.ts";
import { makeService, type Service, type ServiceOptions } from "../web/service.ts";
import { ConnectionGuard } from "./connection_guard.ts";
import { endAll } from "./ending.ts";
import { Listening } from "./listening.ts";
import { type Shell, sleep } from "./shell.ts";
import { isPlainForOthers, readTls, type Tls } from "./tls.ts";

const HOUR_MS = 3_600_000, MIB = 2 ** 20;
/** How long requests that are under way may take once the server is told to stop, ms. */
const DRAIN_MS = 20_000, DRAIN_CHECK_MS = 10;
/** How long answers that are on their way may take then, ms. */
const CLOSE_MS = 5_000;
/** How long connections may then wait on for a request, ms: an answer that was given a moment ago is not on its way yet. */
const WAITING_MS = 500;
const EVERY_MINUTE = "* * * * *";
/** Name in the lease of the day jobs. One process at a time has the folder, so the next one need not wait until the lease of a dead one ends. */
const HOLDER = "owner of the data folder";

type Address = Pick<Settings, "host" | "port">;

/**
 * Where commands of this machine reach a server that speaks HTTPS: its certificate names a host that may be anywhere, and be signed by nobody.
 * All that reaches it is held to the same rules.
 */
const SIDE_DOOR: Address = { host: "127.0.0.1", port: 0 };

/** Gets a sample shop going while the server already answers, and resolves when it is shown, or will not be, or the server is to stop. */
export type BeginSample = (sample: SampleSite, stopped: Promise<unknown>) => Promise<void>;

/** Serves until it is told to stop. beginSample: for a folder that may be empty. */
export async function serveCommand(settings: Settings, shell: Shell, beginSample: BeginSample | null = null): Promise<number> {
  const ways = { ...settings, front: frontOf(settings, { clock: systemClock, strictTransport: false }) };
  // Where there is no folder yet, there is no token in it either.
  if (!(await holdsTokens(settings.data))) requireWayIn(ways, null);
  const tls = await readTls(settings);
  const logLine = logLineTo(shell.err, settings.logLevel);
  const clock = systemClock;
  // Asked first, as nobody wants a folder to be opened and recovered for nothing.
  if (settings.port !== 0) onAddress(settings, (address) => Deno.listen(address).close());
  const guardian = await openGuardian(settings, logLine);
  const { tokens } = guardian;
  const failures: unknown[] = [], listening: Listening[] = [];
  let serving: readonly (() => unknown)[] = [];
  let days: Days | null = null, sample: SampleSite | undefined;
  try {
    requireWayIn(ways, tokens);
    guardian.start();
    days = openDaysOf(guardian, settings);
    const isPageOrigin = (origin: string) => tokens.isPageOrigin(origin);
    const front = frontOf(settings, { clock, strictTransport: tls !== null && !isLoopback(settings.host), isPageOrigin });
    const ownerSecret = isOpen(ways) ? null : await makeOwnerSecret(settings.data);
    const access = new Access({ ...settings, front, tokens, ownerSecret, sessions: null });
    const sessions = access.sessions = await Sessions.open(guardian.state, clock, access);
    const around = { clock, logLine, access, sessions, front, futureMs: settings.futureHours * HOUR_MS, admission: new Admission() };
    // Who follows the folder itself is told when something else is shown in its place.
    const onState = (state: SampleState) => service.feed.publish("sample", { shown: state === "live", state });
    if (beginSample !== null) sample = sampleBeside(guardian, settings, around, onState);
    const ports = () => listening.map(({ port }) => port);
    const connections = new ConnectionGuard({ ports, room: roomOf(settings), logLine });
    const service: Service = makeService({ guardian, days, sample, connections, ...around });
    const ticking = new AbortController();
    const handler = handlerOf(service, connections), closeDays = () => Promise.all([days!.close(), sample?.close()]);
    serving = endsOf(service, ticking, closeDays, listening, connections);
    const server = listen(settings, handler, logLine, tls);
    listening.push(server);
    const side = tls === null ? null : listen(SIDE_DOOR, handler, logLine, null);
    if (side !== null) listening.push(side);
    connections.start();
    const url = urlOf(reachable(settings.host), server.port, tls);
    await guardian.folder.tell(side === null ? url : urlOf(SIDE_DOOR.host, side.port), url);
    const stopped = toldToStop(shell);
    tickEveryMinute([days, sample], ticking.signal);
    let told = false;
    stopped.then(() => told = true);
    if (sample !== undefined) await beginSample!(sample, stopped);
    if (isPlainForOthers(settings, tls)) {
      const reason = "tokens and events can be read on their way, and browsers keep no sign-in";
      logLine("warn", "plain_http", { reason, mend: "name --tls-cert and --tls-key, or a proxy that has them with --trusted-proxies" });
    }
    if (!told) shell.out(`listening on ${urlOf(settings.host, server.port, tls)}`);
    const signal = await stopped;
    logLine("info", "stopping", { signal });
  } catch (failure) {
    failures.push(failure);
  }
  // Last of all, and whatever failed: what was answered for must be durable.
  const ends = [...serving, () => days?.close(), () => sample?.close(), () => removeOwnerSecret(settings.data), () => guardian.stop()];
  await endAll(ends, failures);
  logLine("info", "stopped");
  return 0;
}

/** The steps in which serving ends. closeDays: of the day jobs, those of the sample too. */
function endsOf(
  service: Service,
  ticking: AbortController,
  closeDays: () => unknown,
  listening: readonly Listening[],
  connections: ConnectionGuard,
): readonly (() => unknown)[] {
  return [
    () => {
      service.draining = true;
      ticking.abort();
      // Streams without an end would hold up the server's own.
      service.feed.close("stopping");
    },
    // First, as requests may wait for a job: the one at work is interrupted, and tried again at the next start.
    closeDays,
    () => drain(service),
    async () => {
      // What is left are answers on their way, and connections that nobody uses.
      const timer = setTimeout(() => connections.endWaiting(), WAITING_MS);
      await Promise.all(listening.map((one) => one.shutdown(CLOSE_MS)));
      clearTimeout(timer);
    },
    () => connections.stop(),
  ];
}

/** Whether a data folder may hold tokens: it has a store. */
async function holdsTokens(data: string): Promise<boolean> {
  return await Deno.stat(paths.state(data)).then(() => true, () => false);
}

/** Opens the data folder as the settings say. */
export function openGuardian(settings: Settings, logLine: LogLine, make = true): Promise<Guardian> {
  return Guardian.open({
    data: settings.data,
    clock: systemClock,
    logLine,
    partitions: settings.partitions,
    make,
    archiveIntervalMs: settings.archiveIntervalS * 1000,
    lingerMs: settings.lingerMs,
    retention: { keepMs: settings.logKeepHours * HOUR_MS, keepBytes: settings.logKeepMib * MIB },
    webhook: webhookTarget(settings.webhookUrl, settings.webhookSecret),
  });
}

/** The day jobs of an open data folder, as the settings say. */
export function openDaysOf(guardian: Guardian, { timezone, runAt, currency }: Settings): Days {
  return openDays(guardian, { timezone, runAt, currency }, { holder: HOLDER });
}

/** A sample shop in the folder, to be shown while that is empty. */
function sampleBeside(
  own: Guardian,
  settings: Settings,
  around: Omit<ServiceOptions, "guardian" | "days">,
  onState: (state: SampleState) => void,
): SampleSite {
  const { timezone, runAt, currency, archiveIntervalS } = settings;
  return new SampleSite({
    own,
    settings: { timezone, runAt, currency },
    archiveIntervalMs: archiveIntervalS * 1000,
    serviceOf: (guardian, days) => makeService({ guardian, days, ...around }),
    wait: sleep,
    onState,
    holder: HOLDER,
  });
}

/** Asks what is due every minute, and now: a machine that slept or was off catches up. */
function tickEveryMinute(all: readonly ({ tick(): unknown } | undefined)[], signal: AbortSignal): void {
  const tick = () => all.forEach((one) => one?.tick());
  Deno.cron("day jobs", EVERY_MINUTE, { signal }, tick);
  tick();
}

/** How many connections an address may have. On loopback without a token all are this machine's, and one may have as many as all. */
function roomOf(settings: Settings): Omit<Room, "all"> {
  const front = frontOf(settings, { clock: systemClock, strictTransport: false }), isAlone = isOpen({ ...settings, front });
  return { ofOne: isAlone ? Infinity : limits.connectionsPerAddressMax, isProxy: (address) => front.trustedProxies.has(address) };
}

function handlerOf(service: Service, connections: ConnectionGuard): Deno.ServeHandler {
  const app = makeApp(service, endpoints);
  return connections.underWay.counting((request, info) => app.fetch(request, info)) as Deno.ServeHandler;
}

function listen(settings: Address, handler: Deno.ServeHandler, logLine: LogLine, tls: Tls | null): Listening {
  const options = { onListen: () => {}, automaticCompression: true, ...tls };
  const serve = (port = settings.port) => onAddress({ ...settings, port }, (address) => Deno.serve({ ...address, ...options }, handler));
  return new Listening(serve, logLine);
}

/** Does something with the address of the settings. Throws `port_in_use`, `invalid_setting`. */
function onAddress<T>({ host, port }: Address, listening: (address: { hostname: string; port: number }) => T): T {
  const url = urlOf(host, port);
  try {
    return listening({ hostname: host.replace(/^\[(.*)\]$/, "$1"), port });
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) {
      const mend = "the port is taken; name another with --port, or 0 for any";
      throw new GuardianError("port_in_use", `Cannot listen on ${url}: ${mend}`, { cause });
    }
    throw new GuardianError("invalid_setting", `Cannot listen on ${url}: ${reasonOf(cause)}; name another --host or --port`, { cause });
  }
}

/** Waits for requests under way; new ones are turned away. The server still listens: shutting it down would cut off their bodies. */
async function drain(service: Service): Promise<void> {
  const until = service.clock.monotonic() + DRAIN_MS;
  while (service.underWay > 0 && service.clock.monotonic() < until) await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
}

/** The first signal stops gracefully, a second one at once. */
function toldToStop(shell: Shell): Promise<string> {
  return new Promise((resolve) => {
    let told = false;
    shell.onStop((signal) => {
      if (told) shell.exitNow(130);
      told = true;
      resolve(signal);
    });
  });
}

function urlOf(host: string, port: number, tls: Tls | null = null): string {
  return `${tls === null ? "http" : "https"}://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`;
}
