import { describe, expect, it } from '@jest/globals';
import type { ConfigMap, Namespace } from '@timonel/sdk/kube';
import { explain, reconcile, type Observed } from './reconcile.ts';

const namespace: Namespace = { metadata: { name: 'a' } };
const seen = (more: Partial<Observed> = {}): Observed => ({
  subject: namespace,
  nowMs: 0,
  timestamp: '2026-01-01T00:00:00Z',
  bundle: undefined,
  authorityPem: 'PEM',
  ...more,
});
const made = (): ConfigMap => {
  const [action] = reconcile(seen()).actions;
  if (action?.do !== 'create') throw new Error('nothing is made');
  return action.object;
};

describe('reconcile', () => {
  it('makes what is missing, and then does nothing', () => {
    expect(made()).toEqual({
      metadata: {
        name: 'kube-root-ca.crt',
        namespace: 'a',
        annotations: { 'kubernetes.io/description': expect.stringContaining('API server') },
      },
      data: { 'ca.crt': 'PEM' },
    });
    expect(reconcile(seen({ bundle: made() }))).toEqual({ actions: [] });
    expect(explain(seen({ bundle: made() }))).toEqual([]);
    expect(explain(seen())).toMatchObject([{ component: 'controller-rootca', code: 'BundleMissing' }]);
  });

  it.each<[string, Partial<ConfigMap>]>([
    ['another authority', { data: { 'ca.crt': 'OTHER' } }],
    ['one key too many', { data: { 'ca.crt': 'PEM', more: '' } }],
    ['bytes beside', { binaryData: { more: 'AA==' } }],
    ['no data', { data: {} }],
    ['no description', { metadata: { name: 'kube-root-ca.crt', namespace: 'a' } }],
  ])('puts right what has %s', (_, wrong) => {
    const [action] = reconcile(seen({ bundle: { ...made(), ...wrong } })).actions;
    expect(action).toMatchObject({ do: 'update', next: made() });
    if (action?.do === 'update') expect(reconcile(seen({ bundle: action.next }))).toEqual({ actions: [] });
  });

  it('keeps labels, further annotations and a description of others', () => {
    const annotations = { 'kubernetes.io/description': 'ours', 'example.com/x': 'y' };
    const metadata = { ...made().metadata, labels: { team: 'web' }, annotations };
    const [action] = reconcile(seen({ bundle: { metadata, data: {} } })).actions;
    expect(action).toMatchObject({ next: { metadata, data: { 'ca.crt': 'PEM' } } });
    expect(reconcile(seen({ bundle: { ...made(), metadata } }))).toEqual({ actions: [] });
  });

  it('removes one that cannot be changed, unless it is right', () => {
    const wrong = { ...made(), immutable: true, data: {} };
    expect(reconcile(seen({ bundle: wrong })).actions).toMatchObject([{ do: 'delete', object: wrong }]);
    expect(reconcile(seen({ bundle: { ...made(), immutable: true } }))).toEqual({ actions: [] });
  });

  it('makes nothing in a namespace that is going, nor in place of one that goes', () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    for (const subject of [
      { metadata: { name: 'a', deletionTimestamp } },
      { ...namespace, status: { phase: 'Terminating' } },
    ] as Namespace[]) {
      expect(reconcile(seen({ subject }))).toEqual({ actions: [] });
    }
    const going = { ...made(), metadata: { ...made().metadata, deletionTimestamp }, data: {} };
    expect(reconcile(seen({ bundle: going }))).toEqual({ actions: [] });
  });
});
