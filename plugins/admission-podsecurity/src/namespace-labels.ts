/** What is said to who writes the labels of a namespace. */
import type { Clock } from '@timonel/sdk';
import type { AdmissionRequest } from '@timonel/sdk/contracts/admission';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { AdmissionContext, AdmissionObject } from '@timonel/sdk/contracts/api-server';
import type { FieldError, KubeObject } from '@timonel/sdk/kube';
import type { Exemptions } from './config.ts';
import { warningsOf } from './existing-pods.ts';
import { isOpen, isStricter, labelProblems, policyOf, textOf, type Policy } from './policy.ts';
import { isNamespace } from './subject.ts';

const labelsOf = (object: KubeObject | undefined): Readonly<Record<string, string>> => object?.metadata.labels ?? {};

/** Labels that were wrong before may stay. */
export function newLabelProblems(object: KubeObject, context: AdmissionContext): readonly FieldError[] | undefined {
  if (!isNamespace(context)) return undefined;
  const [found, before] = [object, context.oldObject].map((one) => labelProblems(labelsOf(one)));
  return JSON.stringify(found) === JSON.stringify(before) ? undefined : found;
}

interface Circumstances {
  readonly defaults: Policy;
  readonly exemptions: Exemptions;
  readonly api: ApiClient;
  readonly clock: Clock;
}

/** Warns about a policy that does not count, and about pods that a new one would refuse. */
export async function tellOfPolicy(
  object: AdmissionObject,
  request: AdmissionRequest,
  { defaults, exemptions, api, clock }: Circumstances,
): Promise<void> {
  const { name, operation, oldObject } = request;
  const policy = policyOf(labelsOf(object), defaults);
  const isExempt = exemptions.namespaces.includes(name);
  if (operation === 'CREATE') {
    const ignored = `namespace "${name}" is exempt from Pod Security, and the policy (${textOf(policy)}) will be ignored`;
    if (isExempt && !isOpen(policy)) request.warn(ignored);
    return;
  }
  const before = policyOf(labelsOf(oldObject), defaults);
  if (isExempt || !isStricter(policy.enforce, before.enforce)) return;
  for (const warning of await warningsOf(name, policy.enforce, { api, clock, exemptions })) request.warn(warning);
}
