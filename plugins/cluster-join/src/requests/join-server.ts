/** A machine becomes a server: its store member is added as a learner, and it gets what every server knows. */
import { readFile } from 'node:fs/promises';
import { errorCode, errorMessage } from '@timonel/sdk';
import type { MemberStatus, StoreAdmin } from '@timonel/sdk/contracts/store';
import { ApiError } from '@timonel/sdk/kube';
import { keepMasterKey, keepSharedSigningKey, peerProfile, signRequest } from '@timonel/sdk/pki';
import type { ServerJoinAnswer } from '@timonel/sdk/join';
import type { JoinParts } from '../parts.ts';
import { checkToken } from '../token-check.ts';
import { hostOf, parseBody, parseRequest, serverBody } from './bodies.ts';

interface NewMember {
  readonly id: string;
  readonly name: string;
  readonly peerUrl: string;
}

function clash({ id, name, peerUrl }: NewMember, members: readonly MemberStatus[]): ApiError | undefined {
  const other = members.find(
    (member) => member.id !== id && (member.name === name || member.peerUrls.includes(peerUrl)),
  );
  if (other !== undefined) {
    const what = other.name === name ? `the name "${name}"` : `the peer address ${peerUrl}`;
    return new ApiError(
      'Conflict',
      `${what} belongs to the member ${other.id}: choose another, or, if that machine is gone, remove the member first by \`timonel store remove ${other.id}\``,
    );
  }
  const same = members.find((member) => member.id === id);
  if (same !== undefined && !same.peerUrls.includes(peerUrl)) {
    return new ApiError(
      'Conflict',
      `this member is known under another peer address (${same.peerUrls.join(', ')}): join with the same --peer-listen and --advertise as before, or remove the member first by \`timonel store remove ${id}\``,
    );
  }
  return undefined;
}

/** Adds the member unless it is there: a retry changes nothing. @throws ApiError */
async function addMember(admin: StoreAdmin, member: NewMember): Promise<void> {
  try {
    const members = await admin.members();
    const problem = clash(member, members);
    if (problem !== undefined) throw problem;
    if (!members.some(({ id }) => id === member.id)) await admin.addLearner(member);
  } catch (error) {
    if (errorCode(error) === 'REFUSED') throw new ApiError('Conflict', errorMessage(error));
    if (errorCode(error) === 'UNAVAILABLE') throw new ApiError('ServiceUnavailable', errorMessage(error));
    throw error;
  }
}

/** What all servers have beside the authority. */
async function sharedKeys({ env, config }: JoinParts): Promise<Pick<ServerJoinAnswer, 'masterKey' | 'signingKey'>> {
  const masterKey = await keepMasterKey(env, config.pkiDirectory);
  const signingKey = await keepSharedSigningKey(env, config.pkiDirectory);
  return {
    masterKey: Buffer.from(masterKey).toString('base64'),
    signingKey: String(signingKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}

/** @throws ApiError */
export async function joinServer(parts: JoinParts, body: unknown): Promise<ServerJoinAnswer> {
  const { api, env, config, log } = parts;
  const { token, name, memberId, peerUrl, csr } = parseBody(serverBody, body);
  await checkToken(api, env, token, 'server');
  await parseRequest(csr);
  const admin = parts.storeAdmin();
  if (admin === undefined || config.adminTokenFile === undefined) {
    throw new ApiError(
      'Conflict',
      "this cluster's store takes no members: servers join clusters that were started by `timonel server` with the store raft",
    );
  }
  const adminToken = (await readFile(config.adminTokenFile, 'utf8')).trim();
  const authority = parts.authority.now;
  const profile = peerProfile(memberId, [...new Set([hostOf(peerUrl), name])], config.certificateLifetimeMs);
  const certificate = await signRequest(env, authority, csr, profile);
  await addMember(admin, { id: memberId, name, peerUrl });
  log.info({ name, memberId, peerUrl }, 'a server has joined');
  return {
    certificate,
    ca: authority.certificatePem,
    caKey: authority.keyPem,
    succession: parts.authority.succession,
    ...(await sharedKeys(parts)),
    adminToken,
    servers: parts.servers(),
    clusterCidr: config.clusterCidr,
    serviceCidr: config.serviceCidr,
  };
}
