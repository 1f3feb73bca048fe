/** What an applier may send. */
import { isJsonObject, own, type JsonObject } from '../../json/plain-json.ts';
import { checkBySchema } from '../../kinds/schema-check.ts';
import { areValuesSecret } from '../../kinds/secret-values.ts';
import type { Kind } from '../../kinds/kind-table.ts';
import type { SchemaNode } from '../../kinds/schema-node.ts';
import { formatPath } from '../../managed-fields/path-element.ts';
import { itemElement, memberNode, shapeOf } from '../../managed-fields/shape.ts';
import { badRequest } from '../../registry/api-errors.ts';

const problemsLimit = 20;

/** Items without a name of their own, and items that come twice. */
function listProblems(value: unknown, node: SchemaNode, path: string, problems: string[]): void {
  if (problems.length >= problemsLimit) return;
  const shape = shapeOf(node, value);
  if (shape === 'map') {
    for (const [name, member] of Object.entries(value as JsonObject)) {
      listProblems(member, memberNode(node, name), `${path}.${name}`, problems);
    }
  } else if (shape === 'list') itemProblems(value as unknown[], node, path, problems);
}

function itemProblems(list: readonly unknown[], node: SchemaNode, path: string, problems: string[]): void {
  const seen = new Set<string>();
  list.forEach((item, index) => {
    const found = itemElement(item, node);
    if ('lacks' in found) {
      problems.push(`${path}: element ${index}: ${found.lacks}`);
      return;
    }
    const name = formatPath([found.element]);
    if (seen.has(found.element)) problems.push(`${path}: duplicate entries for key ${name}`);
    seen.add(found.element);
    listProblems(item, node.element(), `${path}${name}`, problems);
  });
}

/** Paths of lists, maps and objects that an apply replaces as a whole. */
export function atomicsIn(config: unknown, node: SchemaNode, path = ''): string[] {
  if (typeof config !== 'object' || config === null) return [];
  const shape = shapeOf(node, config);
  if (shape === 'leaf') return [path];
  if (shape === 'map')
    return Object.entries(config).flatMap(([name, value]) =>
      atomicsIn(value, memberNode(node, name), `${path}.${name}`),
    );
  return (config as readonly unknown[]).flatMap((item) => {
    const found = itemElement(item, node);
    return 'lacks' in found ? [] : atomicsIn(item, node.element(), `${path}${formatPath([found.element])}`);
  });
}

function nameOf({ apiVersion, definition }: Kind, config: JsonObject): string {
  const metadata = own(config, 'metadata');
  const { namespace = '', name = '' } = isJsonObject(metadata) ? metadata : {};
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return `${text(namespace)}/${text(name)}; ${apiVersion}, Kind=${definition.kind}`;
}

/**
 * Checks the object that an applier sent. Nulls stay: by them it owns a field and wants no value there. (Of a kind that is a view
 * they are dropped: its conversion knows of values alone.) Unlike other writes an apply cannot pass over unknown fields: nobody
 * could own them.
 * @throws ApiError BadRequest
 */
export function checkConfig(config: JsonObject, kind: Kind): void {
  for (const field of ['apiVersion', 'kind']) {
    if (typeof own(config, field) !== 'string' || config[field] === '') {
      throw badRequest(`an applied object must name its ${field}`);
    }
  }
  const metadata = own(config, 'metadata');
  const managed = isJsonObject(metadata) ? own(metadata, 'managedFields') : undefined;
  if (managed !== undefined && managed !== null) throw badRequest('metadata.managedFields must be nil');
  const { wrong, unknown } = checkBySchema(config, kind.schema, {
    nulls: kind.view === undefined ? 'keep' : 'drop',
    areValuesSecret: areValuesSecret(kind.definition),
  });
  const problems = [
    ...wrong.map((text) => `.${text}`),
    ...unknown.map((field) => `.${field}: field not declared in schema`),
  ];
  if (wrong.length === 0) listProblems(config, kind.schema, '', problems);
  if (problems.length === 0) return;
  const list = problems.length === 1 ? problems[0] : `errors:\n  ${problems.join('\n  ')}`;
  throw badRequest(`failed to create typed patch object (${nameOf(kind, config)}): ${list}`);
}
