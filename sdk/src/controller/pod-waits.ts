/** What keeps pods from being ready, as their status tells: for `timonel why` of whatever owns them. */
import type { Cause } from '../contracts/why/index.ts';
import type { Pod, PodContainerStatus } from '../kube/index.ts';
import { isPodReady, podAvailableAtMs } from './pod-state.ts';
import { findCondition } from './status.ts';

export interface PodWait {
  readonly code: string;
  readonly text: string;
}

/** The ordinary steps of a start are no reasons. */
const ordinary: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

function containerWait({ name, state, lastState }: PodContainerStatus): PodWait | undefined {
  const { waiting, terminated } = state;
  if (waiting?.reason !== undefined && !ordinary.has(waiting.reason)) {
    const code = lastState?.terminated?.exitCode;
    const ended = code === undefined ? '' : `, exit code ${code} before`;
    const more = waiting.message ? `: ${waiting.message}` : '';
    return { code: waiting.reason, text: `container ${name}: ${waiting.reason}${ended}${more}` };
  }
  if (terminated === undefined || terminated.exitCode === 0) return undefined;
  const { reason = 'Error', exitCode } = terminated;
  return { code: reason, text: `container ${name} ended: ${reason}, exit code ${exitCode}` };
}

/** Undefined: the pod is ready. */
export function podWait(pod: Pod): PodWait | undefined {
  if (isPodReady(pod)) return undefined;
  const { status } = pod;
  if (pod.metadata.deletionTimestamp !== undefined) return { code: 'Terminating', text: 'is being deleted' };
  if (!pod.spec.nodeName) {
    const { reason = 'Unscheduled', message = 'has no node yet' } =
      findCondition(status?.conditions, 'PodScheduled') ?? {};
    return { code: reason, text: message };
  }
  for (const container of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const wait = container.state === undefined ? undefined : containerWait(container);
    if (wait !== undefined) return wait;
  }
  const { reason, message } = findCondition(status?.conditions, 'Ready') ?? {};
  return { code: reason ?? 'NotReady', text: message ?? 'is not ready yet' };
}

const namesShown = 3;

function namesOf(pods: readonly Pod[]): string {
  const names = pods.map(({ metadata }) => metadata.name ?? '');
  return `${names.slice(0, namesShown).join(', ')}${names.length > namesShown ? ', …' : ''}`;
}

/** Pods that wait for the same are one cause; the most frequent first. `component`: the plugin's name. */
export function podWaitCauses(component: string, pods: readonly Pod[]): Cause[] {
  const groups = new Map<string, { readonly wait: PodWait; readonly pods: Pod[] }>();
  for (const pod of pods) {
    const wait = podWait(pod);
    if (wait === undefined) continue;
    const key = `${wait.code} ${wait.text}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { wait, pods: [pod] });
    else group.pods.push(pod);
  }
  return [...groups.values()]
    .toSorted((a, b) => b.pods.length - a.pods.length)
    .map(({ wait, pods: waiting }) => {
      const who = waiting.length === 1 ? 'pod' : `${waiting.length} pods:`;
      return { component, code: wait.code, text: `${who} ${namesOf(waiting)}: ${wait.text}` };
    });
}

/** Ready pods that must stay ready for a while longer before they count as available. */
export function readyForTooShort(
  component: string,
  pods: readonly Pod[],
  minReadySeconds: number,
  nowMs: number,
): Cause[] {
  const times = pods.map((pod) => podAvailableAtMs(pod, minReadySeconds, nowMs) ?? 0).filter((time) => time > nowMs);
  if (times.length === 0) return [];
  const seconds = Math.ceil((Math.max(...times) - nowMs) / 1000);
  const text = `${times.length} pods are ready, but not for minReadySeconds (${minReadySeconds} s) yet: the last will be in ${seconds} s`;
  return [{ component, code: 'MinReadySeconds', text }];
}
