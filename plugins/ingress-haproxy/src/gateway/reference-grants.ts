import type { GatewayObjects } from './objects.ts';

export interface ReferenceEnd {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** Whether an object may name one of another namespace: the other namespace says so. */
export function permits(
  objects: Pick<GatewayObjects, 'referenceGrants'>,
  from: ReferenceEnd,
  to: ReferenceEnd & { readonly name: string },
): boolean {
  if (from.namespace === to.namespace) return true;
  return objects
    .referenceGrants()
    .some(
      ({ metadata, spec }) =>
        metadata.namespace === to.namespace &&
        (spec?.from ?? []).some(
          (entry) => entry.group === from.group && entry.kind === from.kind && entry.namespace === from.namespace,
        ) &&
        (spec?.to ?? []).some(
          (entry) => entry.group === to.group && entry.kind === to.kind && (entry.name ?? to.name) === to.name,
        ),
    );
}
