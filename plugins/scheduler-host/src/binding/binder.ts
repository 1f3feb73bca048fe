/** Writes a binding, with the pod's uid as precondition. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { apiErrorReason, pods, type Binding, type Pod } from '@timonel/sdk/kube';

export type BindOutcome =
  | { readonly outcome: 'bound' }
  /** The pod is gone, was replaced, or has a node already: the informer will tell. */
  | { readonly outcome: 'obsolete'; readonly reason: string }
  | { readonly outcome: 'failed'; readonly error: unknown };

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
    const reason = apiErrorReason(error);
    if (reason === 'NotFound' || reason === 'Conflict') return { outcome: 'obsolete', reason };
    return { outcome: 'failed', error };
  }
}
