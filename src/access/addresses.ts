// IP addresses as numbers: the one way of writing each, the ranges that it lies in, and what it counts as where many are counted.
// What always holds: an IPv4 address in IPv6's clothes is the IPv4 address; what some programs read in another way than others, as a number
// with a leading zero, is none. Pure.

/** Eight groups of 16 bits; an IPv4 address has ::ffff before it. */
export type Groups = readonly number[];

export interface Range {
  readonly groups: Groups;
  /** Of 128. */
  readonly bits: number;
}

const MAPPED = [0, 0, 0, 0, 0, 0xffff], MAPPED_BITS = 96, ADDRESS_BITS = 128, GROUP_BITS = 16;

/** What a client counts as in limits: its IPv4 address, or the /64 of IPv6, as that is what one customer of a network is given at least. */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  const groups = groupsOf(address);
  if (groups === null) return address;
  return isV4(groups) ? textOf(groups) : `${groups.slice(0, 4).map((group) => group.toString(16)).join(":")}::/64`;
}

/** The network that an address is of, for when single ones cannot be told apart: /16 of IPv4, /32 of IPv6. */
export function networkKey(address: string): string {
  const groups = groupsOf(address);
  if (groups === null) return address;
  return isV4(groups) ? String(groups[6]) : `${groups[0]}:${groups[1]}`;
}

/** In the one way of writing it; null for what is no address. */
export function canonicalAddress(text: string): string | null {
  const groups = groupsOf(text);
  return groups === null ? null : textOf(groups);
}

/** Of an address or a range such as `10.0.0.0/8`; null for what is neither. */
export function rangeOf(text: string): Range | null {
  const [, address, length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const groups = address === undefined ? null : groupsOf(address);
  if (groups === null) return null;
  // `::ffff:0:0/96` and the like are written for IPv6; a dotted address counts its own 32 bits.
  const own = address.includes(":") ? ADDRESS_BITS : ADDRESS_BITS - MAPPED_BITS, bits = length === undefined ? own : Number(length);
  return bits > own ? null : { groups, bits: bits + ADDRESS_BITS - own };
}

export function isWithin(groups: Groups, { groups: wanted, bits }: Range): boolean {
  for (let g = 0, left = bits; left > 0; g++, left -= GROUP_BITS) {
    const shift = Math.max(0, GROUP_BITS - left);
    if (groups[g] >> shift !== wanted[g] >> shift) return false;
  }
  return true;
}

function isV4(groups: Groups): boolean {
  return MAPPED.every((group, place) => groups[place] === group);
}

/** Null for what is no address. */
export function groupsOf(text: string): Groups | null {
  if (!text.includes(":")) {
    const last = v4Groups(text);
    return last === null ? null : [...MAPPED, ...last];
  }
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half, place) => v6Groups(half, place === halves.length - 1));
  if (head === null || tail === null) return null;
  if (tail === undefined) return head.length === 8 ? head : null;
  const missing = 8 - head.length - tail.length;
  return missing < 1 ? null : [...head, ...Array(missing).fill(0), ...tail];
}

/** isEnd: it may end as an IPv4 address does. */
function v6Groups(text: string, isEnd: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [], parts = text.split(":");
  for (const [place, part] of parts.entries()) {
    const dotted = isEnd && place === parts.length - 1 && part.includes(".") ? v4Groups(part) : null;
    if (dotted !== null) groups.push(...dotted);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(parseInt(part, 16));
    else return null;
  }
  return groups.length > 8 ? null : groups;
}

/** Four decimal numbers without leading zeros, which some take for octal ones. */
function v4Groups(text: string): [number, number] | null {
  const bytes = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  if (bytes === undefined || bytes.some((byte) => Number(byte) > 255 || String(Number(byte)) !== byte)) return null;
  const [a, b, c, d] = bytes.map(Number);
  return [a << 8 | b, c << 8 | d];
}

function textOf(groups: Groups): string {
  if (isV4(groups)) return [groups[6] >> 8, groups[6] & 255, groups[7] >> 8, groups[7] & 255].join(".");
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]`).hostname.slice(1, -1);
}
