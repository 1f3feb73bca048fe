import type { Container, Pod, PodSpec, Toleration } from '@timonel/sdk/kube';
import { sameJson, type Findings } from '../validation/findings.ts';
import { itemsOf, numberOf, objectOf, textOf } from '../validation/loose.ts';

const allowed =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

function withImagesOf(containers: Container[] | undefined, old: Container[] | undefined): Container[] {
  const before = itemsOf(old);
  return itemsOf(containers).map(
    (container, index) => ({ ...objectOf(container), image: objectOf(before[index]).image }) as Container,
  );
}

/** The new spec with every field that may change put back: what still differs may not change. */
function withMutableFieldsOf(spec: Partial<PodSpec>, old: Partial<PodSpec>): Record<string, unknown> {
  const restored: Record<string, unknown> = {
    ...spec,
    containers: withImagesOf(spec.containers, old.containers),
    initContainers: withImagesOf(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    tolerations: old.tolerations,
  };
  const gated = itemsOf(old.schedulingGates).length > 0;
  if (gated) {
    // A gated pod may still be steered: the scheduler has not looked at it yet.
    restored['schedulingGates'] = old.schedulingGates;
    restored['nodeSelector'] = { ...objectOf(spec.nodeSelector), ...objectOf(old.nodeSelector) };
    if (Object.keys(objectOf(spec.nodeSelector)).every((key) => !Object.hasOwn(objectOf(old.nodeSelector), key)))
      restored['nodeSelector'] = old.nodeSelector;
  }
  return restored;
}

function checkTolerationsOnlyAdded(spec: Partial<PodSpec>, old: Partial<PodSpec>, path: string, found: Findings): void {
  const now = itemsOf(spec.tolerations);
  const withoutTime = (toleration: Toleration): object => ({ ...objectOf(toleration), tolerationSeconds: undefined });
  const kept = itemsOf(old.tolerations).every((before) =>
    now.some((item) => sameJson(withoutTime(item), withoutTime(before))),
  );
  if (!kept) found.forbidden(path, 'existing toleration can not be modified except its tolerationSeconds');
}

function checkDeadline(spec: Partial<PodSpec>, old: Partial<PodSpec>, path: string, found: Findings): void {
  const now = numberOf(spec.activeDeadlineSeconds);
  const before = numberOf(old.activeDeadlineSeconds);
  if (before === undefined) return;
  if (now === undefined) found.invalid(path, null, 'must not update from a positive integer to nil value');
  else if (now > before) found.invalid(path, now, 'must be less than or equal to previous value');
}

function checkGatesOnlyRemoved(spec: Partial<PodSpec>, old: Partial<PodSpec>, path: string, found: Findings): void {
  const before = new Set(itemsOf(old.schedulingGates).map((gate) => objectOf(gate).name));
  for (const gate of itemsOf(spec.schedulingGates)) {
    if (!before.has(objectOf(gate).name))
      found.forbidden(path, `only deletion is allowed, but found new scheduling gate '${textOf(objectOf(gate).name)}'`);
  }
}

/** What an update of a pod may change. */
export function checkPodUpdate(pod: Pod, oldPod: Pod, found: Findings): void {
  const spec = objectOf(pod.spec);
  const old = objectOf(oldPod.spec);
  if (itemsOf(spec.containers).length !== itemsOf(old.containers).length) {
    found.forbidden('spec.containers', 'pod updates may not add or remove containers');
    return;
  }
  checkDeadline(spec, old, 'spec.activeDeadlineSeconds', found);
  checkTolerationsOnlyAdded(spec, old, 'spec.tolerations', found);
  checkGatesOnlyRemoved(spec, old, 'spec.schedulingGates', found);
  if (!sameJson(withMutableFieldsOf(spec, old), old)) found.forbidden('spec', allowed);
}
