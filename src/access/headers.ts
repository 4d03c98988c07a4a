// Headers that every answer has, whatever answers: what a browser may make of it, and who may hold it. An endpoint that says more of its own,
// as the pages do with their policies, is not overruled. What always holds: no answer can be framed or taken for another type, and what is
// no page loads nothing. It must not know endpoints.

/** One header: name and value. */
export type Header = readonly [name: string, value: string];

const ALWAYS: readonly Header[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "DENY"],
  ["Referrer-Policy", "no-referrer"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"],
];

/** Half a year: browsers go to no other door of this host for as long. Not for its subdomains, which may be somebody else's. */
const STRICT_TRANSPORT: Header = ["Strict-Transport-Security", "max-age=15768000"];

/** The headers of a server. strictTransport: it is reached by HTTPS alone, under a name of its own. */
export function headersOfAll(strictTransport: boolean): readonly Header[] {
  return strictTransport ? [...ALWAYS, STRICT_TRANSPORT] : ALWAYS;
}

/** Sets what an answer does not have yet. */
export function complete(headers: Headers, all: readonly Header[]): void {
  for (const [name, value] of all) if (!headers.has(name)) headers.set(name, value);
}
