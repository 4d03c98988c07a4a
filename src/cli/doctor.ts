// `doctor`: looks at what the product stands on, and says in plain words what is wrong and how to mend it. A folder that has an owner is
// asked about through it; one that has none is opened and only read.
// What always holds: it changes nothing but a file of its own that it takes away again; one check that fails keeps none of the others.

import { statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isOpen, requireWayIn } from "../access/access.ts";
import { frontOf } from "../access/front.ts";
import { anyStored } from "../access/tokens.ts";
import { type Clock, systemClock } from "../clock.ts";
import { environmentName, loadSettings, type Settings, type SettingSources } from "../config.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { Folder, FOLDER_FORMAT, type Owner, ownerOf, paths } from "../folder.ts";
import { allParts, readManifest } from "../lake/manifest.ts";
import { KvLog } from "../log/kv_log.ts";
import { sealedKv } from "../store/sealed.ts";
import { headersFor, ownerAt } from "./remote.ts";
import type { Shell } from "./shell.ts";
import { readTls } from "./tls.ts";
import { counted } from "./words.ts";

/** One thing that was looked at. says: what is so, as a sentence. mend: what a person can do; null when all is well. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly says: string;
  readonly mend: string | null;
}

const FOUND = 1;
const DAY_MS = 86_400_000;
const MIB = 2 ** 20, GIB = 2 ** 30;

/** The oldest Deno that has all that is used here. */
const DENO_LEAST = [2, 9];

/** Free bytes below which the disk is as good as full. */
const FREE_BYTES_LEAST = GIB;

/** How far behind what it has stamped a clock may be, ms. */
const CLOCK_SLACK_MS = 5000;

/** No clock of today shows less: 2026-01-01, ms. */
const CLOCK_LEAST = Date.UTC(2026, 0, 1);

/** Days that a certificate is good for, at the least, before it is time to renew it. */
const CERTIFICATE_DAYS_LEAST = 14;

/** How long the owner of a folder may take to answer, ms. */
const ANSWER_MS_MAX = 5000;

/** How long whatever listens on a port may take to show what it is, ms. */
const KNOWN_MS_MAX = 1000;

/** What the checks know. */
interface Patient {
  readonly settings: Settings;
  readonly owner: Owner | null;
  readonly clock: Clock;
}

/** Checks everything. `sources`: where settings come from, which is checked as well. */
export async function doctorCommand(json: boolean, sources: SettingSources, shell: Shell, clock: Clock = systemClock): Promise<number> {
  const { settings, finding } = checkSettings(sources);
  const patient: Patient = { settings, owner: await ownerOf(settings.data), clock };
  let wrong = 0;
  const tell = (finding: Finding) => {
    if (!finding.ok) wrong++;
    shell.out(json ? JSON.stringify(finding) : lineOf(finding));
  };
  tell(checkDeno(Deno.version.deno));
  tell(finding);
  for (const [check, examine] of examinations) {
    try {
      for (const finding of await examine(patient)) tell(finding);
    } catch (thrown) {
      tell(bad(check, `It cannot be checked: ${reasonOf(thrown)}`, "Mend that first, then ask again"));
    }
  }
  if (!json) shell.out(wrong === 0 ? "All is well." : `${counted(wrong, "thing")} to mend.`);
  return wrong === 0 ? 0 : FOUND;
}

const examinations: readonly [string, (patient: Patient) => Promise<Finding[]> | Finding[]][] = [
  ["time zone", checkZone],
  ["duckdb", checkDuckDb],
  ["data folder", checkFolder],
  ["disk", checkDisk],
  ["tls", checkTls],
  ["port", checkPort],
  ["stored data", checkStored],
];

function good(check: string, says: string): Finding {
  return { check, ok: true, says, mend: null };
}

function bad(check: string, says: string, mend: string): Finding {
  return { check, ok: false, says, mend };
}

function lineOf({ check, ok, says, mend }: Finding): string {
  return `${ok ? "ok   " : "WRONG"}  ${check.padEnd(11)}  ${says}.${mend === null ? "" : ` ${mend}.`}`;
}

/** Whether a version of Deno, such as `2.9.6`, is new enough. */
export function checkDeno(version: string): Finding {
  const [major, minor] = version.split(".").map(Number), least = DENO_LEAST.join(".");
  const enough = major > DENO_LEAST[0] || (major === DENO_LEAST[0] && minor >= DENO_LEAST[1]);
  return enough
    ? good("deno", `It is ${version}`)
    : bad("deno", `It is ${version}, older than ${least}`, "Install a newer one, with `deno upgrade` or from deno.com");
}

/** The settings in force, and what there is to say of them. Where they cannot be read, defaults stand in for all but the data folder. */
function checkSettings(sources: SettingSources): { settings: Settings; finding: Finding } {
  try {
    return { settings: loadSettings(sources), finding: good("settings", "All of them are valid") };
  } catch (thrown) {
    if (!(thrown instanceof GuardianError) || thrown.code !== "invalid_setting") throw thrown;
    const says = `${thrown.message}; the other checks go by the defaults`;
    return { settings: defaultsBesides(sources), finding: bad("settings", says, "Correct that one where it is set") };
  }
}

function defaultsBesides({ flags, environment }: SettingSources): Settings {
  const data = flags.data ?? environment[environmentName("data")];
  return loadSettings({ flags: data ? { data } : {}, environment: {}, readFile: () => "{}" });
}

function checkZone({ settings }: Patient): Finding[] {
  const zone = (settings as { timezone?: string }).timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    const now = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", weekday: "short" });
    return [good("time zone", `"${zone}" is known; it is ${now.format(new Date())} there`)];
  } catch {
    const mend = "Set `timezone` to a name of the IANA list, such as UTC or Europe/Berlin";
    return [bad("time zone", `"${zone}" is not known`, mend)];
  }
}

/** DuckDB is native code that is loaded when it is first used. */
async function checkDuckDb(): Promise<Finding[]> {
  try {
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const locked = { enable_external_access: "false", lock_configuration: "true" };
    const instance = await DuckDBInstance.create(":memory:", locked), connection = await instance.connect();
    const [[version]] = (await connection.runAndReadAll("SELECT version()")).getRows();
    connection.closeSync();
    instance.closeSync();
    return [good("duckdb", `Its library loads, version ${version}`)];
  } catch (thrown) {
    const says = `Its library cannot be loaded: ${reasonOf(thrown).split("\n")[0]}`;
    const mend = "Run `deno install` while online, with --allow-ffi in force; on Linux it needs glibc 2.28 or newer";
    return [bad("duckdb", says, mend)];
  }
}

async function checkFolder({ settings: { data }, owner }: Patient): Promise<Finding[]> {
  const info = await Deno.stat(data).catch((thrown) => {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw thrown;
  });
  if (info === null) {
    const parent = nearestFolder(data);
    return [
      await canWrite(parent) ? good("data folder", `"${data}" is not there yet, and can be made`) : bad(
        "data folder",
        `"${data}" is not there, and "${parent}" cannot be written`,
        "Name another with --data, or give it to this user",
      ),
    ];
  }
  if (!info.isDirectory) return [bad("data folder", `"${data}" is a file`, "Name a folder with --data, or move that file away")];
  if (!await canWrite(data)) {
    return [
      bad(
        "data folder",
        `"${data}" cannot be written by this user (${userName()})`,
        "Give it to the user that runs the server, with chown",
      ),
    ];
  }
  return [await checkFormat(data), checkOwner(data, owner)];
}

async function checkFormat(data: string): Promise<Finding> {
  let format: { format?: unknown; partitions?: unknown };
  try {
    format = JSON.parse(await Deno.readTextFile(paths.format(data)));
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) {
      return bad("data folder", `"${data}" has a format.json that cannot be read: ${reasonOf(thrown)}`, "Restore it from a backup");
    }
    const others = [...Deno.readDirSync(data)].filter(({ name }) => name !== "lock").length;
    if (others === 0) return good("data folder", `"${data}" is empty, and can be written`);
    return bad("data folder", `"${data}" holds ${counted(others, "other thing")} and no format.json`, "Name an empty folder with --data");
  }
  if (typeof format?.format !== "number") {
    return bad("data folder", `"${data}" has a format.json without a format`, "Restore it from a backup");
  }
  return format.format > FOLDER_FORMAT
    ? bad(
      "data folder",
      `"${data}" has format ${format.format}, and up to ${FOLDER_FORMAT} is known here`,
      "Use the newer program that wrote it",
    )
    : good("data folder", `"${data}" has format ${format.format} and ${format.partitions} partitions, and can be written`);
}

function checkOwner(data: string, owner: Owner | null): Finding {
  if (owner === null) return good("owner", `Nobody is at work on "${data}"`);
  const who = owner.pid === 0 ? "another process" : `process ${owner.pid}`;
  return good("owner", `${who} is at work on it${owner.address === null ? "" : `, and answers at ${owner.url ?? owner.address}`}`);
}

async function checkDisk({ settings: { data } }: Patient): Promise<Finding[]> {
  const { bavail, bsize } = await statfs(nearestFolder(data)), free = bavail * bsize;
  const shown = free >= GIB ? `${(free / GIB).toFixed(1)} GiB` : `${Math.floor(free / MIB)} MiB`;
  return [
    free >= FREE_BYTES_LEAST
      ? good("disk", `${shown} are free for "${data}"`)
      : bad("disk", `Only ${shown} are free for "${data}"`, "Make room, or name a folder on another disk with --data"),
  ];
}

/** Whether certificate and key can be used, and how long the certificate is valid. */
async function checkTls({ settings, clock }: Patient): Promise<Finding[]> {
  const tls = await readTls(settings).catch((thrown: Error) => thrown);
  if (tls === null) return [good("tls", "The server speaks plain HTTP")];
  if (tls instanceof Error) return [bad("tls", reasonOf(tls), "Correct that setting or that file")];
  return [checkCertificate(tls.validUntil, clock)];
}

/** validUntil: ms since the epoch. */
export function checkCertificate(validUntil: number, clock: Clock): Finding {
  const until = new Date(validUntil).toISOString().slice(0, 10);
  return validUntil - clock.now() >= CERTIFICATE_DAYS_LEAST * DAY_MS
    ? good("tls", `The certificate and its key fit, and are valid until ${until}`)
    : bad("tls", `The certificate is valid until ${until}`, "Renew it, and start the server anew");
}

async function checkPort({ settings: { host, port }, owner }: Patient): Promise<Finding[]> {
  if (port === 0) return [good("port", "Any that is free will be taken")];
  if (owner?.address !== null && owner !== null && new URL(owner.url ?? owner.address).port === String(port)) {
    return [good("port", `${port} is the one that the running server listens on`)];
  }
  try {
    Deno.listen({ hostname: host.replace(/^\[(.*)\]$/, "$1"), port }).close();
    return [good("port", `${port} on ${host} is free`)];
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.AddrInUse)) {
      return [bad("port", `Nothing can listen on ${host}, port ${port}: ${reasonOf(thrown)}`, "Name another --host or --port")];
    }
    const ours = await isOurs(host, port);
    const who = ours ? "another server of this program" : "another program";
    return [bad("port", `${port} on ${host} is taken by ${who}`, "Stop that one, or name another with --port")];
  }
}

/** Whether what listens there answers as a server of this program does. */
async function isOurs(host: string, port: number): Promise<boolean> {
  try {
    const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
    const response = await fetch(`http://${name}:${port}/health/live`, { signal: AbortSignal.timeout(KNOWN_MS_MAX) });
    return (await response.json())?.status === "ok";
  } catch {
    return false;
  }
}

/** Log, lake and clock: through the owner where there is one, else by reading. */
async function checkStored(patient: Patient): Promise<Finding[]> {
  const { settings: { data }, owner, clock } = patient;
  if (owner !== null) {
    return owner.address === null
      ? [good("stored data", "It is in use, and not looked at"), checkClock(null, clock)]
      : await checkServer(owner.address, patient);
  }
  if (!await Deno.stat(paths.state(data)).then(() => true, () => false)) {
    return [await checkAccess(patient, null), good("stored data", "There is none yet"), checkClock(null, clock)];
  }
  const folder = await Folder.take(data, 1, false);
  const opened: { close(): void }[] = [{ close: () => folder.release() }];
  try {
    const logFile = sealedKv(await Deno.openKv(paths.log(data)));
    opened.push(logFile);
    const state = sealedKv(await Deno.openKv(paths.state(data)));
    opened.push(state);
    const log = await KvLog.open(logFile, folder.partitions, clock);
    const { findings, newestArrival } = await checkLog(log);
    return [await checkAccess(patient, state), ...findings, ...await checkLake(state, paths.lake(data)), checkClock(newestArrival, clock)];
  } finally {
    for (const part of opened.reverse()) part.close();
  }
}

/** Whether the server would start as it is set: one that others could reach wants a token. state: null where there is no folder yet. */
async function checkAccess({ settings, clock }: Patient, state: Deno.Kv | null): Promise<Finding> {
  const ways = { ...settings, front: frontOf(settings, { clock, strictTransport: false }) };
  if (isOpen(ways)) return good("access", "This machine alone can reach the server, and needs no token");
  try {
    requireWayIn(ways, { anyActive: state !== null && await anyStored(state, clock) });
    return good("access", "The server asks for tokens, and there is one in force");
  } catch (thrown) {
    return bad("access", reasonOf(thrown), "The server does not start without");
  }
}

/** Reads the newest batch of each partition, which has a checksum over all of it. newestArrival: ms, null for an empty log. */
async function checkLog(log: KvLog): Promise<{ findings: Finding[]; newestArrival: number | null }> {
  let newestArrival: number | null = null, events = 0;
  for (let p = 0; p < log.partitions; p++) {
    const end = log.end(p);
    events += end - log.start(p);
    if (end === log.start(p)) continue;
    try {
      const batches = await log.read(p, end - 1);
      const damaged = batches.find(({ control }) => control === "lost");
      if (damaged !== undefined) throw new Error(`${damaged.count} of them are damaged; verify tells which`);
      for (const { arrival } of batches) newestArrival = Math.max(newestArrival ?? 0, arrival);
    } catch (thrown) {
      const says = `The newest events of partition ${p} cannot be read: ${reasonOf(thrown)}`;
      return { findings: [bad("log", says, "Restore the data folder from a backup, and keep this one")], newestArrival };
    }
  }
  return { findings: [good("log", `It holds ${counted(events, "event")}, and its ends can be read`)], newestArrival };
}

/** Looks whether every listed file is there with its size. `verify` reads their bytes. */
async function checkLake(state: Deno.Kv, lakeFolder: string): Promise<Finding[]> {
  const parts = allParts(await readManifest(state)), wrong: string[] = [];
  for (const { file, bytes } of parts) {
    const size = await Deno.stat(join(lakeFolder, file)).then((info) => info.size, () => null);
    if (size === null) wrong.push(`"${file}" is listed and not there`);
    else if (size !== bytes) wrong.push(`"${file}" has ${size} bytes and is listed with ${bytes}`);
  }
  if (wrong.length === 0) return [good("lake", `All ${counted(parts.length, "listed file")} are there with their sizes`)];
  const more = wrong.length > 1 ? `, and ${wrong.length - 1} more are wrong` : "";
  return [bad("lake", wrong[0] + more, "Run verify: it names every file, and says where its rows can be had")];
}

interface Health {
  readonly status: string;
  readonly version: string;
  readonly parts: Record<string, { status: string; reason?: string }>;
  readonly lag_events: { engine: number; archiver: number };
  readonly engine: { live_watermark: string | null }[];
}

async function checkServer(address: string, { settings, clock }: Patient): Promise<Finding[]> {
  const url = `${address}/health`;
  let response: Response;
  try {
    const headers = headersFor(await ownerAt(address, settings));
    response = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  } catch (thrown) {
    return [bad("server", `It does not answer at ${url}: ${reasonOf(thrown)}`, "Look at its log lines, and start it anew")];
  }
  const health = await response.json().catch(() => null) as Health | null;
  if (response.status === 401) {
    return [bad("server", `It wants a token at ${url}`, "Set GUARDIAN_TOKEN to the one that it has, and ask again")];
  }
  if (health?.parts === undefined) {
    return [bad("server", `${url} answers ${response.status}, and not as a server of this program`, "Start it anew")];
  }
  const findings = Object.entries(health.parts).filter(([, { status }]) => status !== "ok")
    .map(([part, { reason }]) => bad(part, `It is failing: ${reason ?? "for no reason given"}`, "Mend that; it goes on by itself then"));
  const { engine, archiver } = health.lag_events;
  if (findings.length === 0) {
    findings.push(
      good("server", `Version ${health.version} is ${health.status}, ${engine} events behind in the engine and ${archiver} in the lake`),
    );
  }
  const watermarks = health.engine.map(({ live_watermark }) => Date.parse(live_watermark ?? "")).filter((time) => !isNaN(time));
  return [...findings, checkClock(watermarks.length === 0 ? null : Math.max(...watermarks), clock)];
}

/** The wall clock against the newest time that it has stamped, ms. */
export function checkClock(newest: number | null, clock: Clock): Finding {
  const now = clock.now(), shown = new Date(now).toISOString();
  const mend = "Set the clock, and let it be kept by NTP";
  if (now < CLOCK_LEAST) return bad("clock", `It shows ${shown}, which is over`, mend);
  if (newest !== null && newest > now + CLOCK_SLACK_MS) {
    const when = new Date(newest).toISOString();
    return bad("clock", `It shows ${shown}, and events came in at ${when}: it was ahead then, or is behind now`, mend);
  }
  return good("clock", `It shows ${shown}${newest === null ? "" : ", and nothing that is stored is ahead of it"}`);
}

/** The folder itself, or the one above it that is there. */
function nearestFolder(path: string): string {
  for (let folder = resolve(path);; folder = dirname(folder)) {
    try {
      if (Deno.statSync(folder).isDirectory) return folder;
    } catch {
      // The one above is next.
    }
    if (dirname(folder) === folder) return folder;
  }
}

async function canWrite(folder: string): Promise<boolean> {
  try {
    await Deno.remove(await Deno.makeTempFile({ dir: folder, prefix: ".doctor-" }));
    return true;
  } catch {
    return false;
  }
}

function userName(): string {
  const uid = Deno.uid();
  return uid === null ? "unknown" : `uid ${uid}`;
}
