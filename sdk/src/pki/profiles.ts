/** The certificates that a cluster issues, by name, group and use. */
import type { CertificateProfile } from './issue.ts';

/** Group (O) of store members. */
export const storeMembersGroup = 'timonel:store-members';
/** Group (O) of the certificates by which masters reach nodes. */
export const mastersGroup = 'timonel:masters';
/** Group (O) of nodes, as in Kubernetes. */
export const nodesGroup = 'system:nodes';

const nodePrefix = 'system:node:';

/** The file names (without `.crt` and `.key`) in a pki directory. */
export const identityNames: {
  readonly peer: string;
  readonly masterClient: string;
  readonly node: string;
  readonly apiserver: string;
} = Object.freeze({ peer: 'peer', masterClient: 'master-client', node: 'node', apiserver: 'apiserver' });

/** Of a member of the store, for both ends of its connections to the others. `names`: under which the others reach it. */
export function peerProfile(memberId: string, names: readonly string[], lifetimeMs?: number): CertificateProfile {
  return {
    commonName: memberId,
    organizations: [storeMembersGroup],
    names,
    usages: ['server', 'client'],
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
  };
}

/** Of a master as a client of nodes. */
export function masterClientProfile(name: string, lifetimeMs?: number): CertificateProfile {
  return {
    commonName: `timonel:master:${name}`,
    organizations: [mastersGroup],
    usages: ['client'],
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
  };
}

/** Of a node, as a client of the API servers and as a server to them. */
export function nodeProfile(nodeName: string, addresses: readonly string[], lifetimeMs?: number): CertificateProfile {
  return {
    commonName: `${nodePrefix}${nodeName}`,
    organizations: [nodesGroup],
    names: [nodeName, ...addresses],
    usages: ['client', 'server'],
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
  };
}

/** The node that a certificate belongs to; undefined when it is not a node's. */
export function nodeNameOfSubject(subject: {
  readonly commonName: string;
  readonly organizations: readonly string[];
}): string | undefined {
  const isNode = subject.organizations.includes(nodesGroup) && subject.commonName.startsWith(nodePrefix);
  const name = subject.commonName.slice(nodePrefix.length);
  return isNode && name !== '' ? name : undefined;
}
