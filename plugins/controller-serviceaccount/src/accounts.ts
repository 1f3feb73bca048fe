/** The account `default` that every namespace has. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { serviceAccounts, type Namespace, type ServiceAccount } from '@timonel/sdk/kube';

export const defaultAccount = 'default';

export interface ObservedNamespace extends Observation<Namespace> {
  readonly account: ServiceAccount | undefined;
}

export function reconcileNamespace({ subject, account }: ObservedNamespace): Reconciliation {
  if (subject === undefined || account !== undefined) return { actions: [] };
  const { metadata, status } = subject;
  if (metadata.deletionTimestamp !== undefined || status?.phase === 'Terminating') return { actions: [] };
  const cause = { code: 'AccountMissing', text: `the namespace has no ServiceAccount ${defaultAccount}` };
  const object: ServiceAccount = { metadata: { name: defaultAccount, namespace: metadata.name ?? '' } };
  return { actions: [act.create(serviceAccounts, object, { cause })] };
}

export function explainNamespace(observed: ObservedNamespace): readonly Cause[] {
  return reconcileNamespace(observed).actions.map(({ cause }) => ({
    component: 'controller-serviceaccount',
    ...cause,
  }));
}
