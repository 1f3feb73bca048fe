/** What an evicted pod is told, in the kubelet's words. Pure. */
import type { Container, Pod } from '@timonel/sdk/kube';
import { wholeQuantity } from '@timonel/sdk/kube';
import type { ContainerUse, PodUse } from './pod-use.ts';
import { summed } from './pod-use.ts';
import { amountText, bytesText } from './quantity-text.ts';
import { meaningOf, type Observations, type StarvedResource } from './signals.ts';
import { resolved, type Threshold } from './thresholds.ts';

export const evictedReason = 'Evicted';

/** Ephemeral containers cannot ask for resources: they are not blamed. */
function blamable({ spec }: Pod): readonly Container[] {
  return [...spec.containers, ...(spec.initContainers ?? [])];
}

function usedOf(use: ContainerUse, resource: StarvedResource): number | undefined {
  if (resource === 'memory') return use.memoryBytes;
  if (resource !== 'ephemeral-storage' || use.written === undefined) return undefined;
  return summed([use.written, use.logs]).bytes;
}

function blame(pod: Pod, use: ContainerUse, resource: StarvedResource): string {
  const container = blamable(pod).find(({ name }) => name === use.name);
  const used = usedOf(use, resource);
  if (container === undefined || used === undefined) return '';
  const request = container.resources?.requests?.[resource] ?? '0';
  if (used <= (wholeQuantity(request) ?? 0)) return '';
  return `Container ${use.name} was using ${bytesText(used)}, request is ${request}, has larger consumption of ${resource}. `;
}

function shortage(threshold: Threshold, observations: Observations): string {
  const observation = observations.get(threshold.signal);
  if (observation === undefined) return '';
  const { resource } = meaningOf(threshold.signal);
  const quantity = amountText(resource, resolved(threshold.amount, observation.capacity));
  return `Threshold quantity: ${quantity}, available: ${amountText(resource, observation.available)}. `;
}

export function shortageMessage(
  threshold: Threshold,
  observations: Observations,
  pod: Pod,
  use: PodUse | undefined,
): string {
  const { resource } = meaningOf(threshold.signal);
  const blames = (use?.containers ?? []).map((each) => blame(pod, each, resource));
  return [`The node was low on resource: ${resource}. `, shortage(threshold, observations), ...blames].join('');
}
