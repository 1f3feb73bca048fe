import { describe, expect, it } from '@jest/globals';
import type { Informers } from '@timonel/sdk/controller';
import type { KubeObject, Pod } from '@timonel/sdk/kube';
import { WorkloadSelectors } from './workload-selectors.ts';

const objects: Readonly<Record<string, readonly object[]>> = {
  services: [
    { metadata: { namespace: 'a', name: 'web' }, spec: { selector: { app: 'web' } } },
    { metadata: { namespace: 'a', name: 'fast' }, spec: { selector: { tier: 'fast' } } },
    { metadata: { namespace: 'a', name: 'outside' }, spec: {} },
    { metadata: { namespace: 'b', name: 'web' }, spec: { selector: { app: 'web' } } },
  ],
  replicasets: [
    {
      metadata: { namespace: 'a', name: 'rs' },
      spec: { selector: { matchLabels: { hash: '1' }, matchExpressions: [{ key: 'x', operator: 'Exists' }] } },
    },
  ],
  statefulsets: [{ metadata: { namespace: 'a', name: 'db' }, spec: { selector: { matchLabels: { app: 'db' } } } }],
  replicationcontrollers: [{ metadata: { namespace: 'a', name: 'rc' }, spec: { selector: { app: 'old' } } }],
};

const informers = {
  for: ({ resource }: { resource: string }) => {
    const list = objects[resource] as readonly KubeObject[];
    return {
      byIndex: (_index: string, namespace: string) => list.filter(({ metadata }) => metadata.namespace === namespace),
      get: (key: string) => list.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key),
    };
  },
} as unknown as Informers;
const selectors = new WorkloadSelectors(informers);

function pod(labels: Record<string, string>, owner?: [kind: string, name: string], controller = true): Pod {
  const ownerReferences =
    owner === undefined ? [] : [{ apiVersion: 'v1', kind: owner[0], name: owner[1], uid: 'u', controller }];
  return { metadata: { namespace: 'a', name: 'p', labels, ownerReferences }, spec: { containers: [] } };
}

describe('WorkloadSelectors', () => {
  it.each<[string, Pod, unknown]>([
    ['a service of its namespace', pod({ app: 'web' }), { matchLabels: { app: 'web' } }],
    ['all services that select it', pod({ app: 'web', tier: 'fast' }), { matchLabels: { app: 'web', tier: 'fast' } }],
    [
      'its ReplicaSet',
      pod({ app: 'web' }, ['ReplicaSet', 'rs']),
      { matchLabels: { app: 'web', hash: '1' }, matchExpressions: [{ key: 'x', operator: 'Exists' }] },
    ],
    ['its StatefulSet', pod({}, ['StatefulSet', 'db']), { matchLabels: { app: 'db' } }],
    ['its ReplicationController', pod({}, ['ReplicationController', 'rc']), { matchLabels: { app: 'old' } }],
    ['no workload', pod({ app: 'other' }), undefined],
    ['an owner that does not control it', pod({}, ['StatefulSet', 'db'], false), undefined],
    ['an owner that is not there', pod({}, ['StatefulSet', 'gone']), undefined],
    ['an owner of another kind', pod({}, ['Job', 'db']), undefined],
  ])('goes by %s', (_what, of, wanted) => {
    expect(selectors.selectorFor(of)).toEqual(wanted);
  });
});
