// `deno task bench [--quick] [NAME...]`: measures what the product exists for. Each benchmark checks its result against an answer counted
// another way before it tells a figure; this is the list of them.

import { benchDashboard } from "./dashboard.ts";
import { benchDays } from "./days.ts";
import { benchDecode } from "./decode.ts";
import { benchEngine } from "./engine.ts";
import { benchFeed } from "./feed.ts";
import { benchFile, benchTextFile } from "./files.ts";
import { benchGrowth } from "./growth.ts";
import { benchHttp } from "./http.ts";
import { benchLive } from "./live.ts";
import { benchMemory } from "./memory.ts";
import { benchPeers } from "./peers.ts";
import { benchReads } from "./reads.ts";
import { benchReplay, benchReplayIds, fileWithIds } from "./replay.ts";
import { runBenches } from "./run.ts";
import { benchScan, benchScanTexts } from "./scan.ts";
import { benchStalls } from "./stalls.ts";

const quick = Deno.args.includes("--quick");
const size = quick ? 1_000_000 : 10_000_000;

/** Minutes of live updates, for the memory of the dashboard. */
const minutes = Number(Deno.args.find((arg) => arg.startsWith("--minutes="))?.slice(10) ?? (quick ? 0.1 : 0.5));

/** Files that benchmarks read, made beforehand, so that making them is in no figure. */
const all = () => benchFile(size), half = () => benchFile(size / 2);
const files = {
  scan: all,
  scan_texts: () => benchTextFile(size),
  peers: half,
  replay: all,
  replay_ids: () => fileWithIds(size / 2),
  stalls: half,
};

await runBenches(
  {
    engine: async () => [await benchEngine(size, 200_000)],
    growth: () => benchGrowth(quick ? 1_000_000 : undefined),
    scan: async () => [await benchScan(await all())],
    scan_texts: async () => [await benchScanTexts(size)],
    peers: async () => await benchPeers(await half(), quick ? 1 : 3),
    replay: async () => [await benchReplay(await all())],
    replay_ids: async () => [await benchReplayIds(size / 2)],
    live: async () => [await benchLive(quick ? 500_000 : 2_000_000, 200_000)],
    decode: async () => [await benchDecode(quick ? 500 : 4000)],
    http_1000: async () => [await benchHttp(quick ? 200_000 : 4_000_000, 1000, 8)],
    http_10: async () => [await benchHttp(quick ? 20_000 : 200_000, 10, 32)],
    feed: () => benchFeed(50_000, 100, quick ? 3 : 30),
    reads: () => benchReads(100_000, quick ? 10_000 : 1_000_000, quick ? 3 : 20),
    stalls: async () => await benchStalls(quick ? 200_000 : 2_000_000, await half()),
    memory: () => benchMemory(quick ? 50_000 : 1_000_000, quick ? 1 : 5, quick ? 1 : 10),
    days: () => benchDays(quick ? 1_000_000 : 33_000_000, 1),
    dashboard: () => benchDashboard(quick ? 1000 : 10_000, minutes),
  },
  files,
  Deno.args,
);
