/** Checks bodies and patched objects by the schema of their kind, as strictly as the client asked for (`fieldValidation`). */
import type { JsonObject } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { checkBySchema, type Findings } from '../kinds/schema-check.ts';
import { areValuesSecret } from '../kinds/secret-values.ts';
import { badRequest } from './api-errors.ts';
import type { ShapeCheck } from './request.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** @throws ApiError BadRequest for another value. */
export function parseFieldValidation(text: string | null): FieldValidation {
  if (text === null || text === '') return 'Warn';
  if (text === 'Strict' || text === 'Warn' || text === 'Ignore') return text;
  throw badRequest(
    `fieldValidation: Unsupported value: "${text.slice(0, 64)}": supported values: "Ignore", "Strict", "Warn"`,
  );
}

/** The text in front of every refusal of a body. */
function cannotBeHandled(kind: Kind, object: JsonObject): string {
  const given = typeof object['kind'] === 'string' ? object['kind'] : kind.definition.kind;
  return `${given} in version "${kind.definition.version}" cannot be handled as a ${kind.definition.kind}`;
}

/** What the schema of an untyped kind says about values is found when the object is validated. */
function checkShape(object: JsonObject, { schema, definition }: Kind): Findings {
  const { untyped } = definition;
  if (untyped === undefined) return checkBySchema(object, schema, { areValuesSecret: areValuesSecret(definition) });
  const { apiVersion, kind, metadata } = object;
  const given = Object.entries({ apiVersion, kind, metadata }).filter(([, value]) => value !== undefined);
  const { unknown, wrong } = checkBySchema(Object.fromEntries(given), schema);
  return { wrong, unknown: [...unknown, ...untyped.decode(object)] };
}

/** `duplicates`: paths of fields that the text of the body has twice. */
export function objectShapeCheck(
  mode: FieldValidation,
  warn: (text: string) => void,
  duplicates: readonly string[] = [],
): ShapeCheck {
  return (object: JsonObject, kind: Kind) => {
    const { unknown, wrong } = checkShape(object, kind);
    if (wrong.length > 0) throw badRequest(`${cannotBeHandled(kind, object)}: ${wrong.join(', ')}`);
    const texts = [
      ...unknown.map((field) => `unknown field "${field}"`),
      ...duplicates.map((field) => `duplicate field "${field}"`),
    ];
    if (texts.length === 0 || mode === 'Ignore') return;
    if (mode === 'Strict')
      throw badRequest(`${cannotBeHandled(kind, object)}: strict decoding error: ${texts.join(', ')}`);
    for (const text of texts) warn(text);
  };
}
