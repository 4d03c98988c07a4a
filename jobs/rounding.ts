// Rounding of figures, half away from zero, in decimal digits. Done once, where a figure leaves for a person: nothing stored is rounded.
// What always holds: the digits rounded are those of the shortest decimal text of a number, so that 1.005 is a half, as people read it.

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;

/** A number rounded to `digits` decimals, half away from zero. Throws a RangeError for what is not finite. */
export function roundHalfAway(value: number, digits: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`Cannot round ${value}: it is not finite`);
  return Number(roundDecimal(String(value), digits)) + 0;
}

/** A decimal text rounded to at most `digits` decimals, half away from zero, exactly. Zeros at the end are dropped. */
export function roundDecimal(text: string, digits: number): string {
  const parts = NUMBER.exec(text);
  if (parts === null) throw new RangeError(`Cannot round ${JSON.stringify(text)}: it is no decimal number`);
  const [, sign, whole, fraction = "", exponent = "0"] = parts;
  // The value is `units` / 10^scale.
  let units = BigInt(whole + fraction);
  let scale = fraction.length - Number(exponent);
  if (scale < 0) {
    units *= 10n ** BigInt(-scale);
    scale = 0;
  }
  if (scale > digits) {
    const step = 10n ** BigInt(scale - digits);
    units = (units + step / 2n) / step;
    scale = digits;
  }
  const figures = String(units).padStart(scale + 1, "0");
  const decimals = figures.slice(figures.length - scale).replace(/(?<!0)0+$/, "");
  const rounded = figures.slice(0, figures.length - scale) + (scale > 0 && decimals !== "" ? `.${decimals}` : "");
  return units === 0n ? "0" : sign + rounded;
}
