// What JSON text shows before and beside JSON.parse: how deep it goes, how many members its objects have, where a value ends.
// All of it is one pass over bytes that knows strings and brackets alone, so that it works on text that is cut or broken, too.

export const NEWLINE = 10, RETURN = 13;
const QUOTE = 34, COMMA = 44, COLON = 58, BACKSLASH = 92, OPEN_LIST = 91, CLOSE_LIST = 93, OPEN_OBJECT = 123, CLOSE_OBJECT = 125;

/** depth: of nested arrays and objects, 1 for a flat object. members: of all objects together; one named twice counts twice. */
export interface JsonShape {
  depth: number;
  members: number;
}

/** Writes the shape of `bytes[from, to)` into `shape`. `members` means something for valid JSON alone. */
export function measureJson(bytes: Uint8Array, from: number, to: number, shape: JsonShape): void {
  let depth = 0, deepest = 0, members = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = stringEnd(bytes, at, to);
    else if (byte === COLON) members++;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth > deepest) deepest = depth;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
  }
  shape.depth = deepest;
  shape.members = members;
}

/** Where the string that opens at `at` closes: the place of its second quote, or `to`. */
function stringEnd(bytes: Uint8Array, at: number, to: number): number {
  for (at++; at < to && bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
  return at;
}

/** Where the object that opens at `from` closes: the place behind its brace, or -1 when that does not come before `to`. */
export function objectEnd(bytes: Uint8Array, from: number, to: number): number {
  let depth = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = stringEnd(bytes, at, to);
    else if (byte === OPEN_OBJECT) depth++;
    else if (byte === CLOSE_OBJECT && --depth === 0) return at + 1;
  }
  return -1;
}

/**
 * Where the element of an array that starts at `from` ends: the place of the comma or bracket behind it, or `to`.
 * Within an object only braces count, so that a bracket left open there harms that element alone.
 */
export function elementEnd(bytes: Uint8Array, from: number, to: number): number {
  let braces = 0, brackets = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = stringEnd(bytes, at, to);
    else if (byte === OPEN_OBJECT) braces++;
    else if (byte === CLOSE_OBJECT) braces -= braces > 0 ? 1 : 0;
    else if (braces > 0) continue;
    else if (byte === OPEN_LIST) brackets++;
    else if (byte === CLOSE_LIST && brackets-- === 0) return at;
    else if (byte === COMMA && brackets === 0) return at;
  }
  return to;
}

/** What `objectEnd` or `elementEnd` looks for, in several goes: for text that is too long for one. */
export class LongScan {
  /** What they return, once it is there. */
  end: number | null = null;
  #at: number;
  #inText = false;
  #braces = 0;
  #brackets = 0;

  constructor(
    private readonly of: "object" | "element",
    private readonly bytes: Uint8Array,
    from: number,
    private readonly to: number,
  ) {
    this.#at = from;
  }

  /** Goes on for `most` bytes. */
  go(most: number): void {
    const { bytes, to } = this, until = Math.min(to, this.#at + most), ofObject = this.of === "object";
    let at = this.#at, inText = this.#inText, braces = this.#braces, brackets = this.#brackets, end = -1;
    for (; at < until && end < 0; at++) {
      const byte = bytes[at];
      if (inText) {
        if (byte === QUOTE) inText = false;
        else if (byte === BACKSLASH) at++;
      } else if (byte === QUOTE) inText = true;
      else if (byte === OPEN_OBJECT) braces++;
      else if (byte === CLOSE_OBJECT) {
        if (braces > 0 && --braces === 0 && ofObject) end = at + 1;
      } else if (ofObject || braces > 0) continue;
      else if (byte === OPEN_LIST) brackets++;
      else if ((byte === CLOSE_LIST && brackets-- === 0) || (byte === COMMA && brackets === 0)) end = at;
    }
    this.#at = at;
    this.#inText = inText;
    this.#braces = braces;
    this.#brackets = brackets;
    if (end >= 0) this.end = end;
    else if (at >= to) this.end = ofObject ? -1 : to;
  }
}

/** Members of all objects in a value that JSON.parse made: less than its text has where a name was given twice. */
export function membersOf(value: object): number {
  let members = 0;
  if (Array.isArray(value)) {
    for (const element of value) if (typeof element === "object" && element !== null) members += membersOf(element);
    return members;
  }
  for (const name in value) {
    members++;
    const member = (value as Record<string, unknown>)[name];
    if (typeof member === "object" && member !== null) members += membersOf(member);
  }
  return members;
}

// Sticky: where a text is no JSON after all, a search would begin anew at each quote.
const TOKEN = /[^"{}[\],:]*("(?:[^"\\]|\\.)*"|[{}[\],:])/gy;

/** The first name that an object within valid JSON gives twice, or null. */
export function repeatedName(text: string): string | null {
  const seen: (Set<string> | null)[] = [];
  let last = "";
  for (const [, token] of text.matchAll(TOKEN)) {
    if (token === "{") seen.push(new Set());
    else if (token === "[") seen.push(null);
    else if (token === "}" || token === "]") seen.pop();
    else if (token === ":") {
      const name = JSON.parse(last) as string;
      if (seen.at(-1)?.has(name)) return name;
      seen.at(-1)?.add(name);
    }
    last = token;
  }
  return null;
}

/** Whether a byte is blank between JSON values. */
export function isBlank(byte: number): boolean {
  return byte === 32 || byte === NEWLINE || byte === RETURN || byte === 9;
}
