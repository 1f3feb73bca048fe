/** Whether this node is one for the pod, and has room for it: what a scheduler looks at, for pods that came without one. Pure. */
import { milliCpu, wholeQuantity, type Node, type Pod, type Quantities } from '@timonel/sdk/kube';
import { hostPortsOf, nodeFit, podRequest, portsCollide } from '@timonel/sdk/scheduling';
import { isStaticPod } from '../static-pods/identity.ts';
import type { Rejection } from './rejection.ts';

export interface Place {
  /** Undefined: nobody told yet. */
  readonly node: Node | undefined;
  /** Pods that run here or will. */
  readonly others: readonly Pod[];
  readonly allocatable: Quantities;
}

type Request = ReturnType<typeof podRequest>;

const shortOf = (resource: string, requested: number, used: number, capacity: number): Rejection => ({
  reason: `OutOf${resource}`,
  message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
});

const mismatch = (predicate: string, why: string): Rejection => ({
  reason: predicate,
  message: `Predicate ${predicate} failed: ${why}`,
});

export function placementRejection(pod: Pod, place: Place): Rejection | undefined {
  return roomRejection(pod, place) ?? kindRejection(pod, place);
}

/** Whatever room there is. */
export function kindRejection(pod: Pod, place: Place): Rejection | undefined {
  return selectorRejection(pod, place) ?? portRejection(pod, place);
}

/** It does not fit to the node by what the node's object says: a newer one may say otherwise. */
export function selectorRejection(pod: Pod, { node }: Pick<Place, 'node'>): Rejection | undefined {
  if (node === undefined) return undefined;
  const fit = nodeFit(pod.spec);
  if (!fit.matches(node)) return mismatch('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  const expelling = fit.untolerated(node).some(({ effect }) => effect === 'NoExecute');
  if (!expelling || isStaticPod(pod)) return undefined;
  return mismatch('TaintToleration', "node(s) had taints that the pod didn't tolerate");
}

function portRejection(pod: Pod, { others }: Place): Rejection | undefined {
  const wanted = hostPortsOf(pod.spec);
  if (wanted.length === 0) return undefined;
  const taken = others.flatMap(({ spec }) => hostPortsOf(spec));
  if (!wanted.some((port) => taken.some((other) => portsCollide(port, other)))) return undefined;
  return mismatch('NodePorts', "node(s) didn't have free ports for the requested pod ports");
}

const amountOf = (request: Request, resource: string): number => {
  if (resource === 'cpu') return request.milliCpu;
  if (resource === 'memory') return request.memoryBytes;
  if (resource === 'ephemeral-storage') return request.ephemeralStorageBytes;
  return request.extended[resource] ?? 0;
};

/** A resource that the node does not name is not its own to give out: whoever named it to the scheduler answers for it. */
export function roomRejection(pod: Pod, { others, allocatable }: Place): Rejection | undefined {
  const pods = wholeQuantity(allocatable['pods'] ?? '');
  if (pods !== undefined && others.length + 1 > pods) return shortOf('pods', 1, others.length, pods);
  const own = podRequest(pod);
  const asked = Object.keys(allocatable).filter((resource) => amountOf(own, resource) > 0);
  if (asked.length === 0) return undefined;
  const requests = others.map(podRequest);
  for (const resource of asked) {
    const text = allocatable[resource] ?? '';
    const capacity = (resource === 'cpu' ? milliCpu(text) : wholeQuantity(text)) ?? 0;
    const used = requests.reduce((sum, each) => sum + amountOf(each, resource), 0);
    const wanted = amountOf(own, resource);
    if (used + wanted > capacity) return shortOf(resource, wanted, used, capacity);
  }
  return undefined;
}
