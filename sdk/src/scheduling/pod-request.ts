import { milliCpu, wholeQuantity, type Container, type Pod, type Quantities } from '../kube/index.ts';
import type { PodRequest } from '../contracts/scheduler/index.ts';

interface Sum {
  milliCpu: number;
  memoryBytes: number;
  ephemeralStorageBytes: number;
  extended: Record<string, number>;
}

/** What a container counts for in scores when it asks for nothing. Source: kube-scheduler, `GetNonzeroRequests`. */
const assumedMilliCpu = 100;
const assumedMemoryBytes = 200 * 1024 * 1024;

const nothing = (): Sum => ({ milliCpu: 0, memoryBytes: 0, ephemeralStorageBytes: 0, extended: {} });

function quantitiesOf(quantities: Quantities | undefined): Sum {
  const sum = nothing();
  for (const [resource, amount] of Object.entries(quantities ?? {})) {
    if (resource === 'cpu') sum.milliCpu = milliCpu(amount) ?? 0;
    else if (resource === 'memory') sum.memoryBytes = wholeQuantity(amount) ?? 0;
    else if (resource === 'ephemeral-storage') sum.ephemeralStorageBytes = wholeQuantity(amount) ?? 0;
    else sum.extended[resource] = wholeQuantity(amount) ?? 0;
  }
  return sum;
}

/** A limit without a request counts as the request. */
function requestsOf(container: Container): Sum {
  return quantitiesOf({ ...container.resources?.limits, ...container.resources?.requests });
}

function scoringRequestsOf(container: Container): Sum {
  const requests = { ...container.resources?.limits, ...container.resources?.requests };
  const sum = quantitiesOf(requests);
  if (requests['cpu'] === undefined) sum.milliCpu = assumedMilliCpu;
  if (requests['memory'] === undefined) sum.memoryBytes = assumedMemoryBytes;
  return sum;
}

function combine(a: Sum, b: Sum, pick: (x: number, y: number) => number): Sum {
  const extended: Record<string, number> = {};
  for (const key of new Set([...Object.keys(a.extended), ...Object.keys(b.extended)])) {
    extended[key] = pick(a.extended[key] ?? 0, b.extended[key] ?? 0);
  }
  return {
    milliCpu: pick(a.milliCpu, b.milliCpu),
    memoryBytes: pick(a.memoryBytes, b.memoryBytes),
    ephemeralStorageBytes: pick(a.ephemeralStorageBytes, b.ephemeralStorageBytes),
    extended,
  };
}

const plus = (x: number, y: number): number => x + y;

function summed(pod: Pod, of: (container: Container) => Sum): Sum {
  let sidecars = nothing();
  let initPeak = nothing();
  for (const container of pod.spec.initContainers ?? []) {
    const wanted = of(container);
    if (container.restartPolicy === 'Always') {
      sidecars = combine(sidecars, wanted, plus);
      initPeak = combine(initPeak, sidecars, Math.max);
    } else {
      initPeak = combine(initPeak, combine(wanted, sidecars, plus), Math.max);
    }
  }
  const running = pod.spec.containers.map(of).reduce((sum, next) => combine(sum, next, plus), sidecars);
  const all = combine(running, initPeak, Math.max);
  // What the pod as a whole asks for stands above the sum of its containers.
  const ofPod = pod.spec['resources'] as Container['resources'];
  const whole = { ...ofPod?.limits, ...ofPod?.requests };
  const given = quantitiesOf(whole);
  if (whole['cpu'] !== undefined) all.milliCpu = given.milliCpu;
  if (whole['memory'] !== undefined) all.memoryBytes = given.memoryBytes;
  for (const [resource, amount] of Object.entries(given.extended)) all.extended[resource] = amount;
  return combine(all, quantitiesOf(pod.spec.overhead), plus);
}

/**
 * What a pod takes from its node: the containers and sidecars together, or the most demanding init container with the
 * sidecars started before it if that is more, plus the overhead. Source: KEP-753 "Resources calculation", KEP-2837 for `spec.resources`.
 */
export function podRequest(pod: Pod): PodRequest {
  return summed(pod, requestsOf);
}

/** The same for scores: a container without a request counts as 100 mCPU and 200 MiB. */
export function scoringRequest(pod: Pod): { readonly milliCpu: number; readonly memoryBytes: number } {
  const { milliCpu: cpu, memoryBytes } = summed(pod, scoringRequestsOf);
  return { milliCpu: cpu, memoryBytes };
}
