// What figures mean, as the API's documentation says it. Fetched once, when the first figure is shown.

import { signal } from "@preact/signals";
import { getJson } from "./api.ts";

/** Schema of the API and a field of it: `["Day", "total_clicks"]`. */
export type Meaning = readonly [schema: string, field: string];

type Definitions = Readonly<Record<string, Readonly<Record<string, string>>>>;

const definitions = signal<Definitions | null>(null);
let asked = false;

/** The definition of a figure, or null while it is not known. */
export function definitionOf([schema, field]: Meaning): string | null {
  if (!asked) {
    asked = true;
    getJson<Definitions>("/definitions").then(({ data }) => definitions.value = data, () => asked = false);
  }
  return definitions.value?.[schema]?.[field] ?? null;
}
