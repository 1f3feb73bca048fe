/** What a pod asks for, and what it is limited to, by the names of resources. Source: KEP-753, KEP-2837. */
import type { Container, Pod, Quantities } from '../kube/index.ts';
import { most, nothing, sum, usageOf, type Usage } from './usage.ts';

export type Side = 'limits' | 'requests';

type Whole = { readonly [side in Side]?: Quantities } | undefined;

/** Of the containers and sidecars together, or of the most demanding init container with the sidecars before it if that is more. */
export function containersResources({ spec }: Pick<Pod, 'spec'>, side: Side): Usage {
  const of = ({ resources }: Container): Usage => usageOf(resources?.[side]);
  let sidecars = nothing;
  let peak = nothing;
  for (const container of spec.initContainers ?? []) {
    const own = of(container);
    if (container.restartPolicy === 'Always') {
      sidecars = sum(sidecars, own);
      peak = most(peak, sidecars);
    } else {
      peak = most(peak, sum(own, sidecars));
    }
  }
  const running = (spec.containers ?? []).map(of).reduce(sum, sidecars);
  const all = most(running, peak);
  // What the pod as a whole is given stands above the sum of its containers.
  const whole = usageOf((spec['resources'] as Whole)?.[side]);
  return whole.size === 0 ? all : new Map([...all, ...whole]);
}

/** The same with the overhead of the runtime; limits only where there are any. */
export function podResources(pod: Pick<Pod, 'spec'>, side: Side): Usage {
  const own = containersResources(pod, side);
  const overhead = usageOf(pod.spec.overhead);
  if (overhead.size === 0) return own;
  if (side === 'requests') return sum(own, overhead);
  return sum(own, new Map([...overhead].filter(([name]) => own.has(name))));
}
