/** What becomes of packets to one address, after services are translated. Pure. */
import {
  decisions,
  policyPod,
  type Decision,
  type End,
  type PolicyCluster,
} from '@timonel/sdk/contracts/network-policy';
import type { EndpointState, TrafficPath, TrafficRule } from '@timonel/sdk/contracts/why';
import type { Node, Pod } from '@timonel/sdk/kube';
import { addressOf, isReadyNode, type AddressEnd, type PodEnd, type Scene } from './scene.ts';

export interface Destination {
  readonly address: string;
  readonly port: number;
  readonly pod?: Pod | undefined;
  /** Of a pod, or the one whose address it is. */
  readonly node?: string | undefined;
  readonly state?: EndpointState | undefined;
  readonly used: boolean;
}

export function nodeOf(end: PodEnd | AddressEnd): string | undefined {
  return end.kind === 'pod' ? end.pod.spec.nodeName : end.node;
}

function sourceAddress(end: PodEnd | AddressEnd): string {
  return end.kind === 'pod' ? (addressOf(end.pod) ?? '') : end.address;
}

function endOf(address: string, pod: Pod | undefined, node: string | undefined): End {
  const counted = pod === undefined ? undefined : policyPod(pod, [address]);
  return { address, pod: counted, ...(counted === undefined && node !== undefined ? { node } : {}) };
}

function ruleOf(decision: Decision, end: End, scene: Scene): TrafficRule {
  const { direction, allowed, policies, by } = decision;
  const node = end.pod?.nodeName;
  const tables = scene.tables.find((one) => one.node === node);
  const isKnown = tables !== undefined && tables.problem === undefined;
  return {
    direction,
    pod: end.pod?.key ?? '',
    ...(node === undefined ? {} : { node }),
    allowed,
    policies,
    ...(by === undefined ? {} : { by }),
    ...(isKnown && policies.length > 0 ? { enforced: tables.policies !== undefined } : {}),
  };
}

function placeOf(node: Node | undefined, name: string): string {
  const address = node?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const facts = [address, node?.spec.podCIDR === undefined ? undefined : `pods ${node.spec.podCIDR}`];
  const text = facts.filter((fact) => fact !== undefined).join(', ');
  return text === '' ? name : `${name} (${text})`;
}

function routeOf(from: string | undefined, to: Destination, nodes: Scene['nodes']): string {
  if (to.node === undefined) {
    return from === undefined
      ? 'outside of the cluster'
      : `leaves the cluster by node ${from}, with the address of that node`;
  }
  if (from === to.node) return `stays on node ${from}`;
  const target = placeOf(nodes.get(to.node), to.node);
  return from === undefined ? `comes to node ${target}` : `from node ${from} to node ${target}`;
}

function notesOf(scene: Scene, to: Destination, from: End, target: End, rules: readonly TrafficRule[]): string[] {
  const notes: string[] = [];
  const isSame = from.pod !== undefined && from.pod.key === target.pod?.key;
  const isNear = nodeOf(scene.from) !== undefined && nodeOf(scene.from) === to.node;
  if (isSame) notes.push('a pod always reaches itself');
  else if (rules.length === 0 && (from.pod ?? target.pod) !== undefined && isNear) {
    notes.push('a pod and its own node always reach each other, whatever policies say');
  }
  const phase = to.pod?.status?.phase;
  if (to.pod !== undefined && phase !== 'Running') notes.push(`the pod is ${phase ?? 'Pending'}`);
  if (to.pod?.metadata.deletionTimestamp !== undefined) notes.push('the pod is being deleted');
  if (to.node !== undefined && !isReadyNode(scene.nodes.get(to.node))) notes.push(`node ${to.node} is not Ready`);
  for (const rule of rules) {
    if (rule.enforced === false) notes.push(`node ${rule.node} enforces no policies: they do not count there`);
  }
  return [...new Set(notes)];
}

export function pathTo(to: Destination, scene: Scene): TrafficPath {
  const source = scene.from.kind === 'pod' ? scene.from.pod : undefined;
  const from = endOf(sourceAddress(scene.from), source, nodeOf(scene.from));
  const isSelf = source !== undefined && source.metadata.uid === to.pod?.metadata.uid;
  const target = isSelf ? from : endOf(to.address, to.pod, to.node);
  const pods = [from.pod, target.pod].filter((pod) => pod !== undefined);
  const cluster: PolicyCluster = { namespaces: scene.namespaces, policies: scene.policies, pods };
  const packet = { from, to: target, protocol: scene.protocol, port: to.port };
  const rules = decisions(packet, cluster).map((one) => ruleOf(one, one.direction === 'egress' ? from : target, scene));
  const isDropped = rules.some(({ allowed, enforced }) => !allowed && enforced !== false);
  return {
    address: to.address,
    port: to.port,
    ...(to.pod === undefined ? {} : { pod: `${to.pod.metadata.namespace}/${to.pod.metadata.name}` }),
    ...(to.node === undefined ? {} : { node: to.node }),
    ...(to.state === undefined ? {} : { state: to.state }),
    used: to.used,
    route: routeOf(nodeOf(scene.from), to, scene.nodes),
    outcome: isDropped ? 'dropped' : 'passes',
    rules,
    notes: notesOf(scene, to, from, target, rules),
  };
}
