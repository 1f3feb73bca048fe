/** The certificates of this server beside that of its API: as a member of the store, and as a client of nodes. */
import type { Env } from '@timonel/sdk';
import { identityNames, keepIdentity, masterClientProfile, peerProfile, type Authority } from '@timonel/sdk/pki';
import type { ClusterJoinConfig } from '../config.ts';

type Config = Pick<ClusterJoinConfig, 'name' | 'memberId' | 'peerNames' | 'pkiDirectory' | 'certificateLifetimeMs'>;

/** Makes or renews what is due. Resolves with the names of those. @throws PkiError */
export async function keepOwnCertificates(env: Env, config: Config, authority: Authority): Promise<readonly string[]> {
  const { pkiDirectory, certificateLifetimeMs: lifetimeMs } = config;
  const profiles = {
    [identityNames.peer]: peerProfile(config.memberId, config.peerNames, lifetimeMs),
    [identityNames.masterClient]: masterClientProfile(config.name, lifetimeMs),
  };
  const names: string[] = [];
  for (const [name, profile] of Object.entries(profiles)) {
    const { renewed } = await keepIdentity(env, pkiDirectory, name, authority, profile);
    if (renewed) names.push(name);
  }
  return names;
}
