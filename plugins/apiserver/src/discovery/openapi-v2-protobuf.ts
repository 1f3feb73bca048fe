/**
 * Writes an OpenAPI 2.0 document in protobuf, the only form in which kubectl takes it. Field numbers are those of gnostic's
 * openapiv2/OpenAPIv2.proto. Extensions travel as YAML, of which JSON is a part.
 */
import { isJsonObject, type JsonObject } from '../json/plain-json.ts';
import { MessageWriter } from '../protobuf/writer.ts';
import type { OpenApiV2 } from './openapi-v2.ts';

/** The media type that clients ask for, and the one they get. */
export const openApiV2ProtobufType = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
export const openApiV2ProtobufAnswer = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

const document = { swagger: 1, info: 2, paths: 8, definitions: 9 } as const;
const schemaFields = {
  ref: 1,
  format: 2,
  description: 4,
  default: 5,
  required: 19,
  enum: 20,
  additionalProperties: 21,
  type: 22,
  items: 23,
  properties: 25,
  extension: 31,
} as const;

/** `Any`: its YAML is field 2. */
function any(value: unknown): MessageWriter {
  return new MessageWriter().text(2, JSON.stringify(value));
}

/** A name (1) and a message (2). */
function named(name: string, value: MessageWriter): MessageWriter {
  return new MessageWriter().text(1, name).message(2, value);
}

function namedSchemas(schemas: JsonObject): MessageWriter {
  const writer = new MessageWriter();
  for (const [name, schema] of Object.entries(schemas))
    if (isJsonObject(schema)) writer.message(1, named(name, schemaMessage(schema)));
  return writer;
}

function schemaMessage(schema: JsonObject): MessageWriter {
  const writer = new MessageWriter();
  const at = schemaFields;
  const text = (field: number, value: unknown): void => {
    if (typeof value === 'string' && value !== '') writer.text(field, value);
  };
  text(at.ref, schema['$ref']);
  text(at.format, schema['format']);
  text(at.description, schema['description']);
  if (schema['default'] !== undefined) writer.message(at.default, any(schema['default']));
  const { required, enum: choices, additionalProperties, items, properties, type } = schema;
  if (Array.isArray(required)) for (const name of required) text(at.required, name);
  if (Array.isArray(choices)) for (const choice of choices) writer.message(at.enum, any(choice));
  if (isJsonObject(additionalProperties))
    writer.message(at.additionalProperties, new MessageWriter().message(1, schemaMessage(additionalProperties)));
  if (typeof type === 'string') writer.message(at.type, new MessageWriter().text(1, type));
  if (isJsonObject(items)) writer.message(at.items, new MessageWriter().message(1, schemaMessage(items)));
  if (isJsonObject(properties)) writer.message(at.properties, namedSchemas(properties));
  for (const [name, value] of Object.entries(schema))
    if (name.startsWith('x-')) writer.message(at.extension, named(name, any(value)));
  return writer;
}

export function encodeOpenApiV2({ swagger, info, definitions }: OpenApiV2): Buffer {
  return new MessageWriter()
    .text(document.swagger, swagger)
    .message(document.info, new MessageWriter().text(1, info.title).text(2, info.version))
    .message(document.paths, new MessageWriter())
    .message(document.definitions, namedSchemas(definitions))
    .bytes();
}
