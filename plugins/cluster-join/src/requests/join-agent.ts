/** A machine becomes a node. */
import type { ClientCertificate } from '@timonel/sdk/contracts/auth';
import { isNotFound, nodes } from '@timonel/sdk/kube';
import { nodeNameOfSubject, nodeProfile, signRequest } from '@timonel/sdk/pki';
import type { AgentJoinAnswer } from '@timonel/sdk/join';
import type { JoinParts } from '../parts.ts';
import { checkToken } from '../token-check.ts';
import { agentBody, parseBody, parseRequest } from './bodies.ts';
import { claimNode } from './node-claim.ts';

const pollMs = 100;

/** The node's pod addresses, once they are allocated; empty when nobody did in time. */
async function podCidrOf({ api, env, config }: JoinParts, name: string, signal: AbortSignal): Promise<string> {
  const deadline = env.clock.monotonic() + config.podCidrTimeoutMs;
  for (;;) {
    try {
      const node = await api.get(nodes, { name });
      if (node.spec.podCIDR !== undefined && node.spec.podCIDR !== '') return node.spec.podCIDR;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    if (env.clock.monotonic() >= deadline || signal.aborted) return '';
    await env.timers.sleep(pollMs, signal).catch(() => undefined);
  }
}

/** @throws ApiError */
export async function joinAgent(
  parts: JoinParts,
  body: unknown,
  certificate: ClientCertificate | undefined,
  signal: AbortSignal,
): Promise<AgentJoinAnswer> {
  const { api, env, authority, config } = parts;
  const { token, nodeName, csr, addresses, podCidr: given } = parseBody(agentBody, body);
  await checkToken(api, env, token, 'agent');
  const request = await parseRequest(csr);
  const shown = certificate !== undefined && nodeNameOfSubject(certificate) === nodeName ? certificate : undefined;
  const ownKeys = [request.publicKeyFingerprint, ...(shown === undefined ? [] : [shown.publicKeyFingerprint])];
  await claimNode(api, nodeName, ownKeys, given === undefined ? {} : { podCIDR: given, podCIDRs: [given] });
  const podCidr = given ?? (await podCidrOf(parts, nodeName, signal));
  const profile = nodeProfile(nodeName, addresses, config.certificateLifetimeMs);
  parts.log.info({ node: nodeName, podCidr }, 'a node has joined');
  return {
    nodeName,
    certificate: await signRequest(env, authority, csr, profile),
    ca: authority.certificatePem,
    servers: parts.servers(),
    clusterCidr: config.clusterCidr,
    serviceCidr: config.serviceCidr,
    podCidr,
  };
}
