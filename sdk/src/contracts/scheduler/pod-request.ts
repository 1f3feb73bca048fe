import { milliCpu, wholeQuantity, type Container, type Pod, type Quantities } from '../../kube/index.ts';
import type { PodRequest } from './index.ts';

interface Sum {
  milliCpu: number;
  memoryBytes: number;
  ephemeralStorageBytes: number;
  extended: Record<string, number>;
}

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

/**
 * What a pod takes from its node: the containers and sidecars together, or the most demanding init container with the
 * sidecars started before it if that is more, plus the overhead. Source: KEP-753 "Resources calculation".
 */
export function podRequest(pod: Pod): PodRequest {
  let sidecars = nothing();
  let initPeak = nothing();
  for (const container of pod.spec.initContainers ?? []) {
    const wanted = requestsOf(container);
    if (container.restartPolicy === 'Always') {
      sidecars = combine(sidecars, wanted, plus);
      initPeak = combine(initPeak, sidecars, Math.max);
    } else {
      initPeak = combine(initPeak, combine(wanted, sidecars, plus), Math.max);
    }
  }
  const running = pod.spec.containers.map(requestsOf).reduce((sum, next) => combine(sum, next, plus), sidecars);
  return combine(combine(running, initPeak, Math.max), quantitiesOf(pod.spec.overhead), plus);
}
