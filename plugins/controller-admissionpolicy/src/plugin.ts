import type { AnyPlugin } from '@timonel/sdk';
import { resourceProvider } from '@timonel/sdk/contracts/api-server';
import { defineController, keysFrom, type Informer, type Observation } from '@timonel/sdk/controller';
import { validatingAdmissionPolicies, type ExpressionWarning, type ValidatingAdmissionPolicy } from '@timonel/sdk/kube';
import { isChecked, warningCauses } from './status.ts';

interface Seen extends Observation<ValidatingAdmissionPolicy> {
  readonly warnings: readonly ExpressionWarning[];
}

/** Says in the status of policies where their expressions do not fit the kinds that they are about. */
const plugin: AnyPlugin = defineController({
  name: 'controller-admissionpolicy',
  version: '0.1.0',
  description: 'Checks the expressions of ValidatingAdmissionPolicies by the schemas of the kinds that they are about.',
  component: 'validatingadmissionpolicy-status-controller',
  subject: validatingAdmissionPolicies,
  optional: { resources: resourceProvider },
  workers: 1,
  inputs: ({ informers }): Informer<ValidatingAdmissionPolicy> => informers.for(validatingAdmissionPolicies),
  sources: (policies) => [keysFrom(policies, ({ metadata }) => [metadata.name ?? ''])],
  async observe(key, policies, now, { api, deps, env }): Promise<Seen | undefined> {
    const subject = policies.get(key);
    if (subject === undefined) return undefined;
    if (isChecked(subject))
      return { ...now, subject, warnings: subject.status?.typeChecking?.expressionWarnings ?? [] };
    // Few clusters have any policies.
    const { checkPolicy } = await import('./check.ts');
    const providers = deps.resources.all().map(({ service }) => service);
    return { ...now, subject, warnings: await checkPolicy(subject, { api, providers, env }) };
  },
  reconcile: () => ({ actions: [] }),
  status({ subject, warnings }) {
    if (subject === undefined || isChecked(subject)) return undefined;
    const { generation = 0 } = subject.metadata;
    const typeChecking = warnings.length === 0 ? {} : { expressionWarnings: [...warnings] };
    return { status: { ...subject.status, observedGeneration: generation, typeChecking } };
  },
  explain: ({ warnings }) => warningCauses(warnings),
});

export default plugin;
