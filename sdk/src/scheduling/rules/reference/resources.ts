import { parseQuantity, type Container, type Pod } from '../../../kube/index.ts';
import type { NodeWithPods, ReferenceFilter, ReferenceScore } from './one-node.ts';

/** In thousandths for cpu, else in whole units. */
function amount(resource: string, text: string | undefined): number {
  const value = text === undefined ? 0 : (parseQuantity(text) ?? 0);
  return Math.ceil(Math.round(value * (resource === 'cpu' ? 1000 : 1) * 1e3) / 1e3);
}

type Assumed = Readonly<Record<string, number>>;

function ofContainer({ resources }: Container, resource: string, assumed: Assumed): number {
  const text = resources?.requests?.[resource] ?? resources?.limits?.[resource];
  return text === undefined ? (assumed[resource] ?? 0) : amount(resource, text);
}

/** The larger of what runs in the end and of what runs while some init container does. */
export function requested(pod: Pod, resource: string, assumed: Assumed = {}): number {
  let peak = 0;
  let sidecars = 0;
  for (const container of pod.spec.initContainers ?? []) {
    const own = ofContainer(container, resource, assumed);
    if (container.restartPolicy === 'Always') sidecars += own;
    peak = Math.max(peak, container.restartPolicy === 'Always' ? sidecars : sidecars + own);
  }
  let running = sidecars;
  for (const container of pod.spec.containers) running += ofContainer(container, resource, assumed);
  return Math.max(running, peak) + amount(resource, pod.spec.overhead?.[resource]);
}

function allocatable({ node }: NodeWithPods, resource: string): number {
  return amount(resource, node.status?.allocatable?.[resource]);
}

function namesOf(pod: Pod): Set<string> {
  const names = new Set(['cpu', 'memory', 'ephemeral-storage']);
  for (const { resources } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    for (const name of Object.keys({ ...resources?.requests, ...resources?.limits })) names.add(name);
  }
  return names;
}

function total(pods: readonly Pod[], resource: string, assumed: Assumed = {}): number {
  let sum = 0;
  for (const pod of pods) sum += requested(pod, resource, assumed);
  return sum;
}

/** `isIgnored`: resources that do not count. */
export function nodeResourcesFitReference(isIgnored: (resource: string) => boolean = () => false): ReferenceFilter {
  return (pod, here) => {
    const reasons: string[] = [];
    if (here.pods.length + 1 > allocatable(here, 'pods')) reasons.push('Too many pods');
    for (const resource of namesOf(pod)) {
      if (isIgnored(resource)) continue;
      const wanted = requested(pod, resource);
      const free = allocatable(here, resource) - total(here.pods, resource);
      if (wanted > 0 && wanted > free) reasons.push(`Insufficient ${resource}`);
    }
    return reasons;
  };
}

/** Containers that ask for nothing count as if they asked for a little. */
const assumed: Assumed = { cpu: 100, memory: 200 * 1024 * 1024 };

function weightedMean(
  weights: Readonly<Record<string, number>>,
  score: (used: number, room: number) => number,
  isRatio: boolean,
): ReferenceScore {
  return (pod, here) => {
    let sum = 0;
    let divisor = 0;
    for (const [resource, weight] of Object.entries(weights)) {
      const room = allocatable(here, resource);
      const own = requested(pod, resource, assumed);
      const isExtended = !['cpu', 'memory', 'ephemeral-storage'].includes(resource);
      if (room === 0 || (isExtended && own === 0)) continue;
      const of = score(own + total(here.pods, resource, assumed), room);
      if (isRatio && of <= 0) continue;
      sum += of * weight;
      divisor += weight;
    }
    if (divisor === 0) return 0;
    return isRatio ? Math.round(sum / divisor) : Math.floor(sum / divisor);
  };
}

export function leastAllocatedReference(weights: Readonly<Record<string, number>>): ReferenceScore {
  return weightedMean(weights, (used, room) => (used > room ? 0 : Math.floor(((room - used) * 100) / room)), false);
}

export function mostAllocatedReference(weights: Readonly<Record<string, number>>): ReferenceScore {
  return weightedMean(weights, (used, room) => Math.floor((Math.min(used, room) * 100) / room), false);
}

/** `shape`: pairs of utilisation and score 0 … 10. */
export function ratioReference(
  weights: Readonly<Record<string, number>>,
  shape: readonly (readonly [utilization: number, score: number])[],
): ReferenceScore {
  const at = (utilization: number): number => {
    let [lastU, lastS] = shape[0] as readonly [number, number];
    if (utilization <= lastU) return lastS * 10;
    for (const [u, s] of shape.slice(1)) {
      if (utilization <= u) {
        return lastS * 10 + Math.trunc(((s - lastS) * 10 * (utilization - lastU)) / (u - lastU));
      }
      [lastU, lastS] = [u, s];
    }
    return lastS * 10;
  };
  return weightedMean(weights, (used, room) => at(used > room ? 100 : Math.floor((used * 100) / room)), true);
}

/** Without what is assumed for containers that ask for nothing. A pod that asks for none of the resources is not scored: 0. */
export function balancedAllocationReference(resources: readonly string[]): ReferenceScore {
  return (pod, here) => {
    if (resources.every((resource) => requested(pod, resource) === 0)) return 0;
    const fractions: number[] = [];
    for (const resource of resources) {
      const room = allocatable(here, resource);
      const own = requested(pod, resource);
      const isExtended = !['cpu', 'memory', 'ephemeral-storage'].includes(resource);
      if (room === 0 || (isExtended && own === 0)) continue;
      fractions.push(Math.min(1, (own + total(here.pods, resource)) / room));
    }
    const [a = 0, b = 0] = fractions;
    if (fractions.length < 2) return 100;
    if (fractions.length === 2) return Math.trunc((1 - Math.abs((a - b) / 2)) * 100);
    const mean = fractions.reduce((sum, fraction) => sum + fraction, 0) / fractions.length;
    const variance = fractions.reduce((sum, fraction) => sum + (fraction - mean) ** 2, 0) / fractions.length;
    return Math.trunc((1 - Math.sqrt(variance)) * 100);
  };
}
