// What a seed has in store for its run: how storage and network fail, how the product is set up, what its clock and its operator do. A few
// seeds are calm, so that faults of the harness show there. It must not know what any of it leads to.

import type { NetworkPlan } from "./clients.ts";
import type { Dice } from "./dice.ts";
import type { FaultPlan } from "./faults.ts";
import type { ServerPlan } from "./server.ts";

export interface Plan {
  readonly faults: FaultPlan;
  readonly network: NetworkPlan;
  readonly server: ServerPlan;
  readonly jumps: boolean;
  readonly stops: boolean;
}

const MIB = 1024 * 1024;

export function planOf(dice: Dice): Plan {
  const calm = dice.chance(0.05);
  const faults: FaultPlan = {
    errors: calm ? 0 : dice.pick([0, 0.001, 0.004, 0.02]),
    lost: 0.5,
    delays: dice.pick([0, 0.05, 0.3]),
    crashEvery: calm ? 0 : dice.pick([0, 150, 400, 1_200]),
    aimed: dice.pick([0, 0.5, 0.9]),
    lostCommits: calm ? 0 : dice.pick([0, 0.02]),
    outages: calm ? 0 : dice.pick([0, 0.0003]),
  };
  const network: NetworkPlan = {
    lostRequests: dice.pick([0, 0.02, 0.1]),
    lostAnswers: dice.pick([0, 0.02, 0.15]),
    twice: dice.pick([0, 0.03, 0.1]),
    tries: dice.pick([3, 30, 30]),
  };
  const retention = dice.pick([undefined, { keepMs: 60_000, keepBytes: MIB }, { keepMs: 0, keepBytes: 0 }]);
  const server: ServerPlan = {
    archiveIntervalMs: dice.pick([4_000, 20_000, 60_000, 300_000]),
    retention,
    partitions: 1 + dice.below(4),
    shown: dice.chance(0.5),
    timezone: dice.pick(["UTC", "Europe/Zurich", "America/New_York"]),
    power: dice.pick([0, 0.5, 1]),
  };
  return { faults, network, server, jumps: dice.chance(0.3), stops: dice.chance(0.4) };
}
