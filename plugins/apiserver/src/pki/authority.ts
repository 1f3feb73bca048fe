/** The cluster's authority, for those who decide what it signs. */
import type { Env } from '@timonel/sdk';
import type { ClusterAuthority } from '@timonel/sdk/contracts/auth';
import { readAuthority, signRequest } from '@timonel/sdk/pki';

export function authorityIn(env: Env, directory: string): ClusterAuthority {
  return {
    async sign(requestPem, subject) {
      const { certificatePem, keyPem } = await readAuthority(env, directory);
      // Without the chain to an authority of before: only servers look at these certificates, and they know the new one.
      return signRequest(env, { certificatePem, keyPem }, requestPem, subject, 'common');
    },
  };
}
