/** The schema of a version as clients find it in OpenAPI. */
import type { OpenApiSchema } from '@timonel/sdk/contracts/api-server';
import { isJson, type Json } from '../schema/schema.ts';

const metadataRef = '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const ownFields: Readonly<Json> = {
  apiVersion: { type: 'string', description: 'The version of the schema of this object, with its group.' },
  kind: { type: 'string', description: 'The kind of this object.' },
};
const metadata = { description: 'Standard metadata of an object.', allOf: [{ $ref: metadataRef }] };
/** What schemas of definitions hold; everything else is nobody's business. */
const known: ReadonlySet<string> = new Set([
  'type',
  'format',
  'title',
  'description',
  'default',
  'example',
  'externalDocs',
  'nullable',
  'enum',
  'required',
  'pattern',
  'maximum',
  'minimum',
  'exclusiveMaximum',
  'exclusiveMinimum',
  'multipleOf',
  'maxLength',
  'minLength',
  'maxItems',
  'minItems',
  'maxProperties',
  'minProperties',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
]);

function mapped(schemas: Json): Json {
  return Object.fromEntries(Object.entries(schemas).map(([name, one]) => [name, isJson(one) ? published(one) : one]));
}

function published(raw: Json): Json {
  const made: Json = {};
  for (const [name, value] of Object.entries(raw)) {
    if (known.has(name)) made[name] = value;
    else if (name === 'properties' && isJson(value)) made[name] = mapped(value);
    else if ((name === 'items' || name === 'additionalProperties' || name === 'not') && isJson(value)) {
      made[name] = published(value);
    } else if (name === 'additionalProperties') made[name] = value;
    else if (['allOf', 'anyOf', 'oneOf'].includes(name) && Array.isArray(value)) {
      made[name] = value.map((one: unknown) => (isJson(one) ? published(one) : one));
    }
  }
  if (raw['x-kubernetes-embedded-resource'] === true) {
    const properties = isJson(made['properties']) ? made['properties'] : {};
    made['properties'] = { ...ownFields, ...properties, metadata };
  }
  return made;
}

/** `com.example.stable.v1.CronTab`. */
export function schemaKey(group: string, version: string, kind: string): string {
  return `${group.split('.').toReversed().join('.')}.${version}.${kind}`;
}

export function publishedSchema(
  raw: Json,
  type: { readonly group: string; readonly version: string; readonly kind: string },
): OpenApiSchema {
  const made = published(raw);
  const properties = isJson(made['properties']) ? made['properties'] : {};
  return {
    ...made,
    type: 'object',
    properties: { ...properties, ...ownFields, metadata },
    'x-kubernetes-group-version-kind': [type],
  };
}
