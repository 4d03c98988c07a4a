// Every setting: one table, from which flags, environment, file, `--help` and the documentation are made.
// What always holds: a flag wins over the environment, that over the file, that over the default; nothing unknown and nothing that
// fails its check gets through; a secret is never a flag, as others on the machine can read those.

import { z } from "zod";
import { TrustedProxies } from "./access/client.ts";
import { isSoundHost } from "./access/hosts.ts";
import { GuardianError, reasonOf } from "./errors.ts";
import { limits } from "./limits.ts";
import { didYouMean, nearestName } from "./nearest.ts";
import { secretBytes } from "./notify/signature.ts";

/** One setting. unit: null for texts and plain numbers. must: what a value has to be, to go behind "must be". */
export interface Setting<T = unknown> {
  readonly schema: z.ZodType<T>;
  readonly must: string;
  readonly default: T;
  readonly unit: string | null;
  /** How a value is written in a usage line. */
  readonly placeholder: string;
  readonly description: string;
  readonly secret?: true;
  /** A value that is refused is not repeated, as there may be a password in it. */
  readonly unquoted?: true;
}

function text(least: number, given: Omit<Setting<string>, "schema" | "must" | "unit">): Setting<string> {
  const must = least > 1 ? `a text of ${least} characters or more` : "a text that is not empty";
  return { schema: z.string().min(least), must, unit: null, ...given };
}

function number(from: number, to: number, given: Omit<Setting<number>, "schema" | "must" | "placeholder">): Setting<number> {
  return { schema: z.number().min(from).max(to), must: `a number from ${from} to ${to}`, placeholder: "N", ...given };
}

function whole(from: number, to: number, given: Omit<Setting<number>, "schema" | "must" | "placeholder">): Setting<number> {
  return { schema: z.int().min(from).max(to), must: `a whole number from ${from} to ${to}`, placeholder: "N", ...given };
}

/** Several texts: behind one another with commas, and an array in the file too. */
function texts(isOne: (text: string) => boolean, most: number, given: Omit<Setting<readonly string[]>, "schema" | "unit" | "default">) {
  const split = (value: unknown) =>
    typeof value === "string" ? value.split(",").map((one) => one.trim()).filter((one) => one !== "") : value;
  const schema = z.preprocess(split, z.array(z.string().refine(isOne)).max(most)) as z.ZodType<readonly string[]>;
  return { schema, unit: null, default: [], ...given } as Setting<readonly string[]>;
}

/** What a header can bring as it is. */
const TOKEN_CHARS_MIN = 32, TOKEN = new RegExp(`^[\\x21-\\x7e]{${TOKEN_CHARS_MIN},${limits.signInCharsMax}}$`);

const levels = ["debug", "info", "warn", "error"] as const;

const CURRENCY = "The shop's currency, an ISO code: purchases that name another one are counted, and left out of revenue";

/** Offsets such as +01:00 are no zones: they know nothing of summer time. */
function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** What is called with a user and a password in it does not belong in a list of processes. */
function isWebhookUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === "https:" || protocol === "http:") && username === "" && password === "";
}

/** Without a port. */
function isHostName(text: string): boolean {
  return isSoundHost(text) && (text.endsWith("]") || !text.includes(":"));
}

/** As browsers write it, so that it can be compared with what they send. */
export function isOrigin(text: string): boolean {
  return /^https?:\/\/[a-z0-9.:[\]-]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** The table. A name is `logKeepHours` here, `--log-keep-hours`, `GUARDIAN_LOG_KEEP_HOURS`, and `log_keep_hours` in the file. */
export const settings = {
  data: text(1, {
    default: "./data",
    placeholder: "DIR",
    description: "The data folder: it holds everything, and is made where there is none",
  }),
  host: text(1, {
    default: "127.0.0.1",
    placeholder: "HOST",
    description: "Address to listen on; other than a loopback address it needs a token",
  }),
  port: whole(0, 65_535, { default: 8787, unit: null, description: "Port to listen on; 0 takes any that is free" }),
  token: {
    schema: z.string().regex(TOKEN).nullable(),
    must: `${TOKEN_CHARS_MIN} to ${limits.signInCharsMax} printable ASCII characters without spaces, as \`openssl rand -base64 32\` prints`,
    default: null,
    unit: null,
    placeholder: "TEXT",
    description: "What requests must bring as `Authorization: Bearer`; 32 characters or more, not given as a flag",
    secret: true,
  } as Setting<string | null>,
  tlsCert: {
    schema: z.string().min(1).nullable(),
    must: "a path",
    default: null,
    unit: null,
    placeholder: "FILE",
    description: "Certificate chain to serve HTTPS with, PEM; it goes with the key, and a new one needs a restart",
  } as Setting<string | null>,
  tlsKey: {
    schema: z.string().min(1).nullable(),
    must: "a path",
    default: null,
    unit: null,
    placeholder: "FILE",
    description: "Private key of the certificate, PEM",
  } as Setting<string | null>,
  allowedHosts: texts(isHostName, limits.allowedHostsMax, {
    must: `up to ${limits.allowedHostsMax} host names without ports and with commas between, such as "guardian.example"`,
    placeholder: "LIST",
    description:
      "Host names that requests may be for, with commas between, besides localhost and the address; such a server asks for tokens",
  }),
  trustedProxies: texts((text) => TrustedProxies.of([text]) !== null, limits.trustedProxiesMax, {
    must: `up to ${limits.trustedProxiesMax} addresses or ranges with commas between, such as "10.0.0.0/8,fd00::/8"`,
    placeholder: "LIST",
    description: "Proxies whose X-Forwarded-For, -Proto and -Host are believed: addresses or ranges, with commas between",
  }),
  corsOrigins: texts(isOrigin, limits.corsOriginsMax, {
    must: `up to ${limits.corsOriginsMax} origins with commas between, such as "https://shop.example"`,
    placeholder: "LIST",
    description: "Origins whose pages may call the API from a browser, with commas between; such a server asks for tokens",
  }),
  rateLimit: number(0, 1_000_000, {
    default: 5000,
    unit: "requests/s",
    description: "How often one token, page key or session may ask, and as many at once; 0: no limit",
  }),
  rateLimitPage: number(0, 1_000_000, {
    default: 50,
    unit: "requests/s",
    description: "How often one address may send with a page key, and as many at once; 0: no limit but the key's",
  }),
  rateLimitStranger: number(0.1, 1_000_000, {
    default: 10,
    unit: "requests/s",
    description: "How often one address may ask that shows nothing valid, and as many at once",
  }),
  partitions: whole(1, limits.partitionsMax, {
    default: 4,
    unit: null,
    description: "Partitions of the log of a new data folder; one that is there keeps its own",
  }),
  futureHours: number(0, 24 * 366, {
    default: 24,
    unit: "hours",
    description: "How far ahead of the clock the time of an event may be; replays are not held to it",
  }),
  logKeepHours: number(0, 24 * 366, {
    default: limits.logKeepHours,
    unit: "hours",
    description: "How long the log keeps what both of its readers are done with",
  }),
  logKeepMib: number(1, 1024 * 1024, {
    default: limits.logKeepBytes / 2 ** 20,
    unit: "MiB",
    description: "How much the log keeps of what both of its readers are done with, if that is less",
  }),
  lingerMs: number(0, 1000, {
    default: limits.lingerMs,
    unit: "ms",
    description: "How long live events that follow upon a commit may wait to share the next one; 0 stores each request as soon as it can",
  }),
  archiveIntervalS: number(0.1, 3600, { default: 60, unit: "seconds", description: "Longest time that an event waits to be in the lake" }),
  timezone: {
    schema: z.string().refine(isTimeZone),
    must: 'an IANA time zone such as "Europe/Berlin"',
    default: "UTC",
    unit: null,
    placeholder: "ZONE",
    description: "The shop's time zone, an IANA name: decides when a day begins and ends",
  } as Setting<string>,
  runAt: {
    schema: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/),
    must: "a time of day, HH:MM",
    default: "03:00",
    unit: null,
    placeholder: "HH:MM",
    description: "When the day before is counted, in the time zone",
  } as Setting<string>,
  currency: {
    schema: z.string().regex(/^([A-Z]{3})?$/),
    must: 'an ISO 4217 code such as "EUR", or empty',
    default: "",
    unit: null,
    placeholder: "CODE",
    description: CURRENCY,
  } as Setting<string>,
  webhookUrl: {
    schema: z.string().refine(isWebhookUrl).nullable(),
    must: "an http or https URL without user and password",
    default: null,
    unit: null,
    placeholder: "URL",
    description: "Where each confirmed anomaly is posted as signed JSON, live ones alone; it needs GUARDIAN_WEBHOOK_SECRET",
    unquoted: true,
  } as Setting<string | null>,
  webhookSecret: {
    schema: z.string().refine((text) => secretBytes(text) !== null).nullable(),
    must: 'whsec_ and the base64 of 24 to 64 bytes, as `echo "whsec_$(openssl rand -base64 32)"` prints it',
    default: null,
    unit: null,
    placeholder: "TEXT",
    description: "What webhooks are signed with: whsec_ and the base64 of 24 to 64 bytes, not given as a flag",
    secret: true,
  } as Setting<string | null>,
  logLevel: {
    schema: z.enum(levels),
    must: `one of ${levels.join(", ")}`,
    default: "info",
    unit: null,
    placeholder: "LEVEL",
    description: `Least level of the log lines on stderr: ${levels.join(", ")}`,
  } as Setting<(typeof levels)[number]>,
};

export type SettingName = keyof typeof settings;
export type Settings = { readonly [Name in SettingName]: (typeof settings)[Name]["default"] };

const names = Object.keys(settings) as SettingName[];
const PREFIX = "GUARDIAN_";
/** Variables that the tests read: no settings, and no mistakes either where the program runs below them. */
const TEST_PREFIX = "GUARDIAN_TEST_";
/** Where the file is; looked for in the working folder when nobody says. */
export const CONFIG_FILE = "./guardian.json";
export const CONFIG_ENVIRONMENT = `${PREFIX}CONFIG`;

/** `log_keep_hours`, as in the file. */
export function fileName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `--log-keep-hours`. */
export function flagName(name: string): string {
  return `--${fileName(name).replaceAll("_", "-")}`;
}

/** `GUARDIAN_LOG_KEEP_HOURS`. */
export function environmentName(name: string): string {
  return PREFIX + fileName(name).toUpperCase();
}

export interface SettingSources {
  /** Texts by the names of the table; `config` names the file. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly readFile?: (path: string) => string;
}

/** The settings in force. Throws `invalid_setting`. */
export function loadSettings({ flags, environment, readFile = Deno.readTextFileSync }: SettingSources): Settings {
  const fromFile = settingsInFile(flags.config ?? environment[CONFIG_ENVIRONMENT], readFile);
  const fromEnvironment = settingsInEnvironment(environment);
  const loaded: Record<string, unknown> = {};
  for (const name of names) {
    const setting: Setting = settings[name];
    if (flags[name] !== undefined) loaded[name] = checked(setting, valueOf(setting, flags[name]), flagName(name));
    else if (name in fromEnvironment) loaded[name] = checked(setting, valueOf(setting, fromEnvironment[name]!), environmentName(name));
    else if (name in fromFile.values) {
      loaded[name] = checked(setting, fromFile.values[name], `"${fileName(name)}" in "${fromFile.path}"`);
    } else loaded[name] = setting.default;
  }
  return loaded as Settings;
}

/** What a text from a flag or the environment stands for. */
function valueOf(setting: Setting, given: string): unknown {
  return typeof setting.default === "number" && /^\d+(\.\d+)?$/.test(given) ? Number(given) : given;
}

function checked(setting: Setting, value: unknown, where: string): unknown {
  const result = setting.schema.safeParse(value);
  if (result.success) return result.data;
  const given = setting.secret || setting.unquoted ? "what it is set to" : JSON.stringify(value);
  const such = setting.default === null || setting.default === "" ? "" : `, such as ${JSON.stringify(setting.default)}`;
  throw new GuardianError("invalid_setting", `Cannot use ${given} for ${where}: it must be ${setting.must}${such}`);
}

function settingsInEnvironment(environment: Readonly<Record<string, string>>): Partial<Record<SettingName, string>> {
  const found: Partial<Record<SettingName, string>> = {};
  const byVariable = new Map(names.map((name) => [environmentName(name), name]));
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || variable.startsWith(TEST_PREFIX) || variable === CONFIG_ENVIRONMENT) continue;
    const name = byVariable.get(variable);
    if (name === undefined) {
      // The prefix apart, as it would make all of them look alike.
      const known = [...byVariable.keys(), CONFIG_ENVIRONMENT].map((one) => one.slice(PREFIX.length));
      const near = nearestName(variable.slice(PREFIX.length), known);
      const hint = near === null ? "serve --help lists them" : `did you mean "${PREFIX}${near}"?`;
      throw new GuardianError("invalid_setting", `Cannot use the environment variable ${variable}: no setting has that name; ${hint}`);
    }
    found[name] = value;
  }
  return found;
}

function settingsInFile(
  given: string | undefined,
  readFile: (path: string) => string,
): { path: string; values: Partial<Record<SettingName, unknown>> } {
  const path = given ?? CONFIG_FILE;
  const values: Partial<Record<SettingName, unknown>> = {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFile(path));
  } catch (cause) {
    if (given === undefined && cause instanceof Deno.errors.NotFound) return { path, values };
    const mend = cause instanceof SyntaxError
      ? "write it as one JSON object"
      : "name a file that can be read with --config, or leave it out";
    throw new GuardianError("invalid_setting", `Cannot read the settings in "${path}": ${reasonOf(cause)}; ${mend}`, { cause });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new GuardianError("invalid_setting", `Cannot read the settings in "${path}": it is no JSON object; write {"port": 8787}`);
  }
  const byFileName = new Map(names.map((name) => [fileName(name), name]));
  for (const [key, value] of Object.entries(parsed)) {
    const name = byFileName.get(key);
    if (name === undefined) {
      const hint = didYouMean(key, [...byFileName.keys()]);
      throw new GuardianError("invalid_setting", `Cannot use "${key}" in "${path}": no setting has that name; ${hint}`);
    }
    values[name] = value;
  }
  return { path, values };
}
