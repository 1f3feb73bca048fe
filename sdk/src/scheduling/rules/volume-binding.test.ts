import { describe, expect, it } from '@jest/globals';
import type { KubeObject, Node } from '../../kube/index.ts';
import { listedObjects, type ListedObjects } from '../list-snapshot.ts';
import { nodeWith, podOf, refusals } from './testing/refusals.ts';
import { volumeBinding } from './volume-binding.ts';

function object(name: string, parts: object, metadata: object = {}): KubeObject {
  return { metadata: { name, namespace: 'x', ...metadata }, ...parts };
}

interface VolumeParts {
  readonly size?: string;
  readonly host?: string;
  readonly [field: string]: unknown;
}

function volume(name: string, { size = '1Gi', host, ...spec }: VolumeParts = {}): KubeObject {
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [host] }];
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
  const common = { capacity: { storage: size }, accessModes: ['ReadWriteOnce'], storageClassName: 'local' };
  return object(name, {
    spec: { ...common, ...(host === undefined ? {} : { nodeAffinity }), ...spec },
    status: { phase: 'Available' },
  });
}

function claim(name: string, storage = '1Gi', spec: object = {}, metadata: object = {}): KubeObject {
  const common = { storageClassName: 'local', accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } };
  return object(name, { spec: { ...common, ...spec } }, metadata);
}

const storageClasses = [
  object('local', { provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' }),
  object('made', {
    provisioner: 'csi.example.com',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['z1', 'z2'] }] }],
  }),
];

const host = (name: string, zone = 'z1'): Node => nodeWith(name, { labels: { 'kubernetes.io/hostname': name, zone } });
const nodes = [host('a'), host('b', 'z2'), host('c', 'z3')];

/** Nodes where a pod with these claims can go. */
function placesFor(claims: readonly string[], objects: ListedObjects): string[] | string {
  const volumes = claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
  const all = listedObjects({ storageClasses, ...objects });
  const said = refusals(volumeBinding(), podOf({ volumes }), { nodes, objects: all });
  if (typeof said === 'string') return said;
  const refused = new Set(said.flatMap((refusal) => refusal.nodes));
  return nodes.map(({ metadata }) => metadata.name ?? '').filter((name) => !refused.has(name));
}

describe('VolumeBinding of claims that wait for a consumer', () => {
  it('goes where a free volume of the right size and kind is', () => {
    const claims = [claim('data', '2Gi')];
    const volumes = [
      volume('small', { host: 'a' }),
      volume('large', { host: 'b', size: '5Gi' }),
      volume('block', { host: 'c', size: '5Gi', volumeMode: 'Block' }),
      volume('other', { host: 'c', size: '5Gi', storageClassName: 'x' }),
      volume('taken', { host: 'c', size: '5Gi', claimRef: { namespace: 'x', name: 'of-another' } }),
      volume('shared', { host: 'c', size: '5Gi', accessModes: ['ReadOnlyMany'] }),
    ];
    expect(placesFor(['data'], { claims, volumes })).toEqual(['b']);
  });

  it('goes where the volume is that was set aside for the claim, and to no other', () => {
    const claims = [claim('data')];
    const volumes = [
      volume('own', { host: 'b', claimRef: { namespace: 'x', name: 'data' } }),
      volume('free', { host: 'a' }),
    ];
    expect(placesFor(['data'], { claims, volumes })).toEqual(['b']);
  });

  it('needs a volume for each claim, and gives the smallest claim the smallest volume', () => {
    const claims = [claim('big', '5Gi'), claim('small', '1Gi')];
    const volumes = [
      volume('a1', { host: 'a', size: '5Gi' }),
      volume('b1', { host: 'b', size: '5Gi' }),
      volume('b2', { host: 'b', size: '10Gi' }),
      volume('c1', { host: 'c', size: '1Gi' }),
      volume('c2', { host: 'c', size: '1Gi' }),
    ];
    expect(placesFor(['big', 'small'], { claims, volumes })).toEqual(['b']);
  });

  it('takes a volume that is anywhere before a larger one of the node', () => {
    const claims = [claim('one'), claim('two', '5Gi')];
    const volumes = [volume('anywhere'), volume('a1', { host: 'a', size: '5Gi' })];
    expect(placesFor(['one', 'two'], { claims, volumes })).toEqual(['a']);
  });

  it('makes volumes where the class allows it, or where the node was chosen before', () => {
    const made = { storageClassName: 'made' };
    const chosen = (node: string) => ({ annotations: { 'volume.kubernetes.io/selected-node': node } });
    expect(placesFor(['data'], { claims: [claim('data', '1Gi', made)] })).toEqual(['a', 'b']);
    expect(placesFor(['data'], { claims: [claim('data', '1Gi', made, chosen('b'))] })).toEqual(['b']);
    expect(placesFor(['data'], { claims: [claim('data', '1Gi', made, chosen('c'))] })).toEqual([]);
  });
});

describe('VolumeBinding of claims that have a volume', () => {
  const bound = { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } };

  it('goes where all volumes are, and nowhere when one is gone', () => {
    const claims = [
      claim('one', '1Gi', { volumeName: 'v1' }, bound),
      claim('two', '1Gi', { volumeName: 'v2' }, bound),
      claim('three', '1Gi', { volumeName: 'gone' }, bound),
    ];
    const volumes = [volume('v1', { host: 'b' }), volume('v2')];
    expect(placesFor(['one', 'two'], { claims, volumes })).toEqual(['b']);
    expect(placesFor(['two', 'three'], { claims, volumes })).toEqual([]);
  });

  it('does not take a claim that names a volume and is not bound for one that waits', () => {
    const claims = [claim('data', '1Gi', { volumeName: 'v1' })];
    expect(placesFor(['data'], { claims, volumes: [volume('v1')] })).toBe(
      'pod has unbound immediate PersistentVolumeClaims',
    );
  });

  it('waits for a claim that is made for the pod, and refuses one that was made for another', () => {
    const ask = (claims: readonly KubeObject[]) => {
      const pod = podOf({ volumes: [{ name: 'scratch', ephemeral: {} }] });
      return refusals(volumeBinding(), pod, { nodes, objects: listedObjects({ storageClasses, claims }) });
    };
    expect(ask([])).toBe('waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch"');
    const ownedBy = (uid: string) => ({
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid, controller: true }],
    });
    expect(ask([claim('p-scratch', '1Gi', {}, ownedBy('other'))])).toBe(
      'PVC "x/p-scratch" was not created for pod "x/p" (pod is not owner)',
    );
    expect(ask([claim('p-scratch', '1Gi', { storageClassName: 'made' }, ownedBy('p'))])).toEqual([
      expect.objectContaining({ nodes: ['c'] }),
    ]);
  });
});
