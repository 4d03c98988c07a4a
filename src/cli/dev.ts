// `dev`: the server for somebody who looks at the product for the first time. While the data folder holds nothing it shows a sample shop, and
// says so; the first real event takes its place.

import type { Settings } from "../config.ts";
import type { SampleSite } from "../web/sample_site.ts";
import type { FillProgress } from "../web/sample_stand.ts";
import { dayBar, type DayProgress, type Progress, progressBar } from "./progress.ts";
import { serveCommand } from "./serve.ts";
import type { Shell } from "./shell.ts";
import { grouped } from "./words.ts";

/** Serves with a sample until it is told to stop. */
export function devCommand(settings: Settings, shell: Shell): Promise<number> {
  return serveCommand(settings, shell, async (sample, stopped) => {
    const told = new ToldProgress(settings, shell, sample);
    try {
      await Promise.race([sample.begin(told), stopped]);
    } finally {
      told.stop();
    }
  });
}

/** A sentence, then bars where there is a terminal. All of it on stderr: stdout is for the line that says where the server listens. */
class ToldProgress implements FillProgress {
  #fed: Progress | null = null;
  #counted: DayProgress | null = null;
  #stopped = false;

  constructor(private readonly settings: Settings, private readonly shell: Shell, private readonly sample: SampleSite) {}

  begun(anew: boolean): void {
    if (this.#stopped) return;
    const visitors = `${grouped(this.sample.visitorsPerDay)} visitors a day`;
    this.shell.err(
      anew
        ? `"${this.settings.data}" is empty: making a sample shop with ${visitors}, shown until the first real event comes.`
        : `"${this.settings.data}" is empty: going on with its sample shop, shown until the first real event comes.`,
    );
  }

  fed(done: number, total: number, events: number): void {
    if (this.#stopped) return;
    this.#fed ??= progressBar(this.shell.errorColumns !== null);
    this.#fed.update(done, total, events);
  }

  counted(done: number, of: number, date: string): void {
    if (this.#stopped) return;
    this.#fed?.stop();
    this.#counted ??= dayBar(this.shell.errorColumns !== null);
    this.#counted.update(done, of, date);
  }

  stop(): void {
    this.#stopped = true;
    this.#fed?.stop();
    this.#counted?.stop();
  }
}
