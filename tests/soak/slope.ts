// The straight line through samples over time, by least squares, and how sure it is. Pure.

/** rise: by how much the line goes up from the first sample to the last; error: one standard error of that. Both in the samples' unit. */
export interface Line {
  readonly rise: number;
  readonly error: number;
  readonly perHour: number;
  readonly perHourError: number;
}

/** Fits a line. at: ms. Of fewer than three samples nothing can be said. */
export function lineThrough(samples: readonly { readonly at: number; readonly value: number }[]): Line {
  const n = samples.length;
  if (n < 3) throw new RangeError(`Cannot fit a line through ${n} samples: it takes three`);
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / n, mean = samples.reduce((sum, { value }) => sum + value, 0) / n;
  let across = 0, along = 0;
  for (const { at, value } of samples) {
    across += (at - meanAt) * (value - mean);
    along += (at - meanAt) ** 2;
  }
  const slope = across / along;
  const residuals = samples.reduce((sum, { at, value }) => sum + (value - mean - slope * (at - meanAt)) ** 2, 0);
  const slopeError = Math.sqrt(residuals / (n - 2) / along), spanMs = samples[n - 1].at - samples[0].at, hour = 3_600_000;
  return { rise: slope * spanMs, error: slopeError * spanMs, perHour: slope * hour, perHourError: slopeError * hour };
}

/** Whether samples go up: by more than `most` over all of them, and by more than chance makes of it (three standard errors). */
export function goesUp({ rise, error }: Line, most: number): boolean {
  return rise > most && rise > 3 * error;
}
