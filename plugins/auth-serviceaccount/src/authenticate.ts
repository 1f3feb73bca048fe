/** Whom a service account token belongs to: only as long as its account, and what it is bound to, exist. */
import type { Clock } from '@timonel/sdk';
import type { Authentication, AuthenticationObjects, Credentials, UserInfo } from '@timonel/sdk/contracts/auth';
import { nodes, pods, secrets, serviceAccounts, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import { accountName, type TokenIssuer, type TokenPayload } from './token-issuer.ts';

/** How long a token outlives the mark of deletion on what it is bound to, as in Kubernetes: a pod may need it to end well. */
const deletionLeewayMs = 60_000;

const rejected = (reason: string): Authentication => ({ outcome: 'rejected', reason });

interface Bound {
  readonly type: ResourceType;
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string | undefined;
}

function boundObjects(payload: TokenPayload): Bound[] {
  const { namespace, serviceaccount, pod, secret, node } = payload['kubernetes.io'];
  return [
    { type: serviceAccounts, namespace, ...serviceaccount },
    ...(pod === undefined ? [] : [{ type: pods, namespace, ...pod }]),
    ...(secret === undefined ? [] : [{ type: secrets, namespace, ...secret }]),
    // The node of a pod is only told; a token bound to the node itself ends with it.
    ...(node === undefined || pod !== undefined ? [] : [{ type: nodes, name: node.name, uid: node.uid }]),
  ];
}

function isAlive({ metadata }: KubeObject, uid: string | undefined, nowMs: number): boolean {
  if (metadata.uid !== uid) return false;
  const { deletionTimestamp } = metadata;
  return deletionTimestamp === undefined || Date.parse(deletionTimestamp) + deletionLeewayMs > nowMs;
}

function userOf(payload: TokenPayload): UserInfo {
  const { namespace, serviceaccount, pod, node } = payload['kubernetes.io'];
  const key = 'authentication.kubernetes.io';
  return Object.freeze({
    username: accountName(namespace, serviceaccount.name),
    uid: serviceaccount.uid,
    groups: Object.freeze(['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']),
    extra: Object.freeze({
      [`${key}/credential-id`]: [`JTI=${payload.jti}`],
      ...(node === undefined ? {} : { [`${key}/node-name`]: [node.name] }),
      ...(node?.uid === undefined ? {} : { [`${key}/node-uid`]: [node.uid] }),
      ...(pod === undefined ? {} : { [`${key}/pod-name`]: [pod.name], [`${key}/pod-uid`]: [pod.uid] }),
    }),
  });
}

export interface AuthenticateParts {
  readonly issuer: TokenIssuer;
  readonly audiences: readonly string[];
  readonly clock: Clock;
}

export async function authenticate(
  { issuer, audiences: own, clock }: AuthenticateParts,
  { bearerToken, audiences: asked = own }: Credentials,
  objects: AuthenticationObjects | undefined,
): Promise<Authentication> {
  if (bearerToken === undefined || !issuer.isOwn(bearerToken)) return { outcome: 'unknown' };
  const payload = await issuer.read(bearerToken);
  if (payload === undefined) return rejected('the token is not valid, or has expired');
  const audiences = asked.filter((audience) => payload.aud.includes(audience));
  if (audiences.length === 0) return rejected('the token is for others');
  if (objects === undefined) return rejected('nobody can tell whether the service account exists');
  for (const { type, uid, ...name } of boundObjects(payload)) {
    const object = await objects.find(type, name);
    if (object === undefined || !isAlive(object, uid, clock.now()))
      return rejected(`the ${type.kind} ${name.name} is gone`);
  }
  return { outcome: 'authenticated', user: userOf(payload), audiences };
}
