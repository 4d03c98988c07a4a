// What happens to input that is not an event: a reject says what, where and how to mend it, and keeps the raw bytes for a dead letter.

/** Why a line was refused; a closed set, documented in the API. */
export const rejectCodes = [
  "not_json",
  "not_object",
  "too_deep",
  "duplicate_field",
  "missing_field",
  "wrong_type",
  "invalid_value",
  "out_of_range",
  "too_long",
  "too_large",
  "status_not_counted",
  "line_too_long",
  "wrong_columns",
  "header_line",
  "body_truncated",
  "not_utf8",
] as const;
export type RejectCode = (typeof rejectCodes)[number];

/** line: 1-based line of NDJSON or CSV, or place in a JSON array. raw: the refused bytes, cut at limits.deadLetterRawBytesMax. */
export interface Reject {
  readonly line: number;
  readonly code: RejectCode;
  readonly field: string | null;
  readonly message: string;
  readonly raw: Uint8Array;
  readonly rawBytes: number;
}

/** Takes rejects as they are found; must copy nothing: `raw` is the receiver's to keep. */
export type RejectSink = (reject: Reject) => void;
