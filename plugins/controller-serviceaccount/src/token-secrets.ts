/** Secrets that ask for a token of an account: they get one, and go with the account. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { secrets, type Secret, type ServiceAccount } from '@timonel/sdk/kube';

export const tokenType = 'kubernetes.io/service-account-token';
const nameAnnotation = 'kubernetes.io/service-account.name';
const uidAnnotation = 'kubernetes.io/service-account.uid';

export interface ObservedSecret extends Observation<Secret> {
  readonly account: ServiceAccount | undefined;
  /** For the secret, when it has none. */
  readonly token: string | undefined;
  readonly authorityPem: string;
}

/** The account that the secret asks for; undefined: it asks for none. */
export function accountNameOf({ metadata, type }: Secret): string | undefined {
  return type === tokenType ? metadata.annotations?.[nameAnnotation] : undefined;
}

/** Whether the secret belongs to an account of the name that is there no more. */
export function isOfAnother({ metadata }: Secret, account: ServiceAccount | undefined): boolean {
  const uid = metadata.annotations?.[uidAnnotation];
  return uid !== undefined && uid !== '' && uid !== account?.metadata.uid;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export function lacksToken({ data = {} }: Secret): boolean {
  return (data['token'] ?? '') === '';
}

export function reconcileSecret({ subject, account, token, authorityPem }: ObservedSecret): Reconciliation {
  if (subject === undefined || accountNameOf(subject) === undefined) return { actions: [] };
  if (subject.metadata.deletionTimestamp !== undefined) return { actions: [] };
  if (account === undefined || isOfAnother(subject, account)) {
    const cause = { code: 'AccountGone', text: 'the account whose token it holds is not there' };
    return { actions: [act.delete(secrets, subject, { cause })] };
  }
  const { metadata, data = {} } = subject;
  const wanted = {
    ...data,
    'ca.crt': base64(authorityPem),
    namespace: base64(metadata.namespace ?? ''),
    ...(token === undefined ? {} : { token: base64(token) }),
  };
  const annotations = { ...metadata.annotations, [uidAnnotation]: account.metadata.uid ?? '' };
  const isRight =
    Object.entries(wanted).every(([key, value]) => data[key] === value) &&
    metadata.annotations?.[uidAnnotation] === annotations[uidAnnotation];
  if (isRight) return { actions: [] };
  const cause = { code: 'TokenMissing', text: 'the secret asks for a token of its account' };
  const next = { ...subject, metadata: { ...metadata, annotations }, data: wanted };
  return { actions: [act.update(secrets, subject, next, { cause })] };
}

export function explainSecret(observed: ObservedSecret): readonly Cause[] {
  return reconcileSecret(observed).actions.map(({ cause }) => ({ component: 'controller-serviceaccount', ...cause }));
}
