/** What limit ranges set in pods that do not say it themselves. Pure. */
import {
  limitRangerAnnotation,
  type Container,
  type LimitRange,
  type Pod,
  type PodSpec,
  type Quantities,
} from '@timonel/sdk/kube';

/** For containers that name none; of several limit ranges the first that has one gives it. */
export interface ContainerDefaults {
  readonly limits: Quantities;
  readonly requests: Quantities;
}

export function defaultsOf(ranges: readonly LimitRange[]): ContainerDefaults {
  const items = ranges.flatMap(({ spec }) => spec?.limits ?? []).filter(({ type }) => type === 'Container');
  const first = (lists: readonly (Quantities | undefined)[]): Quantities =>
    Object.fromEntries(lists.toReversed().flatMap((list) => Object.entries(list ?? {})));
  return {
    limits: first(items.map((item) => item.default)),
    requests: first(items.map((item) => item.defaultRequest)),
  };
}

/** Fills in; answers the names that were missing. */
function fill(container: Container, side: 'limits' | 'requests', defaults: Quantities): string[] {
  const given = container.resources?.[side] ?? {};
  const missing = Object.keys(defaults).filter((name) => !Object.hasOwn(given, name));
  if (missing.length === 0) return [];
  const added = Object.fromEntries(missing.map((name) => [name, defaults[name] ?? '']));
  container.resources = { ...container.resources, [side]: { ...given, ...added } };
  return missing.toSorted();
}

function fillContainer(container: Container, defaults: ContainerDefaults, title: string): string[] {
  return (['requests', 'limits'] as const).flatMap((side) => {
    const names = fill(container, side, defaults[side]);
    const what = side === 'requests' ? 'request' : 'limit';
    return names.length === 0 ? [] : [`${names.join(', ')} ${what} for ${title} ${container.name}`];
  });
}

/** Changes the pod, and says in an annotation what was set. */
export function applyDefaults(pod: Pick<Pod, 'metadata' | 'spec'>, defaults: ContainerDefaults): void {
  // Not checked as yet.
  const spec = pod.spec as Partial<PodSpec> | undefined;
  const { containers = [], initContainers = [] } = spec ?? {};
  const set = [
    ...containers.flatMap((container) => fillContainer(container, defaults, 'container')),
    ...initContainers.flatMap((container) => fillContainer(container, defaults, 'init container')),
  ];
  if (set.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [limitRangerAnnotation]: `LimitRanger plugin set: ${set.join('; ')}`,
  };
}
