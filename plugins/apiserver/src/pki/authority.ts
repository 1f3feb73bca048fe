/** The cluster's authority, for those who decide what it signs. */
import type { Env } from '@timonel/sdk';
import type { ClusterAuthority } from '@timonel/sdk/contracts/auth';
import { keepAuthority, signRequest } from '@timonel/sdk/pki';

export function authorityIn(env: Env, directory: string): ClusterAuthority {
  return {
    sign: async (requestPem, subject) =>
      signRequest(env, await keepAuthority(env, directory), requestPem, subject, 'common'),
  };
}
