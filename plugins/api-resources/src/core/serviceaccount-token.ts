/** serviceaccounts/token: a token of the account, for a time, for somebody, and as long as an object exists. */
import type { Clock } from '@timonel/sdk';
import type { SubresourceAccess, SubresourceHandler } from '@timonel/sdk/contracts/api-server';
import type { ServiceAccountClaims, ServiceAccountTokens } from '@timonel/sdk/contracts/auth';
import { ApiError, nodes, pods, secrets, timestampOf, type KubeObject, type ServiceAccount } from '@timonel/sdk/kube';
import { Part } from '../validation/part.ts';
import { isObject, itemsOf, objectOf, textOf } from '../validation/loose.ts';

export interface TokenParts {
  /** Undefined: nobody makes tokens at the moment. */
  readonly tokens: () => ServiceAccountTokens | undefined;
  readonly clock: Clock;
}

const defaultSeconds = 3600;
const leastSeconds = 600;
const mostSeconds = 2 ** 32;
const bindable = { Pod: pods, Secret: secrets, Node: nodes } as const;

interface Wanted {
  readonly audiences: readonly string[];
  readonly seconds: number;
  readonly bound: Part;
}

/** @throws ApiError BadRequest, Invalid */
function readRequest(body: unknown, name: string): Wanted {
  if (body !== undefined && !isObject(body)) throw new ApiError('BadRequest', 'a TokenRequest object is expected');
  const request = new Part(body ?? {});
  const kind = request.text('kind');
  if (kind !== '' && kind !== 'TokenRequest')
    throw new ApiError('BadRequest', `the kind in the data (${JSON.stringify(kind)}) does not match TokenRequest`);
  const named = request.at('metadata').text('name');
  if (named !== '' && named !== name)
    throw new ApiError('BadRequest', `the name of the object (${named}) does not match the name on the URL (${name})`);
  const spec = request.at('spec');
  const seconds = spec.number('expirationSeconds') ?? defaultSeconds;
  if (seconds < leastSeconds || !Number.isSafeInteger(seconds))
    spec.invalid('expirationSeconds', 'may not specify a duration less than 10 minutes');
  else if (seconds > mostSeconds)
    spec.invalid('expirationSeconds', 'may not specify a duration larger than 2^32 seconds');
  const causes = request.found.all();
  if (causes.length > 0) {
    const text = causes.map(({ field, message }) => `${field}: ${message}`).join(', ');
    const details = { group: 'authentication.k8s.io', kind: 'TokenRequest', name, causes };
    throw new ApiError('Invalid', `TokenRequest.authentication.k8s.io "${name}" is invalid: ${text}`, details);
  }
  const audiences = itemsOf(spec.get('audiences') as unknown[]).filter((item) => typeof item === 'string');
  return { audiences, seconds, bound: spec.at('boundObjectRef') };
}

type Binding = Pick<ServiceAccountClaims, 'boundTo' | 'node'>;

function checkUid(asked: string, { metadata }: KubeObject, kind: string): void {
  if (asked === '' || asked === metadata.uid) return;
  throw new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on ${kind} "${metadata.name}": the UID in the bound object reference (${asked}) does not match the UID in record. The object might have been deleted and then recreated`,
    { kind, name: textOf(metadata.name) },
  );
}

/** The node of a pod; its uid only when it is there. */
async function nodeOf(pod: KubeObject, access: SubresourceAccess<ServiceAccount>): Promise<Binding['node']> {
  const name = textOf(objectOf((pod as { spec?: { nodeName?: string } }).spec).nodeName);
  if (name === '') return undefined;
  const uid = (await access.find(nodes, { name }))?.metadata.uid;
  return { name, ...(uid === undefined ? {} : { uid }) };
}

/** @throws ApiError NotFound, Conflict, BadRequest */
async function bindingOf(
  bound: Part,
  account: ServiceAccount,
  access: SubresourceAccess<ServiceAccount>,
): Promise<Binding> {
  if (!bound.present) return {};
  const [kind, version, name] = [bound.text('kind'), bound.text('apiVersion'), bound.text('name')];
  if (version !== 'v1' || !Object.hasOwn(bindable, kind))
    throw new ApiError(
      'BadRequest',
      `cannot bind token to object of type ${version}, Kind=${kind}: supported: v1 Pod, Secret, Node`,
    );
  const known = kind as keyof typeof bindable;
  const type = bindable[known];
  const { namespace } = account.metadata;
  const object = await access.find<KubeObject>(type, { name, ...(type.namespaced && { namespace }) });
  if (object === undefined)
    throw new ApiError('NotFound', `${type.resource} "${name}" not found`, { kind: type.resource, name });
  checkUid(bound.text('uid'), object, type.resource);
  if (
    kind === 'Pod' &&
    textOf(objectOf((object as { spec?: { serviceAccountName?: string } }).spec).serviceAccountName) !==
      account.metadata.name
  )
    throw new ApiError(
      'BadRequest',
      `cannot bind token for serviceaccount "${account.metadata.name}" to pod running with different serviceaccount name.`,
    );
  const node = kind === 'Pod' ? await nodeOf(object, access) : undefined;
  return { boundTo: { kind: known, name, uid: textOf(object.metadata.uid) }, ...(node && { node }) };
}

export function tokenHandler({ tokens, clock }: TokenParts): SubresourceHandler<ServiceAccount> {
  return {
    methods: ['POST'],
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'TokenRequest',
    async handle({ body, name, namespace = '' }, access) {
      const account = await access.get();
      const { audiences, seconds, bound } = readRequest(body, name);
      const issuer = tokens();
      if (issuer === undefined)
        throw new ApiError(
          'ServiceUnavailable',
          'no plugin makes tokens of service accounts: enable auth-serviceaccount',
        );
      const binding = await bindingOf(bound, account, access);
      const uid = textOf(account.metadata.uid);
      const { token, expiresAt } = await issuer.issue({
        namespace,
        name,
        uid,
        audiences,
        lifetimeSeconds: seconds,
        ...binding,
      });
      const { boundTo } = binding;
      const object = {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace, creationTimestamp: clock.timestamp() },
        spec: {
          audiences: audiences.length === 0 ? [...issuer.defaultAudiences()] : audiences,
          expirationSeconds: seconds,
          ...(boundTo === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', ...boundTo } }),
        },
        status: { token, expirationTimestamp: timestampOf(expiresAt) },
      };
      return { kind: 'object', status: 201, object };
    },
  };
}
