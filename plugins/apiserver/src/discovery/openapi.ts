/** OpenAPI 3.0: the index with content hashes, and one document for each group and version. */
import { createHash } from 'node:crypto';
import type { DelegatedVersion, OpenApiSchema } from '@timonel/sdk/contracts/api-server';
import { isJsonObject, type JsonObject } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { operationsOf } from './openapi-paths.ts';

type Schemas = Readonly<Record<string, OpenApiSchema>>;
const refPrefix = '#/components/schemas/';

/** `api/v1`, `apis/apps/v1`. */
function documentName({ definition }: Kind): string {
  const { group, version } = definition;
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** `delegated`: whose documents other servers have. */
export function openApiIndex(
  kinds: readonly Kind[],
  schemas: Schemas,
  delegated: readonly DelegatedVersion[] = [],
): unknown {
  const paths: JsonObject = {};
  for (const name of new Set(kinds.map(documentName))) {
    const hash = createHash('sha256')
      .update(JSON.stringify(openApiDocument(kinds, schemas, name)))
      .digest('hex');
    paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${hash.toUpperCase()}` };
  }
  for (const { group, version, openApiHash } of delegated) {
    const name = `apis/${group}/${version}`;
    if (openApiHash !== undefined) paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${openApiHash}` };
  }
  return { paths };
}

/** Adds every schema that `value` refers to. */
function collect(value: unknown, schemas: Schemas, into: JsonObject): void {
  if (Array.isArray(value)) for (const item of value) collect(item, schemas, into);
  if (!isJsonObject(value)) return;
  const ref = value['$ref'];
  if (typeof ref === 'string' && ref.startsWith(refPrefix)) {
    const key = ref.slice(refPrefix.length);
    const schema = Object.hasOwn(schemas, key) ? schemas[key] : undefined;
    if (schema !== undefined && !Object.hasOwn(into, key)) {
      into[key] = schema;
      collect(schema, schemas, into);
    }
  }
  for (const member of Object.values(value)) collect(member, schemas, into);
}

/** The schemas of some keys, and all that they refer to. */
export function collectSchemas(keys: readonly string[], schemas: Schemas): JsonObject {
  const into: JsonObject = {};
  for (const key of keys) collect({ $ref: `${refPrefix}${key}` }, schemas, into);
  return into;
}

/** Undefined: no kind is in that group and version. */
export function openApiDocument(kinds: readonly Kind[], schemas: Schemas, name: string): unknown {
  const members = kinds.filter((kind) => documentName(kind) === name);
  if (members.length === 0) return undefined;
  const paths: JsonObject = {};
  for (const kind of members) Object.assign(paths, operationsOf(kind, `/${name}`));
  const components = collectSchemas(
    members.map(({ definition }) => definition.schema),
    schemas,
  );
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.35.0' },
    paths,
    components: { schemas: components },
  };
}
