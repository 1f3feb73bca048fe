/** A node gets its next certificate, by the one it has. */
import type { RouteRequest } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';
import { nodeNameOfSubject, nodeProfile, signRequest } from '@timonel/sdk/pki';
import type { RenewAnswer } from '@timonel/sdk/join';
import type { JoinParts } from '../parts.ts';
import { parseBody, parseRequest, renewBody } from './bodies.ts';
import { claimNode } from './node-claim.ts';
import { checkNames } from './server-places.ts';

/** @throws ApiError */
export async function renew(
  parts: JoinParts,
  { body, certificate, remoteAddress }: RouteRequest,
): Promise<RenewAnswer> {
  const { api, env, config, log } = parts;
  const nodeName = certificate === undefined ? undefined : nodeNameOfSubject(certificate);
  if (certificate === undefined || nodeName === undefined) {
    throw new ApiError('Forbidden', 'certificates are renewed for nodes only, which show the one they have');
  }
  const { csr, addresses } = parseBody(renewBody, body);
  const request = await parseRequest(csr);
  await checkNames(parts, [nodeName, ...addresses], remoteAddress);
  await claimNode(api, nodeName, [request.publicKeyFingerprint, certificate.publicKeyFingerprint]);
  const authority = parts.authority.now;
  log.info({ node: nodeName }, 'the certificate of a node has been renewed');
  return {
    certificate: await signRequest(env, authority, csr, nodeProfile(nodeName, addresses, config.certificateLifetimeMs)),
    ca: authority.certificatePem,
    servers: parts.servers(),
  };
}
