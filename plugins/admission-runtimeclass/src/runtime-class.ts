/** What a runtime class sets in its pods, and which pods contradict it. Pure. */
import type { Pod, PodSpec, RuntimeClass, Toleration } from '@timonel/sdk/kube';
import { jsonEqual } from '@timonel/sdk/controller';
import { positive, sameUsage, usageOf } from '@timonel/sdk/quota';

/** Changes the pod. What contradicts the class stays, and is refused later. */
export function applyClass(spec: PodSpec, runtimeClass: RuntimeClass): void {
  const { overhead, scheduling } = runtimeClass;
  if (spec.overhead === undefined && overhead?.podFixed !== undefined) spec.overhead = { ...overhead.podFixed };
  if (scheduling?.nodeSelector !== undefined) spec.nodeSelector = { ...scheduling.nodeSelector, ...spec.nodeSelector };
  const own: readonly Toleration[] = spec.tolerations ?? [];
  const added = (scheduling?.tolerations ?? []).filter((item) => !own.some((other) => jsonEqual(item, other)));
  if (added.length > 0) spec.tolerations = [...own, ...added.map((item) => ({ ...item }))];
}

function overheadProblem(spec: PodSpec, runtimeClass: RuntimeClass | undefined): string | undefined {
  const [given, defined] = [spec.overhead, runtimeClass?.overhead?.podFixed].map((list) => positive(usageOf(list)));
  if (given === undefined || defined === undefined || sameUsage(given, defined)) return undefined;
  if (defined.size === 0) return 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead';
  return "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
}

/** `runtimeClass`: the one that the pod names; undefined: it names none, or there is none of the name. */
export function podProblem({ spec }: Pick<Pod, 'spec'>, runtimeClass: RuntimeClass | undefined): string | undefined {
  const name = spec.runtimeClassName ?? '';
  if (name !== '' && runtimeClass === undefined) return `pod rejected: RuntimeClass "${name}" not found`;
  for (const [key, value] of Object.entries(runtimeClass?.scheduling?.nodeSelector ?? {})) {
    const own = spec.nodeSelector?.[key] ?? '';
    if (own !== value)
      return `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
  }
  return overheadProblem(spec, runtimeClass);
}
