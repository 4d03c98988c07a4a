// Who is at the other end: address, scheme and host of a request, as its connection says, or as a proxy does that the settings trust.
// What always holds: what a client can write itself is believed only where a trusted proxy stands behind it. Pure: it knows no credential
// and no limit.

import { limits } from "../limits.ts";
import { canonicalAddress, groupsOf, isWithin, type Range, rangeOf } from "./addresses.ts";
import { hostOf, isSoundHost } from "./hosts.ts";

/** host: as the client named it, with its port where it named one. */
export interface Client {
  readonly address: string;
  readonly scheme: "http" | "https";
  readonly host: string;
}

/** What of the settings tells it. */
export interface Edge {
  readonly trustedProxies: TrustedProxies;
}

/** Addresses whose word on a client counts. */
export class TrustedProxies {
  /** What is not trusted at all. */
  static readonly none = new TrustedProxies([]);

  private constructor(private readonly ranges: readonly Range[]) {}

  /** Of texts such as `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`. Null when one of them is no address or range. */
  static of(texts: readonly string[]): TrustedProxies | null {
    const ranges = texts.map(rangeOf);
    return ranges.includes(null) ? null : new TrustedProxies(ranges as Range[]);
  }

  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  has(address: string): boolean {
    if (this.isEmpty) return false;
    const groups = groupsOf(address);
    return groups !== null && this.ranges.some((range) => isWithin(groups, range));
  }
}

/** The client of a request. info: of its connection; undefined for a call within this process. Throws `wrong_host` as `hostOf` does. */
export function clientOf(request: Request, info: Deno.ServeHandlerInfo | undefined, { trustedProxies }: Edge): Client {
  const { url, headers } = request;
  const peer = peerOf(info), scheme = url.startsWith("https:") ? "https" : "http", host = hostOf(request, info);
  if (!trustedProxies.has(peer)) return { address: peer, scheme, host };
  const proto = lastOf(headers.get("x-forwarded-proto"))?.toLowerCase(), told = lastOf(headers.get("x-forwarded-host"));
  return {
    address: forwardedAddress(headers.get("x-forwarded-for"), peer, trustedProxies),
    scheme: proto === "https" || proto === "http" ? proto : scheme,
    host: told !== null && told.length <= limits.forwardedHostCharsMax && isSoundHost(told) ? told : host,
  };
}

function peerOf(info: Deno.ServeHandlerInfo | undefined): string {
  const address = info?.remoteAddr as Partial<Deno.NetAddr> | undefined;
  const hostname = address?.hostname;
  if (hostname === undefined) return "local";
  return hostname.includes(":") ? canonicalAddress(hostname) ?? hostname : hostname;
}

/** Read from the right, where the nearest proxy wrote: the first address that is no trusted proxy. What is no address ends the reading. */
function forwardedAddress(header: string | null, peer: string, proxies: TrustedProxies): string {
  let address = peer, end = header?.length ?? 0;
  for (let hops = 0; hops < limits.forwardedHopsMax && end > 0; hops++) {
    const comma = header!.lastIndexOf(",", end - 1);
    const hop = canonicalAddress(withoutPort(header!.slice(comma + 1, end).trim()));
    if (hop === null) return address;
    address = hop;
    if (comma < 0 || !proxies.has(hop)) return address;
    end = comma;
  }
  return address;
}

/** `192.0.2.1:4711`, `[2001:db8::1]:4711` and `[2001:db8::1]` without what is around the address. */
function withoutPort(text: string): string {
  if (text.startsWith("[")) return /^\[([^\]]*)\](:\d+)?$/.exec(text)?.[1] ?? text;
  return /^([^:]*):\d+$/.exec(text)?.[1] ?? text;
}

function lastOf(header: string | null): string | null {
  return header === null ? null : header.slice(header.lastIndexOf(",") + 1).trim();
}
