/** What each signer of Kubernetes signs. Source: the documentation of its signers. Pure. */
import type { IssuedSubject } from '@timonel/sdk/contracts/auth';
import type { CertificateSigningRequest } from '@timonel/sdk/kube';
import { nodeNameOfSubject, nodesGroup, type SigningRequest } from '@timonel/sdk/pki';

export const userSigner = 'kubernetes.io/kube-apiserver-client';
export const nodeSigner = 'kubernetes.io/kube-apiserver-client-kubelet';
export const servingSigner = 'kubernetes.io/kubelet-serving';
export const legacySigner = 'kubernetes.io/legacy-unknown';

/** Whoever is in this group may do everything. */
export const administrators = 'system:masters';

const yearSeconds = 365 * 24 * 3600;

interface Signer {
  readonly usage: 'client' | 'server';
  /** Why it does not sign; undefined: it does. */
  problem?(asked: SigningRequest, spec: CertificateSigningRequest['spec']): string | undefined;
}

/** Groups and names of the cluster's own parts: members of its store, masters to their nodes. */
const ownPrefix = 'timonel:';

/** The first group of a request into which nobody gets by one: whoever may approve would have all rights by it, or be a server. */
export function reservedGroup({ organizations }: Pick<SigningRequest, 'organizations'>): string | undefined {
  return organizations.find((name) => name === administrators || name.startsWith(ownPrefix));
}

/** Admission refuses the groups already: but not in requests that were made while nobody looked. */
function userProblem(asked: SigningRequest): string | undefined {
  const group = reservedGroup(asked);
  if (group !== undefined) return `nobody is put into the group ${group}`;
  return asked.commonName.startsWith(ownPrefix)
    ? `names that begin with ${ownPrefix} belong to the cluster itself`
    : undefined;
}

function nodeProblem({ organizations, commonName, otherNameTypes }: SigningRequest): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== nodesGroup) return 'subject organization is not system:nodes';
  if (nodeNameOfSubject({ commonName, organizations }) === undefined)
    return 'subject common name does not begin with system:node: ';
  return otherNameTypes.length === 0 ? undefined : `${otherNameTypes[0]} subjectAltNames are not allowed`;
}

function servingProblem(
  asked: SigningRequest,
  { username, groups = [] }: CertificateSigningRequest['spec'],
): string | undefined {
  const problem = nodeProblem(asked);
  if (problem !== undefined) return problem;
  if (asked.names.length === 0) return 'at least one DNS or IP subjectAltName is required';
  const isItself = username === asked.commonName && groups.includes(nodesGroup);
  return isItself ? undefined : 'requested by somebody else than the node';
}

const signers: Readonly<Record<string, Signer>> = {
  [userSigner]: { usage: 'client', problem: userProblem },
  [nodeSigner]: {
    usage: 'client',
    problem: (asked) =>
      nodeProblem(asked) ?? (asked.names.length === 0 ? undefined : 'DNS and IP subjectAltNames are not allowed'),
  },
  [servingSigner]: { usage: 'server', problem: servingProblem },
};

export function isSigned(signerName: string): boolean {
  return Object.hasOwn(signers, signerName);
}

function usageProblem({ usage }: Signer, usages: readonly string[]): string | undefined {
  const needed = `${usage} auth`;
  const allowed = new Set([needed, 'digital signature', 'key encipherment']);
  const isFit = usages.includes(needed) && usages.every((one) => allowed.has(one));
  return isFit ? undefined : `usages did not match: ${needed}, digital signature, and key encipherment for RSA`;
}

/** What the certificate is to say, or why there is to be none. */
export function subjectFor(
  spec: CertificateSigningRequest['spec'],
  asked: SigningRequest,
): { readonly subject: IssuedSubject } | { readonly problem: string } {
  const signer = isSigned(spec.signerName) ? signers[spec.signerName] : undefined;
  if (signer === undefined) return { problem: `nobody signs for ${spec.signerName}` };
  const problem = usageProblem(signer, spec.usages ?? []) ?? signer.problem?.(asked, spec);
  if (problem !== undefined) return { problem };
  const { commonName, organizations, names } = asked;
  const seconds = Math.min(spec.expirationSeconds ?? yearSeconds, yearSeconds);
  const usages = [signer.usage] as const;
  return { subject: { commonName, organizations, names, usages, lifetimeMs: seconds * 1000 } };
}

/** Under which right a node gets its client certificate without anybody approving it; undefined: it is none. */
export function approvedBy(spec: CertificateSigningRequest['spec'], asked: SigningRequest): string | undefined {
  if (spec.signerName !== nodeSigner || 'problem' in subjectFor(spec, asked)) return undefined;
  return spec.username === asked.commonName ? 'selfnodeclient' : 'nodeclient';
}
