// What each field of the answers means, by schema and field: the descriptions of the OpenAPI document and nothing else, for whoever shows
// them beside figures. Pure.

import type { OpenApiDocument } from "./openapi.ts";

/** As much of a JSON schema as says what fields mean. */
interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

type Schemas = Readonly<Record<string, Schema>>;

/** Schema -> field -> sentence. A field of an object within an object goes by both names, with a dot between: `next_run.date`. */
export type Definitions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The definitions of a document. Of a list they are those of its rows; a field whose objects have a schema of their own is told there. */
export function definitionsOf({ components }: OpenApiDocument): Definitions {
  const schemas = (components?.schemas ?? {}) as Schemas;
  const told = Object.keys(schemas).map((name) => [name, Object.fromEntries(fieldsOf(schemas[name], schemas))] as const);
  return Object.fromEntries(told.filter(([, fields]) => Object.keys(fields).length > 0));
}

function* fieldsOf({ $ref, items, allOf = [], anyOf = [], properties = {} }: Schema, schemas: Schemas): Generator<[string, string]> {
  if ($ref !== undefined) yield* fieldsOf(schemas[$ref.replace("#/components/schemas/", "")], schemas);
  if (items !== undefined) yield* fieldsOf(items, schemas);
  for (const part of [...allOf, ...anyOf]) yield* fieldsOf(part, schemas);
  for (const [name, field] of Object.entries(properties)) {
    if (field.description !== undefined) yield [name, field.description];
    for (const [inner, means] of withinOf(field, schemas)) yield [`${name}.${inner}`, means];
  }
}

/** The fields of a field's own objects; what has a name in the document is not told twice. */
function* withinOf(field: Schema, schemas: Schemas): Generator<[string, string]> {
  const { items, anyOf = [] } = field;
  const plain = (one: Schema) => one.$ref === undefined;
  if (field.properties !== undefined && plain(field)) yield* fieldsOf({ properties: field.properties }, schemas);
  for (const one of [...(items === undefined ? [] : [items]), ...anyOf].filter(plain)) yield* withinOf(one, schemas);
}
