/** The paths of a kind in an OpenAPI document: enough for clients to see verbs, bodies and query parameters. */
import type { JsonObject } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { verbsOf } from './verbs.ts';

const jsonTypes = ['application/json', 'application/yaml'];
const patchBodies = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** kubectl apply goes by them: where it finds no strategic merge patch, it sends a merge patch. */
function patchBodiesOf({ definition }: Kind): readonly string[] {
  return definition.untyped === undefined
    ? patchBodies
    : patchBodies.filter((type) => type !== 'application/strategic-merge-patch+json');
}

function queryParameter(name: string, type: string, description: string): JsonObject {
  return { name, in: 'query', description, schema: { type, uniqueItems: true } };
}

const writeParameters = [
  queryParameter('dryRun', 'string', 'When All: everything is done but the write itself.'),
  queryParameter('fieldManager', 'string', 'Who makes the change.'),
  queryParameter('fieldValidation', 'string', 'What to do about unknown and duplicate fields: Ignore, Warn or Strict.'),
];
const listParameters = [
  queryParameter('allowWatchBookmarks', 'boolean', 'Ask for BOOKMARK events.'),
  queryParameter('continue', 'string', 'The token of the page before.'),
  queryParameter('fieldSelector', 'string', 'Select by fields.'),
  queryParameter('labelSelector', 'string', 'Select by labels.'),
  queryParameter('limit', 'integer', 'Most items in one answer.'),
  queryParameter('resourceVersion', 'string', 'How fresh the answer must be.'),
  queryParameter('resourceVersionMatch', 'string', 'How resourceVersion is meant.'),
  queryParameter('sendInitialEvents', 'boolean', 'Begin a watch with the state.'),
  queryParameter('timeoutSeconds', 'integer', 'Length of the request.'),
  queryParameter('watch', 'boolean', 'Watch in place of list.'),
];

function pathParameter(name: string): JsonObject {
  return { name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } };
}

function content(types: readonly string[], schema: JsonObject): JsonObject {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function operation(kind: Kind, action: string, extra: JsonObject): JsonObject {
  const { group, version, kind: name, schema } = kind.definition;
  return {
    tags: [group === '' ? `core_${version}` : `${group}_${version}`],
    description: `${action} ${name}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind: name },
    responses: {
      '200': { description: 'OK', content: content(jsonTypes, { $ref: `#/components/schemas/${schema}` }) },
    },
    ...extra,
  };
}

function body(kind: Kind): JsonObject {
  const schema = { $ref: `#/components/schemas/${kind.definition.schema}` };
  return { requestBody: { required: true, content: content(jsonTypes, schema) } };
}

/** Path items of the collection and of one object, with the verbs that are served. */
export function operationsOf(kind: Kind, root: string): JsonObject {
  const { namespaced, resource } = kind.definition;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${resource}` : `${root}/${resource}`;
  const scope = namespaced ? [pathParameter('namespace')] : [];
  const verbs = verbsOf(kind);
  const served = (
    operations: readonly (readonly [verb: string, method: string, operation: JsonObject])[],
  ): JsonObject =>
    Object.fromEntries(
      operations.filter(([verb]) => verbs.includes(verb)).map(([, method, described]) => [method, described]),
    );
  const listed = operation(kind, 'list', { parameters: listParameters });
  const paths: JsonObject = {
    [collection]: {
      parameters: scope,
      ...served([
        ['list', 'get', listed],
        ['create', 'post', operation(kind, 'post', { parameters: writeParameters, ...body(kind) })],
        ['deletecollection', 'delete', operation(kind, 'deletecollection', { parameters: listParameters })],
      ]),
    },
  };
  if (!verbs.includes('get')) return paths;
  const patch = operation(kind, 'patch', {
    parameters: [...writeParameters, queryParameter('force', 'boolean', 'Only for server-side apply.')],
    requestBody: { required: true, content: content(patchBodiesOf(kind), { type: 'object' }) },
  });
  paths[`${collection}/{name}`] = {
    parameters: [pathParameter('name'), ...scope],
    ...served([
      ['get', 'get', operation(kind, 'get', {})],
      ['update', 'put', operation(kind, 'put', { parameters: writeParameters, ...body(kind) })],
      ['patch', 'patch', patch],
      ['delete', 'delete', operation(kind, 'delete', { parameters: [writeParameters[0]] })],
    ]),
  };
  if (namespaced) paths[`${root}/${resource}`] = { get: listed };
  return paths;
}
