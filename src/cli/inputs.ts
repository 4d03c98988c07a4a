// The input files of a command: read once, whatever their form, with made-up anomalies among their rows if asked for.

import { GuardianError } from "../errors.ts";
import { indexesOf } from "../source/layout.ts";
import { withAnomalies } from "../source/made_up.ts";
import { closeInput, type Prescan, prescanInput } from "../source/prescan.ts";

/** As the command line gives them. column: `name=index` of CSV files that have another layout. anomalyInterval: seconds of event time. */
export interface InputFlags {
  readonly column?: readonly string[];
  readonly anomalyInterval?: string;
}

/** Files that were read once; disposing gives free what they hold on disk. */
export class Inputs {
  private constructor(readonly files: readonly Prescan[], private readonly read: readonly Prescan[]) {}

  /** Reads files, one after the other. Throws `input_unreadable` with the first one that cannot be read, `usage`. */
  static async open(paths: readonly string[], { column, anomalyInterval }: InputFlags = {}): Promise<Inputs> {
    const indexes = column === undefined || column.length === 0 ? null : indexesOf(column), intervalS = intervalOf(anomalyInterval);
    const read: Prescan[] = [];
    try {
      for (const path of paths) read.push(await prescanInput(path, { indexes }));
      return new Inputs(intervalS === null ? read : read.map((file) => withAnomalies(file, intervalS)), read);
    } catch (failure) {
      for (const file of read) closeInput(file);
      throw failure;
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.read) closeInput(file);
  }
}

function intervalOf(given: string | undefined): number | null {
  if (given === undefined) return null;
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw new GuardianError("usage", `Cannot make up an anomaly every "${given}": give --anomaly-interval a whole number of seconds`);
}
