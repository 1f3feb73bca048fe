/** A machine becomes a node. */
import type { RouteRequest } from '@timonel/sdk/contracts/api-server';
import { familyRangeTexts, parseFamilyRanges } from '@timonel/sdk/contracts/network';
import { isNotFound, nodes, type Node } from '@timonel/sdk/kube';
import { nodeNameOfSubject, nodeProfile, signRequest } from '@timonel/sdk/pki';
import type { AgentJoinAnswer } from '@timonel/sdk/join';
import type { JoinParts } from '../parts.ts';
import { checkToken } from '../token-check.ts';
import { agentBody, parseBody, parseRequest } from './bodies.ts';
import { claimNode } from './node-claim.ts';
import { checkNames } from './server-places.ts';

const pollMs = 100;

/** Ranges that a node brings along, as its object has them. */
function rangesOf(given: string | undefined): Node['spec'] {
  const ranges = parseFamilyRanges(given ?? '');
  if (ranges === undefined) return {};
  const podCIDRs = familyRangeTexts(ranges);
  return { podCIDR: podCIDRs[0] ?? '', podCIDRs: [...podCIDRs] };
}

/** The node's pod addresses, of two families with a comma between, once they are allocated; empty when nobody did in time. */
async function podCidrOf({ api, env, config }: JoinParts, name: string, signal: AbortSignal): Promise<string> {
  const deadline = env.clock.monotonic() + config.podCidrTimeoutMs;
  for (;;) {
    try {
      const node = await api.get(nodes, { name });
      const { podCIDR = '', podCIDRs = [podCIDR] } = node.spec;
      if (podCIDR !== '') return podCIDRs.join(',');
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
  { body, certificate, remoteAddress, signal }: RouteRequest,
): Promise<AgentJoinAnswer> {
  const { api, env, config } = parts;
  const { token, nodeName, csr, addresses, podCidr: given } = parseBody(agentBody, body);
  await checkToken(api, env, token, 'agent');
  const request = await parseRequest(csr);
  await checkNames(parts, [nodeName, ...addresses], remoteAddress);
  const shown = certificate !== undefined && nodeNameOfSubject(certificate) === nodeName ? certificate : undefined;
  const ownKeys = [request.publicKeyFingerprint, ...(shown === undefined ? [] : [shown.publicKeyFingerprint])];
  await claimNode(api, nodeName, ownKeys, rangesOf(given));
  const podCidr = given ?? (await podCidrOf(parts, nodeName, signal));
  const profile = nodeProfile(nodeName, addresses, config.certificateLifetimeMs);
  const authority = parts.authority.now;
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
