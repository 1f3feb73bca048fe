import { describe, expect, it } from '@jest/globals';
import type { Namespace, Secret, ServiceAccount } from '@timonel/sdk/kube';
import { reconcileNamespace } from './accounts.ts';
import { reconcileSecret, type ObservedSecret } from './token-secrets.ts';

const now = { nowMs: 0, timestamp: '2026-01-01T00:00:00Z' };
const account: ServiceAccount = { metadata: { name: 'default', namespace: 'a', uid: 'u' } };

describe('the default account', () => {
  it('is made where it is missing, unless the namespace is going', () => {
    const subject: Namespace = { metadata: { name: 'a' } };
    expect(reconcileNamespace({ ...now, subject, account: undefined }).actions).toMatchObject([
      { do: 'create', object: { metadata: { name: 'default', namespace: 'a' } } },
    ]);
    expect(reconcileNamespace({ ...now, subject, account }).actions).toEqual([]);
    const going: Namespace = { ...subject, status: { phase: 'Terminating' } };
    expect(reconcileNamespace({ ...now, subject: going, account: undefined }).actions).toEqual([]);
  });
});

describe('secrets with tokens', () => {
  const annotations = { 'kubernetes.io/service-account.name': 'default' };
  const type = 'kubernetes.io/service-account-token';
  const subject: Secret = { metadata: { name: 's', namespace: 'a', annotations }, type };
  const seen = (more: Partial<ObservedSecret> = {}): ObservedSecret => ({
    ...now,
    subject,
    account,
    token: 'T',
    authorityPem: 'PEM',
    ...more,
  });
  const filled = (): Secret => {
    const [action] = reconcileSecret(seen()).actions;
    if (action?.do !== 'update') throw new Error('nothing is written');
    return action.next;
  };

  it('are filled once', () => {
    expect(filled()).toMatchObject({
      metadata: { annotations: { ...annotations, 'kubernetes.io/service-account.uid': 'u' } },
      data: { token: 'VA==', namespace: 'YQ==', 'ca.crt': 'UEVN' },
    });
    expect(reconcileSecret(seen({ subject: filled(), token: undefined })).actions).toEqual([]);
  });

  it('go with their account, also when there is another of its name', () => {
    const gone = [{ do: 'delete', object: { metadata: { name: 's' } } }];
    expect(reconcileSecret(seen({ account: undefined, token: undefined })).actions).toMatchObject(gone);
    const other = { metadata: { ...account.metadata, uid: 'v' } };
    expect(reconcileSecret(seen({ subject: filled(), account: other, token: undefined })).actions).toMatchObject(gone);
  });

  it('of another type are left alone', () => {
    expect(reconcileSecret(seen({ subject: { ...subject, type: 'Opaque' }, account: undefined })).actions).toEqual([]);
  });
});
