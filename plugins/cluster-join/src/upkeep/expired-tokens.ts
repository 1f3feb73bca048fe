/** Join tokens that have expired are removed. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { joinTokenHashKey, joinTokenNamespace, joinTokenSecretType } from '@timonel/sdk/join';
import { isConflict, isNotFound, secrets } from '@timonel/sdk/kube';
import { isExpired } from '../token-check.ts';

/** Resolves with how many went. Tokens of other origin (kubeadm) are left alone. @throws ApiError */
export async function removeExpiredTokens(api: ApiClient, env: Env): Promise<number> {
  const options = { namespace: joinTokenNamespace, fieldSelector: `type=${joinTokenSecretType}` };
  const { items } = await api.list(secrets, options);
  let removed = 0;
  for (const secret of items) {
    const { name = '', uid } = secret.metadata;
    if (secret.data?.[joinTokenHashKey] === undefined || !isExpired(secret, env.clock.now())) continue;
    try {
      const preconditions = uid === undefined ? {} : { preconditions: { uid } };
      await api.delete(secrets, { namespace: joinTokenNamespace, name }, preconditions);
      removed += 1;
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
  return removed;
}
