import type { Container, Pod, PodSpec, PodTemplateSpec } from '@timonel/sdk/kube';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import { isObject, objectItems } from '../validation/loose.ts';
import { defaultContainer, defaultHostPorts, defaultRequestsFromLimits } from './container-defaults.ts';
import { defaultVolume } from './volume-defaults.ts';

function allContainers(spec: PodSpec): Container[] {
  return [
    ...objectItems(spec.initContainers),
    ...objectItems(spec.containers),
    ...objectItems(spec.ephemeralContainers),
  ];
}

/** `serviceAccount` is the old name of `serviceAccountName`: both are always shown with the same value. */
function mirrorServiceAccount(spec: PodSpec): void {
  const name = spec.serviceAccountName || spec['serviceAccount'];
  if (typeof name !== 'string' || name === '') return;
  spec.serviceAccountName = name;
  spec['serviceAccount'] = name;
}

function defaultPodSpec(spec: PodSpec): void {
  spec.restartPolicy ||= 'Always';
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.securityContext ??= {};
  spec.schedulerName ||= 'default-scheduler';
  mirrorServiceAccount(spec);
  canonicalizeQuantities(spec.overhead);
  for (const container of allContainers(spec)) {
    defaultContainer(container);
    if (spec.hostNetwork === true) defaultHostPorts(container);
  }
  for (const volume of objectItems(spec.volumes)) defaultVolume(volume);
}

export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  if (!isObject(template)) return;
  const typed = template as unknown as PodTemplateSpec;
  typed.metadata ??= {};
  if (isObject(typed.spec)) defaultPodSpec(typed.spec);
}

export function defaultPod(pod: Pod): void {
  if (!isObject(pod.spec)) return;
  const spec = pod.spec;
  defaultPodSpec(spec);
  spec.enableServiceLinks ??= true;
  for (const container of allContainers(spec)) defaultRequestsFromLimits(container);
}
