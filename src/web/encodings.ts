// Which form of a file a client would rather have: as it is, or packed (RFC 9110, 12.5.3). Pure: a header in, a form out.

export type Encoding = "br" | "gzip" | "identity";

/** Forms by how small they are: where a client likes several alike, the first one is taken. */
const bySize: readonly Encoding[] = ["br", "gzip", "identity"];
/** What a client that names no weight for the plain form thinks of it: taken when nothing else is. */
const PLAIN_WEIGHT = 0.0001;

/** The form that an Accept-Encoding header asks for. A client that takes none of them gets the plain one, as a refusal would help nobody. */
export function preferredEncoding(accepted: string | null | undefined): Encoding {
  if (!accepted) return "identity";
  const weights = new Map<string, number>();
  for (const part of accepted.toLowerCase().split(",")) {
    const [name, ...parameters] = part.split(";").map((text) => text.trim());
    weights.set(name === "x-gzip" ? "gzip" : name, weightOf(parameters));
  }
  const others = weights.get("*");
  const weigh = (encoding: Encoding) => weights.get(encoding) ?? others ?? (encoding === "identity" ? PLAIN_WEIGHT : 0);
  const best = Math.max(...bySize.map(weigh));
  return best === 0 ? "identity" : bySize.find((encoding) => weigh(encoding) === best)!;
}

/** `q=0.5`; 1 where it is not given, 0 where it cannot be read. */
function weightOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith("q="));
  if (given === undefined) return 1;
  return /^q=(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(given) ? Number(given.slice(2)) : 0;
}
