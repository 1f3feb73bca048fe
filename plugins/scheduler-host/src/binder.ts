/** Writes decisions: bindings with the pod's uid as precondition, and the PodScheduled condition of pods without a place. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isNotFound, pods, type Binding, type Condition, type Pod } from '@timonel/sdk/kube';

export type BindOutcome =
  | { readonly outcome: 'bound' }
  /** The pod is gone, was replaced, or has a node already: nothing is left to do for it. */
  | { readonly outcome: 'obsolete'; readonly reason: string }
  | { readonly outcome: 'failed'; readonly error: unknown };

function reasonOf(error: unknown): string {
  return (error as { reason?: string } | undefined)?.reason ?? '';
}

export async function bind(api: ApiClient, pod: Pod, nodeName: string): Promise<BindOutcome> {
  const { namespace, name = '', uid } = pod.metadata;
  const body: Binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) },
    target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
  };
  try {
    await api.createSubresource(pods, { namespace, name }, 'binding', body);
    return { outcome: 'bound' };
  } catch (error) {
    if (isNotFound(error) || reasonOf(error) === 'Conflict') return { outcome: 'obsolete', reason: reasonOf(error) };
    return { outcome: 'failed', error };
  }
}

/** Says on the pod why it waits. Writes only when the text changed. A pod that is gone meanwhile is no error. */
export async function markUnschedulable(
  api: ApiClient,
  pod: Pod,
  message: string,
  timestamp: string,
): Promise<boolean> {
  const before = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
  if (before?.status === 'False' && before.message === message) return false;
  const condition: Condition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastProbeTime: null,
    lastTransitionTime: before?.status === 'False' ? (before.lastTransitionTime ?? timestamp) : timestamp,
  };
  const { namespace, name = '', uid } = pod.metadata;
  try {
    await api.patch(
      pods,
      { namespace, name },
      { type: 'strategic', body: { metadata: { uid }, status: { conditions: [condition] } } },
      { subresource: 'status', fieldManager: 'scheduler-host' },
    );
    return true;
  } catch (error) {
    if (isNotFound(error) || reasonOf(error) === 'Conflict') return false;
    throw error;
  }
}
