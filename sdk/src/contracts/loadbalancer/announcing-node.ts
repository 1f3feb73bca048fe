/** Which node answers for an address: every node comes to the same answer by itself. */
import { createHash } from 'node:crypto';
import type { EndpointSlice, Node, Service } from '../../kube/index.ts';
import { familyOf } from '../network/index.ts';

const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** Whether the node may answer for addresses: it is ready, and is not excluded by its label. */
export function mayAnnounce({ metadata, status }: Node): boolean {
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
  return ready && metadata.deletionTimestamp === undefined && metadata.labels?.[excludeLabel] === undefined;
}

function weight(address: string, nodeName: string): string {
  return createHash('sha256').update(`${address} ${nodeName}`).digest('hex');
}

/**
 * Of the nodes that may, always the same one for an address; when it goes, another one takes over, and the other addresses stay
 * where they are (rendezvous hashing, Thaler and Ravishankar 1998). With `externalTrafficPolicy: Local` only nodes with a ready pod of
 * the service that has an address of that family count. Undefined: no node may. `slices`: those of the service.
 */
export function announcingNode(
  address: string,
  { spec }: Service,
  slices: readonly EndpointSlice[],
  nodes: readonly Node[],
): string | undefined {
  const isLocal = spec.externalTrafficPolicy === 'Local';
  const withPod = isLocal ? nodesWithPod(slices, `IPv${familyOf(address)}`) : undefined;
  let best: { readonly name: string; readonly weight: string } | undefined;
  for (const node of nodes) {
    const { name = '' } = node.metadata;
    if (!mayAnnounce(node) || withPod?.has(name) === false) continue;
    const own = { name, weight: weight(address, name) };
    if (best === undefined || own.weight < best.weight) best = own;
  }
  return best?.name;
}

function nodesWithPod(slices: readonly EndpointSlice[], addressType: string): ReadonlySet<string> {
  const endpoints = slices.flatMap((slice) => (slice.addressType === addressType ? (slice.endpoints ?? []) : []));
  return new Set(
    endpoints.flatMap(({ conditions, nodeName }) => (conditions?.ready === false ? [] : (nodeName ?? []))),
  );
}
