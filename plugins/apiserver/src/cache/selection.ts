/** Which objects of a resource a list or watch asks for. */
import {
  ApiError,
  matchesSelector,
  parseFieldSelector,
  parseLabelSelector,
  type FieldRequirement,
  type KubeObject,
  type Selector,
} from '@timonel/sdk/kube';
import { errorMessage } from '@timonel/sdk';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';

export interface Selection {
  readonly namespace: string | undefined;
  /** The one name that can match, when a field selector fixes it. */
  readonly name: string | undefined;
  /** Undefined: all objects of the namespace match. */
  readonly matches: ((object: KubeObject) => boolean) | undefined;
}

function supportedFields(definition: ResourceDefinition): Set<string> | undefined {
  const fields = ['metadata.name', 'metadata.namespace'];
  if (definition.strategy.selectableFields === undefined) return new Set(fields);
  try {
    const probe = { metadata: {}, spec: {}, status: {} };
    return new Set([...fields, ...Object.keys(definition.strategy.selectableFields(probe))]);
  } catch {
    return undefined;
  }
}

function fieldsOf(definition: ResourceDefinition, object: KubeObject): Record<string, string> {
  return {
    'metadata.name': object.metadata.name ?? '',
    'metadata.namespace': object.metadata.namespace ?? '',
    ...definition.strategy.selectableFields?.(object),
  };
}

function parsed<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    throw new ApiError('BadRequest', errorMessage(error));
  }
}

/**
 * `shapeOf`: what fields are read of, when objects are stored in another shape.
 * @throws ApiError BadRequest for a malformed selector or a field that cannot be selected by.
 */
export function selectionOf(
  definition: ResourceDefinition,
  options: { namespace?: string | undefined; labelSelector?: string | undefined; fieldSelector?: string | undefined },
  shapeOf: (stored: KubeObject) => KubeObject = (stored) => stored,
): Selection {
  const labels: Selector = parsed(parseLabelSelector, options.labelSelector ?? '');
  const fields: readonly FieldRequirement[] = parsed(parseFieldSelector, options.fieldSelector ?? '');
  const supported = fields.length > 0 ? supportedFields(definition) : undefined;
  for (const { field } of fields) {
    if (supported !== undefined && !supported.has(field)) {
      throw new ApiError('BadRequest', `field label not supported: ${field}`);
    }
  }
  const name = fields.find(({ field, equal }) => field === 'metadata.name' && equal)?.value;
  const matches = (object: KubeObject): boolean => {
    if (labels.length > 0 && !matchesSelector(labels, object.metadata.labels)) return false;
    if (fields.length === 0) return true;
    const values = fieldsOf(definition, shapeOf(object));
    return fields.every(({ field, equal, value }) => ((values[field] ?? '') === value) === equal);
  };
  return {
    namespace: options.namespace === '' ? undefined : options.namespace,
    name,
    matches: labels.length === 0 && fields.length === 0 ? undefined : matches,
  };
}
