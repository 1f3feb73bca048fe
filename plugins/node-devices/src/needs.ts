/** Which containers of a pod need how many devices, and which may have those of another before them. Pure. */
import { wholeQuantity, type Container, type Pod } from '@timonel/sdk/kube';

export interface Need {
  readonly container: string;
  readonly resource: string;
  readonly count: number;
  /** An init container that ends before the others begin: they may have its devices. */
  readonly isPassedOn: boolean;
}

function needsOf(container: Container, resources: ReadonlySet<string>, isPassedOn: boolean): Need[] {
  const limits = container.resources?.limits ?? {};
  return Object.entries(limits).flatMap(([resource, text]): Need[] => {
    const count = resources.has(resource) ? (wholeQuantity(text) ?? 0) : 0;
    return count > 0 ? [{ container: container.name, resource, count, isPassedOn }] : [];
  });
}

/** In the order of the containers' starts. `resources`: those of device plugins. */
export function needs({ spec }: Pod, resources: readonly string[]): readonly Need[] {
  const known = new Set(resources);
  const inits = (spec.initContainers ?? []).flatMap((container) =>
    needsOf(container, known, container.restartPolicy !== 'Always'),
  );
  return [...inits, ...spec.containers.flatMap((container) => needsOf(container, known, false))];
}
