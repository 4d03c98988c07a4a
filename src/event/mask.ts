// Makes internet addresses coarse before they are stored: an IPv4 address keeps its first two bytes, an IPv6 address its first 48 bits.
// What always holds: what comes out names no single machine, and masking it again changes nothing. In free text it is better to mask
// something that only looks like an address than to miss one; times of day and decimal numbers stay as they are.

import { Buffer } from "node:buffer";

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;
/** An IPv6 address as text has 45 characters at the most; a zone behind `%` may follow. */
const IPV6_CHARS_MAX = 45;

/** The address `text` made coarse, in canonical form (RFC 5952): `192.0.0.0`, `2001:db8:1::`. Null when it is no address. */
export function maskIp(text: string): string | null {
  if (text.includes(":")) {
    const zone = text.indexOf("%");
    return maskIpv6(zone < 0 ? text : text.slice(0, zone));
  }
  const parts = IPV4.exec(text);
  if (parts === null) return null;
  // A leading zero may mean octal: 010.0.0.1 is two addresses, depending on who reads it.
  for (let i = 1; i <= 4; i++) if (Number(parts[i]) > 255 || (parts[i].length > 1 && parts[i][0] === "0")) return null;
  return `${parts[1]}.${parts[2]}.0.0`;
}

function maskIpv6(text: string): string | null {
  if (text.length > IPV6_CHARS_MAX) return null;
  const groups = ipv6Groups(text);
  if (groups === null) return null;
  const mapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (mapped) return `${groups[6] >> 8}.${groups[6] & 255}.0.0`;
  const kept = groups.slice(0, 3);
  while (kept.at(-1) === 0) kept.pop();
  return kept.map((group) => group.toString(16)).join(":") + "::";
}

/** The eight groups of an IPv6 address, or null. */
function ipv6Groups(text: string): number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0], halves.length === 1), tail = halves.length === 2 ? groupsOf(halves[1], true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  return [...head, ...new Array(missing).fill(0), ...tail];
}

/** The groups of one side of `::`; the last may be an IPv4 address where the whole address ends there. */
function groupsOf(text: string, atEnd: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const quad = atEnd && i === parts.length - 1 ? IPV4.exec(part) : null;
    if (quad !== null) {
      const [a, b, c, d] = quad.slice(1).map(Number);
      if (a > 255 || b > 255 || c > 255 || d > 255) return null;
      groups.push(a << 8 | b, c << 8 | d);
    } else if (GROUP.test(part)) groups.push(parseInt(part, 16));
    else return null;
  }
  return groups;
}

// Each repeat below is bounded, so that a search takes time linear in the text.
const G = "[0-9a-f]{1,4}", QUAD = String.raw`\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\d)`;
const IPV6_IN_TEXT = new RegExp(
  [
    `(?:(?:${G}:){6}|(?:${G}(?::${G}){0,5})?::(?:${G}:){0,5})${QUAD}`,
    `${G}(?::${G}){7}`,
    `(?:${G}(?::${G}){0,6})?::(?:${G}(?::${G}){0,6})?`,
  ].join("|"),
  "gi",
);
const IPV4_IN_TEXT = /(?<!\d)(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}(?!\d)/g;
// At the end of the text an address may have been cut: from a third byte or a fourth group on it says too much.
const IPV4_AT_END = /(?<![\d.])(\d{1,3}\.\d{1,3})\.\d{1,3}\.?$/;
const IPV6_AT_END = new RegExp(`(?<![0-9a-f:])(${G}:${G}:${G}):${G}(?::${G}){0,4}:?$`, "i");

/** The text in `bytes` (of any encoding that extends ASCII, valid or not) with every address in it made coarse. May return `bytes` itself. */
export function maskAddressesIn(bytes: Uint8Array): Uint8Array {
  // Latin-1 gives each byte its own character and back, whatever the bytes are.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const masked = text
    .replace(IPV6_IN_TEXT, (address) => maskIp(address) ?? coarse(address))
    .replace(IPV4_IN_TEXT, (address, kept: string) => isQuad(address) ? `${kept}.0.0` : address)
    .replace(IPV4_AT_END, "$1.0")
    .replace(IPV6_AT_END, "$1::");
  return masked === text ? bytes : new Uint8Array(Buffer.from(masked, "latin1"));
}

/** For what only resembles an IPv6 address: its first three groups at the most. */
function coarse(address: string): string {
  return address.split("::")[0].split(":").slice(0, 3).join(":") + "::";
}

/** Whether each of the four numbers fits a byte. Leading zeros count here: some logs pad addresses. */
function isQuad(address: string): boolean {
  return address.split(".").every((part) => Number(part) <= 255);
}
