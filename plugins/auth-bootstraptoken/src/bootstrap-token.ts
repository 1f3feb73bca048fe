/** Bootstrap tokens: Secrets of kube-system by which machines show themselves before they have anything else. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@timonel/sdk';
import type { Authentication, AuthenticationObjects, Credentials } from '@timonel/sdk/contracts/auth';
import { secrets, type Secret } from '@timonel/sdk/kube';

const form = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const type = 'bootstrap.kubernetes.io/token';
const everyGroup = 'system:bootstrappers';
const extraGroup = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const groupLimit = 100;

const unknown: Authentication = { outcome: 'unknown' };
const rejected = (reason: string): Authentication => ({ outcome: 'rejected', reason });

function isSame(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

const valueOf = ({ data = {} }: Secret, key: string): string => Buffer.from(data[key] ?? '', 'base64').toString('utf8');

function problemOf(secret: Secret, id: string, given: string, nowMs: number): string | undefined {
  if (secret.type !== type || valueOf(secret, 'token-id') !== id) return 'the Secret holds no bootstrap token';
  if (!isSame(valueOf(secret, 'token-secret'), given)) return 'the secret of the bootstrap token is wrong';
  if (secret.metadata.deletionTimestamp !== undefined) return 'the bootstrap token is being deleted';
  const expiration = valueOf(secret, 'expiration');
  // What is no time is no end that could be trusted.
  if (expiration !== '' && !(Date.parse(expiration) > nowMs)) return 'the bootstrap token has expired';
  return valueOf(secret, 'usage-bootstrap-authentication') === 'true'
    ? undefined
    : 'the bootstrap token is not for authentication';
}

export async function authenticate(
  { bearerToken = '' }: Credentials,
  objects: AuthenticationObjects | undefined,
  clock: Clock,
): Promise<Authentication> {
  const [, id, given] = form.exec(bearerToken) ?? [];
  if (id === undefined || given === undefined || objects === undefined) return unknown;
  const secret = await objects.find(secrets, { namespace: 'kube-system', name: `bootstrap-token-${id}` });
  if (secret === undefined) return unknown;
  const problem = problemOf(secret, id, given, clock.now());
  if (problem !== undefined) return rejected(problem);
  const extra = valueOf(secret, 'auth-extra-groups').split(',', groupLimit);
  const groups = [everyGroup, ...extra.filter((group) => extraGroup.test(group)), 'system:authenticated'];
  const user = { username: `system:bootstrap:${id}`, uid: '', groups: Object.freeze(groups), extra: Object.freeze({}) };
  return { outcome: 'authenticated', user: Object.freeze(user) };
}
