// Quotes what was sent, for messages: cut, and with nothing in it that could move a cursor, break a line or turn the reading direction.

const QUOTED_CHARS_MAX = 60;
// JSON escapes C0 controls and halves of surrogate pairs by itself.
const UNSEEN = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A value as it stands in a message: a text in double quotes and cut to 60 characters, a number as it is. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : String(value);
  const cut = text.length > QUOTED_CHARS_MAX ? text.slice(0, QUOTED_CHARS_MAX) + "…" : text;
  return typeof value === "string" ? escapeUnseen(JSON.stringify(cut)) : escapeUnseen(cut);
}

/** Characters that show nothing, as `\uXXXX`. */
export function escapeUnseen(text: string): string {
  return text.replace(UNSEEN, (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"));
}
