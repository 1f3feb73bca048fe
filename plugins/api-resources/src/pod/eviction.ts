import type { SubresourceHandler, SubresourceRequest } from '@timonel/sdk/contracts/api-server';
import type { DeleteOptions } from '@timonel/sdk/contracts/api';
import { ApiError, type Pod } from '@timonel/sdk/kube';
import { fieldOf, isObject, textOf } from '../validation/loose.ts';

function deleteOptions(body: unknown): DeleteOptions {
  const options = fieldOf(body, 'deleteOptions');
  const seconds = fieldOf(options, 'gracePeriodSeconds');
  const preconditions = fieldOf(options, 'preconditions');
  const policy = fieldOf(options, 'propagationPolicy');
  const uid = textOf(fieldOf(preconditions, 'uid'));
  const resourceVersion = textOf(fieldOf(preconditions, 'resourceVersion'));
  return {
    ...(typeof seconds === 'number' ? { gracePeriodSeconds: seconds } : {}),
    ...(policy === 'Background' || policy === 'Foreground' || policy === 'Orphan' ? { propagationPolicy: policy } : {}),
    ...(isObject(preconditions)
      ? { preconditions: { ...(uid === '' ? {} : { uid }), ...(resourceVersion === '' ? {} : { resourceVersion }) } }
      : {}),
  };
}

/** `kubectl drain --dry-run=server` says it in the body alone. */
function isDryRun(request: Pick<SubresourceRequest, 'query' | 'body'>): boolean {
  const inBody = fieldOf(fieldOf(request.body, 'deleteOptions'), 'dryRun');
  const values = [...request.query.getAll('dryRun'), ...(Array.isArray(inBody) ? inBody : [])];
  if (values.some((value) => value !== 'All' && value !== ''))
    throw new ApiError('BadRequest', 'dryRun: Unsupported value: supported values: "All"');
  return values.includes('All');
}

/** POST pods/NAME/eviction: a deletion that disruption budgets may refuse, once there are any. */
export const evictionHandler: SubresourceHandler<Pod> = {
  methods: ['POST'],
  kind: 'Eviction',
  group: 'policy',
  version: 'v1',
  async handle(request, access) {
    const name = textOf(fieldOf(fieldOf(request.body, 'metadata'), 'name'));
    if (name !== '' && name !== request.name)
      throw new ApiError(
        'BadRequest',
        `name in URL does not match name in Eviction object: ${request.name} != ${name}`,
      );
    if (isDryRun(request)) await access.get();
    else await access.delete(deleteOptions(request.body));
    return {
      kind: 'object',
      status: 201,
      object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
    };
  },
};
