// The command line: which commands there are, with which options. What always holds: an error is one sentence on stderr that says what to do,
// and an exit code that tells its kind; what a script reads goes to stdout alone.

import { Command, CommanderError, Option } from "commander";
import {
  CONFIG_ENVIRONMENT,
  CONFIG_FILE,
  environmentName,
  flagName,
  loadSettings,
  type SettingName,
  type Settings,
  settings,
} from "../config.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { VERSION } from "../version.ts";
import { anomaliesCommand } from "./anomalies.ts";
import { backupCommand } from "./backup.ts";
import { exportCommand, type ExportFlags } from "./export.ts";
import { backfillCommand, listCommand, runCommand, runsCommand } from "./jobs.ts";
import { metricsCommand } from "./metrics.ts";
import { devCommand } from "./dev.ts";
import { doctorCommand } from "./doctor.ts";
import { generateCommand, type GenerateFlags } from "./generate.ts";
import { replayCommand, type ReplayFlags } from "./replay.ts";
import { resetCommand } from "./reset.ts";
import { restoreCommand, type RestoreFlags } from "./restore.ts";
import { scanCommand } from "./scan.ts";
import { serveCommand } from "./serve.ts";
import type { Shell } from "./shell.ts";
import { type CreateFlags, createTokenCommand, listTokensCommand, revokeTokenCommand } from "./tokens.ts";
import { verifyCommand } from "./verify.ts";

type Flags = Record<string, string | undefined>;

const EXITS = `
Exit codes: 0 done, 1 found something or refused, 2 cannot read the command, 65 stored data damaged, 66 input unreadable,
69 server or port not available, 70 fault inside, 73 data folder unusable, 74 storage failing, 75 data folder in use, 77 token needed,
78 setting not valid, 130 stopped by a signal.`;

/** Runs one command and returns the exit code. */
export async function run(argv: readonly string[], shell: Shell): Promise<number> {
  let code = 0;
  const program = programFor(shell, (exit) => code = exit);
  try {
    await program.parseAsync(argv.length === 0 ? ["--help"] : [...argv], { from: "user" });
    return code;
  } catch (thrown) {
    return told(thrown, argv, shell);
  }
}

function told(thrown: unknown, argv: readonly string[], shell: Shell): number {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  // Whoever read the output has seen enough.
  if (thrown instanceof Deno.errors.BrokenPipe) return 0;
  const error = thrown instanceof CommanderError
    ? new GuardianError("usage", usageSentence(thrown.message))
    : thrown instanceof GuardianError
    ? thrown
    : new GuardianError("internal", `Cannot go on: ${reasonOf(thrown)}`, { cause: thrown });
  shell.err(error.message);
  const debug = shell.environment[environmentName("logLevel")] === "debug" || argv.join(" ").includes(`${flagName("logLevel")} debug`);
  if (debug && thrown instanceof Error) shell.err(thrown.stack ?? "");
  return error.kind.exit;
}

/** Commander's words as one sentence. */
function usageSentence(message: string): string {
  const [what, hint] = message.replace(/^error: /, "").split("\n");
  const mend = hint === undefined ? "see --help" : hint.replace(/^\(D/, "d").replace(/\)$/, "");
  return `Cannot read the command: ${what.replaceAll("'", '"')}; ${mend}`;
}

function programFor(shell: Shell, exit: (code: number) => void): Command {
  const program = new Command("deno task start");
  program.description("Takes the clicks of a shop, names bots while they are at it, and keeps everything.")
    .version(VERSION).exitOverride().helpCommand(false)
    .configureOutput({ writeOut: (text) => shell.out(text.trimEnd()), writeErr: () => {} })
    .configureHelp({ helpWidth: 120 }).addHelpText("after", EXITS);

  const command = (usage: string, description: string, names: readonly SettingName[], parent = program) => {
    const added = parent.command(usage).description(description);
    for (const name of names) added.addOption(settingOption(name));
    return added.addOption(
      new Option("--config <FILE>", `File of settings, JSON (default: ${CONFIG_FILE} if it is there; ${CONFIG_ENVIRONMENT})`),
    );
  };
  const load = (flags: object): Settings => loadSettings({ flags: flags as Flags, environment: shell.environment });
  const shown = Object.keys(settings).filter((name) => !(settings[name as SettingName] as { secret?: true }).secret) as SettingName[];
  const json = ["--json", "For scripts: one JSON object a line"] as const;
  const column = [
    "--column <NAME=INDEX>",
    "For CSV of another layout, once for each column, counted from 0: session_id, timestamp, item_id, category, price, quantity",
    (value: string, before: string[] = []) => [...before, value],
  ] as const;

  for (const name of ["serve", "dev"]) {
    const description = name === "serve"
      ? "Start the server"
      : "Start the server; an empty data folder shows a sample shop until events come";
    const start = name === "serve" ? serveCommand : devCommand;
    command(name, description, shown).addHelpText("after", secretsHelp())
      .action(async (flags: Flags) => exit(await start(load(flags), shell)));
  }
  command("replay [FILE...]", "Take in recorded files: CSV of clicks or buys, NDJSON, Parquet, told apart by what they hold", [
    "data",
    "partitions",
    "logLevel",
  ])
    .option("--url <URL>", "Send to a running server, instead of taking them into a data folder")
    .option("--max-events <N>", "Take the first N events of the input alone; a run with more goes on from there")
    .option("--replay-speed <X>", "Event time over wall time: 1 as recorded, or max", "max")
    .option("--csv-path <FILE>", "One more file")
    .option("--rebase <WHEN>", "`now`: shift by whole days, so that the last event falls on today")
    .option("--anomaly-interval <S>", "Put a made-up burst or slow bot among the events every S seconds of event time")
    .option("--ledger <FILE>", "Where to list those (default: beside the data folder, as DATA.ledger.ndjson)")
    .option(...column)
    .option("--json", "For scripts: a last line with the figures as JSON")
    .action(async (files: string[], flags: ReplayFlags) => exit(await replayCommand(files, flags, load(flags), shell)));
  command("generate", "Make days of a sample shop with visitors and bots: into a file, onto stdout, or into a server", ["logLevel"])
    .option("--days <N>", "Days of the past, up to the last whole ten minutes (default: 3)")
    .option("--visitors <N>", "Visitors a day (default: 20000)")
    .option("--seed <N>", "The same seed gives the same events (default: 1)")
    .option("--bots <SHARE>", "Share of the visitors that are bots (default: 0.01)")
    .option("--until <TIME>", "End there instead of now: ISO 8601 with a zone")
    .option("--out <FILE>", "Write there; - for stdout, which is the default")
    .option("--format <FORMAT>", "ndjson, or csv: clicks in FILE and purchases in FILE.buys.csv (default: ndjson)")
    .option("--url <URL>", "Send to a running server, instead of writing a file")
    .option("--live", "Go on in real time until stopped")
    .option("--truth <FILE>", "List the sessions of bots there")
    .option("--json", "For scripts: a last line with the figures as JSON")
    .action(async (flags: GenerateFlags) => exit(await generateCommand(flags, load(flags), shell)));
  command("doctor", "Check what the product stands on, and say how to mend what is wrong", shown)
    .option(...json)
    .action(async (flags: Flags & { json?: true }) => {
      exit(await doctorCommand(flags.json ?? false, { flags, environment: shell.environment }, shell));
    });
  command("scan <FILE...>", "Show the bots in recorded files, and store nothing", ["logLevel"])
    .option(...column)
    .option(...json)
    .action(async (files: string[], flags: { json?: true; column?: string[] }) => {
      load(flags);
      exit(await scanCommand(files, flags, shell));
    });
  command("anomalies", "List anomalies by window start, session, type", ["data", "logLevel"])
    .addOption(
      new Option("--status <STATUS>", "Confirmed and provisional ones where it is left out").choices([
        "confirmed",
        "provisional",
        "retracted",
        "all",
      ]),
    )
    .option(...json)
    .action(async (flags: Flags & { json?: true }) => exit(await anomaliesCommand(flags, load(flags), shell)));
  const ofDays: SettingName[] = ["data", "timezone", "currency", "runAt", "logLevel"];
  const jobs = program.command("jobs").description("Count days by hand, and see what is due and how it went").helpCommand(false);
  const ofJobs = (usage: string, description: string) => command(usage, description, ofDays, jobs);
  ofJobs("run <DATE>", "Count one day now")
    .option("--job <NAME>", "This job alone, with what it needs and what depends on it")
    .option(...json)
    .action(async (date: string, flags: Flags & { json?: true }) => exit(await runCommand(date, flags, load(flags), shell)));
  ofJobs("backfill", "Count every day that the lake holds")
    .option("--from <DATE>", "The first day; the oldest one where it is left out")
    .option("--to <DATE>", "The last day; the newest one that has ended where it is left out")
    .option(...json)
    .action(async (flags: Flags & { json?: true }) => exit(await backfillCommand(flags, load(flags), shell)));
  ofJobs("list", "The jobs, what is due, and when the next day is counted").option(...json)
    .action(async (flags: Flags & { json?: true }) => exit(await listCommand(flags.json ?? false, load(flags), shell)));
  ofJobs("runs", "Runs, newest first")
    .option("--limit <N>", "How many at the most", "20")
    .option("--job <NAME>", "Of this job alone")
    .option("--date <DATE>", "Of this day alone")
    .option("--state <STATE>", "In this state alone: waiting, running, succeeded, failed, interrupted, skipped")
    .option(...json)
    .action(async (flags: Flags & { json?: true }) => exit(await runsCommand(flags, load(flags), shell)));
  command("metrics <DATE>", "The figures of a day", ofDays)
    .addOption(
      new Option("--traffic <WHOSE>", "Everybody's where it is left out; humans: flagged sessions are left out").choices(["all", "humans"]),
    )
    .option(...json)
    .action(async (date: string, flags: Flags & { json?: true }) => exit(await metricsCommand(date, flags, load(flags), shell)));
  command("export <TABLE>", "A table as a file: a result of day jobs, raw_clicks, raw_purchases or anomalies", ofDays)
    .option("--from <DATE>", "The first day")
    .option("--to <DATE>", "The last day")
    .addOption(
      new Option("--format <FORMAT>", "What to write; ndjson is one JSON object a line").choices(["parquet", "csv", "json", "ndjson"])
        .default("parquet"),
    )
    .requiredOption("--out <FILE>", "Where to write it; - is stdout")
    .option("--json", "For scripts: a last line that tells what was written as JSON")
    .action(async (table: string, flags: Flags & ExportFlags) => exit(await exportCommand(table, flags, load(flags), shell)));
  command("verify", "Check the lake, the log and the store against their checksums", ["data", "logLevel"])
    .option("--repair", "Rebuild what can be rebuilt; damaged files are moved aside, never deleted")
    .option(...json)
    .action(async (flags: Flags & { json?: true; repair?: true }) => exit(await verifyCommand(flags, load(flags), shell)));
  command("backup <DIR>", "Copy a data folder as it is at one moment to a new folder; the server goes on meanwhile", ["data", "logLevel"])
    .option(...json)
    .action(async (dir: string, flags: Flags & { json?: true }) => exit(await backupCommand(dir, flags.json ?? false, load(flags), shell)));
  command("restore <DIR>", "Make a data folder of a backup, where there is none yet", ["data", "logLevel"])
    .option("--leave-out-damaged", "Leave out files of the lake that are damaged in the backup, instead of refusing it")
    .option(...json)
    .action(async (dir: string, flags: Flags & RestoreFlags) => exit(await restoreCommand(dir, flags, load(flags), shell)));
  const tokens = program.command("tokens").description("Make, list and revoke what lets others in").helpCommand(false);
  const ofTokens = (usage: string, description: string) => command(usage, description, ["data", "logLevel"], tokens);
  ofTokens("create", "Make a token, and show it once")
    .requiredOption("--name <NAME>", "What it is for")
    .requiredOption("--scope <LIST>", "What it allows: ingest, read, operate, admin; several with commas between")
    .option("--expires <SPAN>", "When it ends: 12h, 90d or 4w from now (default: never)")
    .option(
      "--origin <ORIGIN>",
      "Makes a page key for pages of this origin, such as https://shop.example; may be given several times",
      (value: string, before: string[] = []) => [...before, value],
    )
    .option(...json)
    .action(async (flags: Flags & CreateFlags) => exit(await createTokenCommand(flags, load(flags), shell)));
  ofTokens("list", "Tokens by prefix, with what they allow and when they were last used").option(...json)
    .action(async (flags: Flags & { json?: true }) => exit(await listTokensCommand(flags.json ?? false, load(flags), shell)));
  ofTokens("revoke <PREFIX>", "End a token at once").option(...json)
    .action(async (prefix: string, flags: Flags & { json?: true }) =>
      exit(await revokeTokenCommand(prefix, flags.json ?? false, load(flags), shell))
    );
  command("reset", "Delete everything in a data folder; asks first", ["data", "logLevel"])
    .option("--yes", "Do not ask")
    .action(async (flags: Flags & { yes?: true }) => exit(await resetCommand(flags.yes ?? false, load(flags), shell)));
  program.command("version").description("Show the version").action(() => shell.out(VERSION));
  return program;
}

function settingOption(name: SettingName): Option {
  const { placeholder, description, unit, default: fallback } = settings[name];
  const given = String(fallback ?? "") === "" ? "none" : `${fallback}${unit === null ? "" : ` ${unit}`}`;
  const told = `${description} (default: ${given}; ${environmentName(name)})`;
  return new Option(`${flagName(name)} <${placeholder}>`, told);
}

function secretsHelp(): string {
  const secrets = Object.entries(settings).filter(([, setting]) => (setting as { secret?: true }).secret);
  return `\nBy environment or file alone:\n${
    secrets.map(([name, { description }]) => `  ${environmentName(name)}  ${description}`).join("\n")
  }`;
}
