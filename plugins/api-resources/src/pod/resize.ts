/** pods/resize: cpu and memory of the containers of a running pod. Whatever else the body changes is passed over. */
import type { PartSubresource } from '@timonel/sdk/contracts/api-server';
import type { Container, FieldError, Pod } from '@timonel/sdk/kube';
import type { Json } from '../defaults.ts';
import { Findings, sameJson } from '../validation/findings.ts';
import { fieldOf, isObject, itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { checkPodSpec } from './pod-validation.ts';
import { qosClass } from './qos.ts';

const lists = ['containers', 'initContainers'] as const;
const resizable = ['resources', 'resizePolicy'] as const;

function takeResources(container: Container, wanted: Container | undefined): void {
  if (wanted === undefined) return;
  for (const field of resizable) {
    const value = fieldOf(wanted, field);
    if (value === undefined || value === null) delete (container as unknown as Json)[field];
    else (container as unknown as Json)[field] = structuredClone(value);
  }
}

/** Resources without those that may be resized. */
function fixedResources(container: Container): unknown {
  const rest = (part: string): unknown => {
    const amounts = fieldOf(container.resources, part);
    if (!isObject(amounts)) return undefined;
    const { cpu: _cpu, memory: _memory, ...others } = amounts;
    return others;
  };
  const { limits: _limits, requests: _requests, ...others } = objectOf(container.resources);
  return { ...others, limits: rest('limits'), requests: rest('requests') };
}

function checkRemoved(now: Container, before: Container, at: string, found: Findings): void {
  for (const part of ['limits', 'requests']) {
    const amounts = fieldOf(now.resources, part);
    for (const name of ['cpu', 'memory']) {
      if (fieldOf(fieldOf(before.resources, part), name) === undefined || fieldOf(amounts, name) !== undefined)
        continue;
      found.forbidden(`${at}.resources.${part}`, `resource ${part} cannot be removed`);
      break;
    }
  }
}

function isSidecar(container: Container): boolean {
  return fieldOf(container, 'restartPolicy') === 'Always';
}

function validate(pod: Pod, old: Pod): FieldError[] {
  const found = new Findings();
  checkPodSpec(pod.spec, 'spec', found);
  const [before, now] = [qosClass(old.spec), qosClass(pod.spec)];
  if (before !== now) found.invalid('spec', now, 'Pod QOS Class may not change as a result of resizing');
  for (const list of lists) {
    const olds = itemsOf(objectOf(old.spec)[list]);
    for (const [index, container] of itemsOf(objectOf(pod.spec)[list]).entries()) {
      const previous = olds[index];
      const at = `spec.${list}[${index}]`;
      if (previous === undefined) continue;
      if (!sameJson(fixedResources(container), fixedResources(previous)))
        found.forbidden(`${at}.resources`, 'only cpu and memory resources are mutable');
      if (!sameJson(fieldOf(container, 'resizePolicy'), fieldOf(previous, 'resizePolicy')))
        found.forbidden(`${at}.resizePolicy`, 'resize policy cannot be changed');
      checkRemoved(container, previous, at, found);
      if (list === 'initContainers' && !isSidecar(previous) && !sameJson(container.resources, previous.resources))
        found.forbidden(`${at}.resources`, 'resources for non-sidecar init containers are immutable');
    }
  }
  const phase = textOf(objectOf(old.status).phase);
  if (phase === 'Succeeded' || phase === 'Failed')
    found.forbidden('spec', `pod is in phase ${phase} and cannot be resized`);
  return found.all();
}

export const resizePart: PartSubresource<Pod> = {
  take(pod, wanted) {
    for (const list of lists) {
      const containers = itemsOf(objectOf(wanted.spec)[list]);
      for (const container of itemsOf(objectOf(pod.spec)[list])) {
        takeResources(
          container,
          containers.find((one) => objectOf(one).name === container.name),
        );
      }
    }
  },
  validate,
};
