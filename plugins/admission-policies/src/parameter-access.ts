/** Policies read their parameters with the rights of the server: who writes policies and bindings must be able to read them, too. */
import { isDeepStrictEqual } from 'node:util';
import type { AdmissionRequest } from '@timonel/sdk/contracts/admission';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { forbiddenBy, type AdmissionContext, type AdmissionObject } from '@timonel/sdk/contracts/api-server';
import {
  isNotFound,
  mutatingAdmissionPolicies,
  validatingAdmissionPolicies,
  type KubeObject,
  type PolicyParameters,
  type Status,
} from '@timonel/sdk/kube';
import { typeOf, type ParamKind } from './parameters.ts';
import type { Policy, PolicyBinding } from './policy.ts';

type Api = Pick<ApiClient, 'get' | 'list'>;
/** Of the API server: which objects, empty: all of them. */
interface Wanted {
  readonly verb: 'get' | 'list';
  readonly kind: ParamKind | undefined;
  readonly namespace: string;
  readonly name: string;
}

const policyTypes = {
  validatingadmissionpolicies: validatingAdmissionPolicies,
  mutatingadmissionpolicies: mutatingAdmissionPolicies,
} as const;
const policyTypesOfBindings = {
  validatingadmissionpolicybindings: validatingAdmissionPolicies,
  mutatingadmissionpolicybindings: mutatingAdmissionPolicies,
} as const;

const isPolicy = (resource: string): resource is keyof typeof policyTypes => Object.hasOwn(policyTypes, resource);
const isBinding = (resource: string): resource is keyof typeof policyTypesOfBindings =>
  Object.hasOwn(policyTypesOfBindings, resource);

/** Whether the request writes a policy or a binding. */
export function writesPolicy({ group, resource, subresource, operation }: AdmissionContext): boolean {
  if (group !== validatingAdmissionPolicies.group || subresource !== '') return false;
  return (operation === 'CREATE' || operation === 'UPDATE') && (isPolicy(resource) || isBinding(resource));
}

async function paramKindOf(
  type: (typeof policyTypes)[keyof typeof policyTypes],
  name: string,
  api: Api,
): Promise<ParamKind | undefined> {
  try {
    return (await api.get<KubeObject & Pick<Policy, 'spec'>>(type, { name })).spec.paramKind;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function ofReference({ name = '', namespace = '' }: PolicyParameters, kind: ParamKind | undefined): Wanted {
  return { verb: name === '' ? 'list' : 'get', kind, namespace, name };
}

/** Undefined: nothing that could not be read before. */
async function wantedBy(
  object: AdmissionObject,
  { resource, oldObject }: AdmissionRequest,
  api: Api,
): Promise<Wanted | undefined> {
  if (isBinding(resource)) {
    const [spec, old] = [object, oldObject].map((one) => (one as PolicyBinding | undefined)?.spec);
    if (spec?.paramRef === undefined) return undefined;
    if (old?.policyName === spec.policyName && isDeepStrictEqual(old.paramRef, spec.paramRef)) return undefined;
    return ofReference(spec.paramRef, await paramKindOf(policyTypesOfBindings[resource], spec.policyName, api));
  }
  const [kind, old] = [object, oldObject].map((one) => (one as Policy | undefined)?.spec.paramKind);
  if (kind === undefined || isDeepStrictEqual(kind, old)) return undefined;
  return { verb: 'get', kind, namespace: '', name: '' };
}

/** Where the kind is not known everything that it may be. */
async function resourceOf(
  kind: ParamKind | undefined,
  api: Api,
): Promise<{ readonly group: string; readonly version: string; readonly resource: string }> {
  if (kind === undefined) return { group: '*', version: '*', resource: '*' };
  const type = await typeOf(kind, api);
  if (type !== undefined) return { group: type.group, version: type.version, resource: type.resource };
  const [first = '', second] = kind.apiVersion.split('/');
  return { group: second === undefined ? '' : first, version: second ?? first, resource: '*' };
}

function words({ verb, namespace, name }: Wanted, resource: string): string {
  const which = name === '' ? `all ${resource}` : `"${name}" of ${resource}`;
  return `"${verb}" permission on ${which}${namespace === '' ? '' : ` in namespace "${namespace}"`}`;
}

/** Undefined: whoever asks may read the parameters. */
export async function parameterRefusal(
  object: AdmissionObject,
  request: AdmissionRequest,
  api: Api,
): Promise<Status | undefined> {
  const wanted = await wantedBy(object, request, api);
  if (wanted === undefined) return undefined;
  const { verb, kind, namespace, name } = wanted;
  const { user } = request;
  const of = await resourceOf(kind, api);
  const { allowed, reason } = await request.authorize({ user, verb, ...of, subresource: '', namespace, name });
  if (allowed) return undefined;
  const resource = of.group === '' ? of.resource : `${of.resource}.${of.group}`;
  const why = `user "${user.username}" must have ${words(wanted, resource)} to use them as parameters`;
  return forbiddenBy(request, reason === '' ? why : `${why}: ${reason}`).status;
}
