/** The priority of pods by their class. Pure. */
import type { PodSpec, PriorityClass } from '@timonel/sdk/kube';

export interface Priority {
  readonly className: string;
  readonly value: number;
  readonly policy: string;
}

/** Every cluster has these, whether or not there are objects of the names. */
const systemClasses: ReadonlyMap<string, number> = new Map([
  ['system-cluster-critical', 2_000_000_000],
  ['system-node-critical', 2_000_001_000],
]);

const preempts = 'PreemptLowerPriority';

export function systemPriority(className: string): Priority | undefined {
  const value = systemClasses.get(className);
  return value === undefined ? undefined : { className, value, policy: preempts };
}

export function priorityOf({ metadata, value, preemptionPolicy }: PriorityClass): Priority {
  return { className: metadata.name ?? '', value, policy: preemptionPolicy ?? preempts };
}

/** Of pods that name no class: that of the default class, of several the lowest one. */
export function defaultPriority(classes: Iterable<PriorityClass>): Priority {
  let lowest: PriorityClass | undefined;
  for (const candidate of classes) {
    if (candidate.globalDefault === true && (lowest === undefined || candidate.value < lowest.value))
      lowest = candidate;
  }
  return lowest === undefined ? { className: '', value: 0, policy: preempts } : priorityOf(lowest);
}

/** Changes the pod. What contradicts the class stays, and is refused later. */
export function applyPriority(spec: PodSpec, { className, value, policy }: Priority): void {
  if (className !== '') spec.priorityClassName = className;
  spec.priority ??= value;
  spec['preemptionPolicy'] ??= policy;
}

export function priorityProblem(spec: PodSpec, { value, policy }: Priority): string | undefined {
  const end = 'from the given PriorityClass name';
  if (spec.priority !== value)
    return `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} ${end}`;
  const given = spec['preemptionPolicy'] as string | undefined;
  if (given !== policy)
    return `the string value of PreemptionPolicy (${given}) must not be provided in pod spec; priority admission controller computed ${policy} ${end}`;
  return undefined;
}
