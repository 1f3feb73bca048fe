/** pods/ephemeralcontainers: containers for a look into a running pod (`kubectl debug`). They are added, and never changed. */
import type { PartSubresource } from '@timonel/sdk/contracts/api-server';
import type { Container, FieldError, Pod } from '@timonel/sdk/kube';
import { Findings, sameJson } from '../validation/findings.ts';
import { fieldOf, isObject, itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { checkPodSpec } from './pod-validation.ts';

const path = 'spec.ephemeralContainers';
/** What a container that runs beside a pod and is never restarted cannot have. */
const forbidden = ['ports', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'resizePolicy'] as const;

function hasAny(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : isObject(value);
}

function checkAdded(container: Partial<Container>, at: string, pod: Pod, found: Findings): void {
  for (const field of forbidden) {
    if (hasAny(fieldOf(container, field)))
      found.forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container');
  }
  const { limits, requests } = objectOf(container.resources);
  if (isObject(limits) || isObject(requests))
    found.forbidden(`${at}.resources`, 'cannot be set for an Ephemeral Container');
  const target = textOf(fieldOf(container, 'targetContainerName'));
  const { containers, initContainers } = objectOf(pod.spec);
  const names = [...itemsOf(containers), ...itemsOf(initContainers)].map((item) => textOf(objectOf(item).name));
  if (target !== '' && !names.includes(target)) found.notFound(`${at}.targetContainerName`, target);
}

function validate(pod: Pod, old: Pod): FieldError[] {
  const found = new Findings();
  checkPodSpec(pod.spec, 'spec', found);
  const now = itemsOf(objectOf(pod.spec).ephemeralContainers);
  const before = new Map(
    itemsOf(objectOf(old.spec).ephemeralContainers).map((item) => [textOf(objectOf(item).name), item]),
  );
  for (const [index, item] of now.entries()) {
    const name = textOf(objectOf(item).name);
    const kept = before.get(name);
    before.delete(name);
    if (kept === undefined) checkAdded(objectOf(item), `${path}[${index}]`, pod, found);
    else if (!sameJson(item, kept))
      found.forbidden(path, `existing ephemeral containers "${name}" may not be changed\n`);
  }
  for (const name of before.keys())
    found.forbidden(path, `existing ephemeral containers "${name}" may not be removed\n`);
  return found.all();
}

export const ephemeralContainersPart: PartSubresource<Pod> = {
  take(pod, wanted) {
    const containers = objectOf(wanted.spec).ephemeralContainers;
    if (containers === undefined || containers === null) delete pod.spec.ephemeralContainers;
    else pod.spec.ephemeralContainers = structuredClone(containers);
  },
  validate,
};
