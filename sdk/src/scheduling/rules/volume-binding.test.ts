import { describe, expect, it } from '@jest/globals';
import type { PodInfo, SchedulingPlugin, Status } from '../../contracts/scheduler/index.ts';
import type { KubeObject, Node } from '../../kube/index.ts';
import { listedObjects, type ListedObjects } from '../list-snapshot.ts';
import { nodeWith, podOf, refusals } from './testing/refusals.ts';
import { volumeBinding, type VolumePlan } from './volume-binding.ts';

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

  it('does not look into volumes of other claims, of which there may be very many', () => {
    let looks = 0;
    const claimRef = { namespace: 'x', name: 'of-another', uid: 'other' };
    const others = Array.from({ length: 50 }, (_, index): KubeObject => {
      const taken = volume(`v${index}`, { host: 'c', size: '5Gi', claimRef }) as KubeObject & { spec: object };
      Object.defineProperty(taken.spec, 'capacity', { get: () => ((looks += 1), { storage: '5Gi' }) });
      return taken;
    });
    const volumes = [...others, volume('free', { host: 'b' })];
    expect(placesFor(['data'], { claims: [claim('data')], volumes })).toEqual(['b']);
    expect(looks).toBe(0);
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

const waitingFor = { storageClassName: 'made' };
const drivers = [object('csi.example.com', { spec: { storageCapacity: true } })];

function capacity(node: string, free: string, more: object = {}): KubeObject {
  const nodeTopology = { matchLabels: { 'kubernetes.io/hostname': node } };
  return object(`of-${node}`, { storageClassName: 'made', nodeTopology, capacity: free, ...more });
}

describe('VolumeBinding where the driver tells how much room there is', () => {
  it('goes where there is room for all claims of the pod', () => {
    const claims = [claim('one', '3Gi', waitingFor), claim('two', '3Gi', waitingFor)];
    const csiStorageCapacities = [capacity('a', '5Gi'), capacity('b', '6Gi'), capacity('c', '9Gi')];
    const known = { claims, csiDrivers: drivers, csiStorageCapacities };
    expect(placesFor(['one'], known)).toEqual(['a', 'b']);
    expect(placesFor(['one', 'two'], known)).toEqual(['b']);
  });

  it('minds the largest size of one volume, and capacities of many nodes', () => {
    const claims = [claim('one', '3Gi', waitingFor)];
    const zone = { nodeTopology: { matchLabels: { zone: 'z2' } } };
    const csiStorageCapacities = [capacity('a', '9Gi', { maximumVolumeSize: '2Gi' }), capacity('z2', '9Gi', zone)];
    expect(placesFor(['one'], { claims, csiDrivers: drivers, csiStorageCapacities })).toEqual(['b']);
  });

  it('goes nowhere when the driver tells of no room, and says what would help', () => {
    const objects = listedObjects({ storageClasses, claims: [claim('data', '3Gi', waitingFor)], csiDrivers: drivers });
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    const said = refusals(volumeBinding(), podOf({ volumes }), { nodes: nodes.slice(0, 2), objects });
    expect(said).toMatchObject([
      { code: 'no-storage-capacity', nodes: ['a', 'b'], unblock: expect.stringContaining('ask for less than 3Gi') },
    ]);
  });

  it('believes the capacities of a provisioner that can have no driver object, once there are some', () => {
    const ours = object('ours', { provisioner: 'example.com/ours', volumeBindingMode: 'WaitForFirstConsumer' });
    const claims = [claim('data', '3Gi', { storageClassName: 'ours' })];
    const known = { claims, storageClasses: [ours] };
    expect(placesFor(['data'], known)).toEqual(['a', 'b', 'c']);
    const csiStorageCapacities = [capacity('b', '5Gi', { storageClassName: 'ours' })];
    expect(placesFor(['data'], { ...known, csiStorageCapacities })).toEqual(['b']);
  });

  it('chooses again when the node that was chosen is gone', () => {
    const gone = { annotations: { 'volume.kubernetes.io/selected-node': 'gone' } };
    expect(placesFor(['data'], { claims: [claim('data', '1Gi', waitingFor, gone)] })).toEqual(['a', 'b']);
  });
});

describe('VolumeBinding with a binder', () => {
  const uid = (name: string) => ({ uid: `uid-${name}` });
  const claims = [claim('one', '1Gi', {}, uid('one')), claim('two', '1Gi', {}, uid('two'))];
  const podWith = (name: string, ...names: string[]) =>
    podOf({ volumes: names.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) }, name);

  interface Bench {
    readonly plugin: SchedulingPlugin;
    readonly plans: VolumePlan[];
    readonly signals: AbortSignal[];
    readonly places: (pod: PodInfo) => string[];
  }

  function bench(objects: ListedObjects, answer: Status = { code: 'success' }): Bench {
    const plans: VolumePlan[] = [];
    const signals: AbortSignal[] = [];
    const bind = async (plan: VolumePlan, signal: AbortSignal): Promise<Status> => {
      plans.push(plan);
      signals.push(signal);
      return answer;
    };
    const plugin = volumeBinding({ bind });
    const all = listedObjects({ storageClasses, ...objects });
    const places = (pod: PodInfo): string[] => {
      const said = refusals(plugin, pod, { nodes, objects: all });
      const refused = new Set(typeof said === 'string' ? ['a', 'b', 'c'] : said.flatMap((refusal) => refusal.nodes));
      return nodes.map(({ metadata }) => metadata.name ?? '').filter((name) => !refused.has(name));
    };
    return { plugin, plans, signals, places };
  }

  it('gives a volume to one pod on its way, and to another when that came to nothing', async () => {
    const { plugin, plans, signals, places } = bench({ claims, volumes: [volume('v', { host: 'a' })] });
    const [first, second] = [podWith('p1', 'one'), podWith('p2', 'two')];
    expect(places(first)).toEqual(['a']);
    expect(places(second)).toEqual(['a']);
    expect(plugin.reserve?.(first, 'a')).toEqual({ code: 'success' });
    expect(plugin.reserve?.(second, 'a')).toMatchObject({ code: 'unschedulable', reasonCode: 'volumes-taken' });
    expect(places(second)).toEqual([]);
    expect(await plugin.preBind?.(first, 'a')).toEqual({ code: 'success' });
    expect(plans).toMatchObject([
      {
        nodeName: 'a',
        made: [],
        given: [{ claim: claims[0], volume: { metadata: { name: 'v' } } }],
        unbound: [claims[0]],
      },
    ]);
    plugin.unreserve?.(first, 'a');
    expect(signals[0]?.aborted).toBe(true);
    expect(places(second)).toEqual(['a']);
  });

  it('has to do only with pods that have claims', () => {
    const { plugin } = bench({});
    expect(plugin.takesPart?.(podWith('p1', 'data').class)).toBe(true);
    expect(plugin.takesPart?.(podOf({}).class)).toBe(false);
  });

  it('sends pods that share a claim to one node while its volume is made there', () => {
    const shared = claim('shared', '1Gi', waitingFor, uid('shared'));
    const { plugin, places } = bench({ claims: [shared] });
    const [first, second] = [podWith('p1', 'shared'), podWith('p2', 'shared')];
    expect(places(first)).toEqual(['a', 'b']);
    plugin.reserve?.(first, 'b');
    expect(places(second)).toEqual(['b']);
    plugin.postBind?.(first, 'b');
    expect(places(second)).toEqual(['a', 'b']);
  });

  it('passes on why a binding failed, and refuses a volume that was made elsewhere', async () => {
    const failed: Status = { code: 'unschedulable', reason: 'no room' };
    const made = claim('data', '1Gi', waitingFor, uid('data'));
    const one = bench({ claims: [made] }, failed);
    const pod = podWith('p', 'data');
    one.places(pod);
    one.plugin.reserve?.(pod, 'a');
    expect(await one.plugin.preBind?.(pod, 'a')).toEqual(failed);
    const known = [made];
    const other = bench({ claims: known, volumes: [volume('v', { host: 'b' })] });
    other.places(pod);
    other.plugin.reserve?.(pod, 'a');
    known[0] = claim('data', '1Gi', { ...waitingFor, volumeName: 'v' }, uid('data'));
    expect(await other.plugin.preBind?.(pod, 'a')).toMatchObject({ reasonCode: 'volume-elsewhere' });
  });

  it('has nothing to do for pods without claims, or whose claims are bound', async () => {
    const bound = { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } };
    const { plugin, plans, places } = bench({
      claims: [claim('data', '1Gi', { volumeName: 'v' }, bound)],
      volumes: [volume('v', { host: 'c' })],
    });
    const pod = podWith('p', 'data');
    expect(places(pod)).toEqual(['c']);
    for (const each of [pod, podWith('q')]) {
      expect(plugin.reserve?.(each, 'c')).toEqual({ code: 'success' });
      expect(await plugin.preBind?.(each, 'c')).toEqual({ code: 'success' });
    }
    expect(plans).toEqual([]);
  });
});
