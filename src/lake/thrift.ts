// Thrift's compact protocol, writing only: what Parquet's page headers and footer are made of.
// A struct is given as its fields by number, in rising order; what is undefined is left out.
// Source: apache/thrift, doc/specs/thrift-compact-protocol.md.

/** A value with its type. I64 are safe integers. */
export type Thrift =
  | { readonly i8: number }
  | { readonly i32: number }
  | { readonly i64: number }
  | { readonly flag: boolean }
  | { readonly binary: Uint8Array | string }
  | { readonly list: readonly Thrift[] }
  | { readonly struct: Fields };

/** Fields of a struct by number. */
export type Fields = readonly (readonly [id: number, value: Thrift | undefined])[];

const TRUE = 1, FALSE = 2, I8 = 3, I32 = 5, I64 = 6, BINARY = 8, LIST = 9, STRUCT = 12;
const utf8 = new TextEncoder();

/** The bytes of a struct. */
export function thriftBytes(fields: Fields): Uint8Array {
  const bytes: number[] = [];
  putFields(bytes, fields);
  return Uint8Array.from(bytes);
}

function typeOf(value: Thrift): number {
  if ("i8" in value) return I8;
  if ("i32" in value) return I32;
  if ("i64" in value) return I64;
  if ("flag" in value) return value.flag ? TRUE : FALSE;
  if ("binary" in value) return BINARY;
  return "list" in value ? LIST : STRUCT;
}

function putFields(bytes: number[], fields: Fields): void {
  let last = 0;
  for (const [id, value] of fields) {
    if (value === undefined) continue;
    bytes.push(((id - last) << 4) | typeOf(value));
    last = id;
    putValue(bytes, value);
  }
  bytes.push(0);
}

function putValue(bytes: number[], value: Thrift): void {
  if ("i8" in value) bytes.push(value.i8 & 255);
  else if ("i32" in value) putZigzag(bytes, value.i32);
  else if ("i64" in value) putZigzag(bytes, value.i64);
  else if ("binary" in value) {
    const content = typeof value.binary === "string" ? utf8.encode(value.binary) : value.binary;
    putVarint(bytes, content.length);
    for (const byte of content) bytes.push(byte);
  } else if ("list" in value) {
    const { list } = value;
    const type = list.length === 0 ? STRUCT : typeOf(list[0]);
    if (list.length < 15) bytes.push((list.length << 4) | type);
    else {
      bytes.push(0xf0 | type);
      putVarint(bytes, list.length);
    }
    for (const item of list) putValue(bytes, item);
  } else if ("struct" in value) putFields(bytes, value.struct);
}

function putZigzag(bytes: number[], value: number): void {
  putVarint(bytes, value < 0 ? -2 * value - 1 : 2 * value);
}

/** Base-128 varint of an integer from 0 to 2^53. */
export function putVarint(bytes: number[], value: number): void {
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
}
