/** What is said of one pod, or of one that somebody would make. */
import type { AdmissionRequest } from '@timonel/sdk/contracts/admission';
import { forbiddenBy } from '@timonel/sdk/contracts/api-server';
import type { Status } from '@timonel/sdk/kube';
import type { Exemptions } from './config.ts';
import { nameOf, violation } from './levels.ts';
import type { PodTemplate } from './pod.ts';
import { prefix, type Policy } from './policy.ts';

/** Why the pod is asked nothing. */
export function exemptionOf(
  { user, namespace = '' }: Pick<AdmissionRequest, 'user' | 'namespace'>,
  { spec }: PodTemplate,
  { usernames, namespaces, runtimeClasses }: Exemptions,
): 'namespace' | 'user' | 'runtimeClass' | undefined {
  if (namespaces.includes(namespace)) return 'namespace';
  if (usernames.includes(user.username)) return 'user';
  const { runtimeClassName } = spec;
  return typeof runtimeClassName === 'string' && runtimeClasses.includes(runtimeClassName) ? 'runtimeClass' : undefined;
}

/** Nobody is refused for what they would make: their pods will be. */
export function judge(policy: Policy, pod: PodTemplate, request: AdmissionRequest): Status | undefined {
  const isPod = request.resource === 'pods';
  if (isPod) request.annotate(`${prefix}enforce-policy`, nameOf(policy.enforce));
  const audited = violation(policy.audit, pod);
  if (audited !== undefined) request.annotate(`${prefix}audit-violations`, `would violate ${audited}`);
  const refused = isPod ? violation(policy.enforce, pod) : undefined;
  if (refused !== undefined) return forbiddenBy(request, `violates ${refused}`).status;
  const warned = violation(policy.warn, pod);
  if (warned !== undefined) request.warn(`would violate ${warned}`);
  return undefined;
}
