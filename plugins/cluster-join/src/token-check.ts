/** Checks join tokens. */
import { timingSafeEqual } from 'node:crypto';
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  hashJoinSecret,
  joinTokenHashKey,
  joinTokenNamespace,
  joinTokenSecretName,
  joinTokenSecretType,
  joinTokenUsageKey,
  parseJoinToken,
  type JoinRole,
} from '@timonel/sdk/join';
import { ApiError, isNotFound, secrets, type Secret } from '@timonel/sdk/kube';

/** One answer for every token that does not fit: a stranger learns nothing of the tokens there are. */
export function tokenRefused(): ApiError {
  return new ApiError(
    'Forbidden',
    'the join token is refused: it is unknown, expired, revoked, or not for this role; make one with `timonel token create`',
  );
}

function text(secret: Secret | undefined, key: string): string {
  return Buffer.from(secret?.data?.[key] ?? '', 'base64').toString('utf8');
}

/** True when the time has come; also when it cannot be read. */
export function isExpired(secret: Secret, nowMs: number): boolean {
  const expiration = Date.parse(text(secret, 'expiration'));
  return !(nowMs < expiration);
}

async function secretOf(api: ApiClient, id: string): Promise<Secret | undefined> {
  try {
    return await api.get(secrets, { namespace: joinTokenNamespace, name: joinTokenSecretName(id) });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** @throws ApiError Forbidden, always the same */
export async function checkToken(api: ApiClient, env: Env, token: string, role: JoinRole): Promise<void> {
  const parsed = parseJoinToken(token);
  if (parsed === undefined) throw tokenRefused();
  const secret = await secretOf(api, parsed.id);
  const given = Buffer.from(hashJoinSecret(parsed.secret));
  const kept = Buffer.from(text(secret, joinTokenHashKey));
  const equal = kept.length === given.length && timingSafeEqual(kept, given);
  const usable =
    secret?.type === joinTokenSecretType &&
    secret.metadata.deletionTimestamp === undefined &&
    text(secret, joinTokenUsageKey(role)) === 'true' &&
    !isExpired(secret, env.clock.now());
  if (!equal || !usable) throw tokenRefused();
}
