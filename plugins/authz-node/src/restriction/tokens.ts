/** Tokens of service accounts: only for a pod of the node that runs under the account. */
import { isMirror } from '../references.ts';
import type { NodeWrite } from './restriction.ts';

interface TokenRequest {
  readonly spec?: {
    readonly boundObjectRef?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
  };
}

export function tokenProblem({ node, object, context, parts }: NodeWrite): string | undefined {
  if (context.subresource !== 'token') return 'may not write service accounts';
  const { kind = '', name = '', uid = '' } = (object as unknown as TokenRequest).spec?.boundObjectRef ?? {};
  if (kind !== 'Pod' || name === '') return 'requested token not bound to a pod';
  if (uid === '') return 'requested token with a pod binding without a uid';
  const { namespace = '' } = context;
  const pod = parts.graph.pod(namespace, name);
  if (pod === undefined || pod.metadata.uid !== uid) return 'requested token bound to a pod that is not there';
  if (isMirror(pod)) return 'requested token bound to a mirror pod';
  if (pod.spec.nodeName !== node) return 'requested token bound to a pod scheduled on a different node';
  return parts.graph.runsAs(node, namespace, name, context.name)
    ? undefined
    : 'requested token of a service account that its pod does not run under';
}
