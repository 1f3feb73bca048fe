import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../../kube/index.ts';
import { listedObjects } from '../list-snapshot.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesFit } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { nodeVolumeLimits } from './node-volume-limits.ts';
import { taintToleration } from './taint-toleration.ts';
import { nodeWith, podOf, refusals, requesting } from './testing/refusals.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

const three = [nodeWith('a'), nodeWith('b'), nodeWith('c')];

describe('NodeResourcesFit', () => {
  it('says how much is short on the node that is nearest', () => {
    const pods = { a: [requesting({ cpu: '3' })], b: [requesting({ cpu: '2200m' })], c: [requesting({ cpu: '4' })] };
    expect(refusals(nodeResourcesFit(), requesting({ cpu: '2' }), { nodes: three, pods })).toEqual([
      {
        code: 'insufficient-cpu',
        text: 'Insufficient cpu',
        resolvable: true,
        nodes: ['a', 'b', 'c'],
        detail: { resource: 'cpu', requested: 2000, free: 1800, short: 200, node: 'b' },
        unblock: 'free 200m cpu on one of 3 nodes',
      },
    ]);
  });

  it('gives every short resource a reason of its own, and tells what no removal of pods can mend', () => {
    const pods = { a: [requesting({ memory: '3Gi' })] };
    const said = refusals(nodeResourcesFit(), requesting({ cpu: '8', memory: '2Gi', 'example.com/gpu': '1' }), {
      nodes: three.slice(0, 1),
      pods,
    });
    expect(said).toEqual([
      expect.objectContaining({
        code: 'oversized-cpu',
        text: 'Insufficient cpu',
        resolvable: false,
        unblock: 'ask for at most 4 cpu, or add a node with 8 cpu or more',
      }),
      expect.objectContaining({
        code: 'insufficient-memory',
        text: 'Insufficient memory',
        resolvable: true,
        unblock: 'free 1Gi memory on node a',
      }),
      expect.objectContaining({
        code: 'oversized-example.com/gpu',
        text: 'Insufficient example.com/gpu',
        resolvable: false,
        unblock: 'add a node with 1 example.com/gpu or more',
      }),
    ]);
  });

  it('counts pods', () => {
    const small = nodeWith('a', { status: { allocatable: { pods: '1' } } });
    expect(refusals(nodeResourcesFit(), podOf({}), { nodes: [small], pods: { a: [podOf({}, 'q')] } })).toEqual([
      expect.objectContaining({ text: 'Too many pods', resolvable: true, unblock: 'remove a pod from node a' }),
    ]);
  });
});

describe('taints and cordons', () => {
  it('name the taint, and all that would have to be tolerated on the nearest node', () => {
    const gpu = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };
    const away = { key: 'away', effect: 'NoExecute' };
    const nodes = [nodeWith('a', { spec: { taints: [gpu, away] } }), nodeWith('b', { spec: { taints: [gpu] } })];
    const [both, ...none] = refusals(taintToleration(), podOf({}), { nodes });
    expect(none).toEqual([]);
    expect(both).toEqual({
      code: 'untolerated-taint',
      text: 'node(s) had untolerated taint {dedicated: gpu}',
      resolvable: false,
      nodes: ['a', 'b'],
      detail: { key: 'dedicated', value: 'gpu', effect: 'NoSchedule', node: 'b', nodes: 2 },
      unblock: 'tolerate dedicated=gpu:NoSchedule',
    });
    expect(refusals(taintToleration(), podOf({}), { nodes: nodes.slice(0, 1) })).toEqual([
      expect.objectContaining({ unblock: 'tolerate dedicated=gpu:NoSchedule and away:NoExecute' }),
    ]);
  });

  it('tell which node is cordoned', () => {
    const nodes = [nodeWith('a', { spec: { unschedulable: true } }), nodeWith('b')];
    expect(refusals(nodeUnschedulable(), podOf({}), { nodes })).toEqual([
      expect.objectContaining({ text: 'node(s) were unschedulable', nodes: ['a'], unblock: 'uncordon node a' }),
    ]);
  });
});

describe('NodeAffinity', () => {
  const nodes = [nodeWith('a'), nodeWith('b', { labels: { disk: 'ssd' } }), nodeWith('c')];

  it('says which labels are missing where the fewest are', () => {
    const pod = podOf({ nodeSelector: { disk: 'ssd', zone: 'z' } });
    expect(refusals(nodeAffinity(), pod, { nodes })).toEqual([
      {
        code: 'node-affinity',
        text: "node(s) didn't match Pod's node affinity/selector",
        resolvable: false,
        nodes: ['a', 'b', 'c'],
        detail: { missing: ['add label zone=z'], node: 'b' },
        unblock: 'add label zone=z to one of 3 nodes',
      },
    ]);
  });

  it('has affinity of the configuration for all pods, told apart from their own', () => {
    const nodeSelectorTerms = [{ matchExpressions: [{ key: 'disk', operator: 'Exists' }] }];
    const plugin = nodeAffinity({
      addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    });
    expect(refusals(plugin, podOf({ nodeSelector: { zone: 'z' } }), { nodes })).toEqual([
      expect.objectContaining({
        text: "node(s) didn't match scheduler-enforced node affinity",
        nodes: ['a', 'c'],
        unblock: 'add label disk to one of 2 nodes',
      }),
      expect.objectContaining({ text: "node(s) didn't match Pod's node affinity/selector", nodes: ['b'] }),
    ]);
  });

  it('narrows the nodes to those that all terms name, and ends at terms that contradict each other', () => {
    const named = (...names: string[]) => ({
      matchFields: names.map((name) => ({ key: 'metadata.name', operator: 'In', values: [name] })),
    });
    const pod = (...nodeSelectorTerms: object[]) =>
      podOf({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } });
    const plugin = nodeAffinity();
    const view = undefined as never;
    expect(plugin.preFilter?.(pod(named('a'), named('b')), view).nodeNames).toEqual(['a', 'b']);
    expect(plugin.preFilter?.(pod(named('a'), nodeSelectorTermOfLabel), view).nodeNames).toBeUndefined();
    expect(plugin.preFilter?.(pod(named('a', 'b')), view).status).toEqual({
      code: 'unresolvable',
      reasonCode: 'node-affinity-conflict',
      reason: 'pod affinity terms conflict',
    });
  });
});

const nodeSelectorTermOfLabel = { matchExpressions: [{ key: 'disk', operator: 'Exists' }] };

describe('NodeName and NodePorts', () => {
  it('name the node, and the pod that has the port', () => {
    expect(refusals(nodeName(), podOf({ nodeName: 'gone' }), { nodes: three.slice(0, 1) })).toEqual([
      expect.objectContaining({ text: "node(s) didn't match the requested node name", unblock: 'add node gone' }),
    ]);
    const web = (name: string) =>
      podOf({ containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] }, name);
    const pods = { a: [web('q')], b: [web('r')], c: [web('s')] };
    expect(refusals(nodePorts(), web('p'), { nodes: three, pods })).toEqual([
      expect.objectContaining({
        resolvable: true,
        detail: expect.objectContaining({ node: 'a', pods: ['x/q'] }),
        unblock: 'free host port 80/TCP on one of 3 nodes',
      }),
    ]);
  });
});

describe('volumes', () => {
  const using = (claimName: string, name?: string) =>
    podOf({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] }, name);
  const claim = (name: string, spec: object, annotations: Record<string, string> = {}): KubeObject =>
    ({ metadata: { name, namespace: 'x', annotations }, spec }) as KubeObject;
  const bound = { 'pv.kubernetes.io/bind-completed': 'yes' };
  const onHost = (host: string) => ({
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'host', operator: 'In', values: [host] }] }] },
  });

  it('say which claim is missing or unbound', () => {
    const objects = listedObjects({ claims: [claim('data', {})] });
    expect(refusals(volumeBinding(), using('gone'), { nodes: three })).toBe('persistentvolumeclaim "gone" not found');
    expect(refusals(volumeBinding(), using('data'), { nodes: three, objects })).toBe(
      'pod has unbound immediate PersistentVolumeClaims',
    );
  });

  it('say where the volume is, or that none can be had', () => {
    const volume = { metadata: { name: 'pv' }, spec: { nodeAffinity: onHost('b') } } as KubeObject;
    const local = { metadata: { name: 'local' }, volumeBindingMode: 'WaitForFirstConsumer' } as KubeObject;
    const claims = [claim('data', { volumeName: 'pv' }, bound), claim('new', { storageClassName: 'local' })];
    const objects = listedObjects({ claims, volumes: [volume], storageClasses: [local] });
    expect(refusals(volumeBinding(), using('data'), { nodes: three, objects })).toEqual([
      expect.objectContaining({
        text: "node(s) didn't match PersistentVolume's node affinity",
        detail: { volume: 'pv', missing: ['add label host=b'], node: 'a' },
        unblock: 'make room on a node where volume pv is (these would have to add label host=b)',
      }),
    ]);
    expect(refusals(volumeBinding(), using('new'), { nodes: three, objects })).toEqual([
      expect.objectContaining({
        text: "node(s) didn't find available persistent volumes to bind",
        unblock: 'add a persistent volume of class local for claim new that these nodes can use',
      }),
    ]);
  });

  it('name the pod that has the claim for itself', () => {
    const objects = listedObjects({ claims: [claim('data', { accessModes: ['ReadWriteOncePod'] })] });
    const pods = { b: [using('data', 'q')] };
    expect(refusals(volumeRestrictions(), using('data'), { nodes: three, pods, objects })).toEqual([
      expect.objectContaining({
        resolvable: true,
        nodes: ['a', 'b', 'c'],
        detail: { pod: 'x/q', node: 'b' },
        unblock: 'remove pod x/q, which uses claim x/data, from node b',
      }),
    ]);
  });

  it('say how many volumes a node has too many, and which zone is wrong', () => {
    const csi = (volumeHandle: string, zone: string): KubeObject =>
      ({
        metadata: { name: volumeHandle, labels: { 'topology.kubernetes.io/zone': zone } },
        spec: { csi: { driver: 'd', volumeHandle } },
      }) as KubeObject;
    const claims = ['one', 'two'].map((name) => claim(name, { volumeName: name }, bound));
    const csiNode = {
      metadata: { name: 'a' },
      spec: { drivers: [{ name: 'd', allocatable: { count: 1 } }] },
    } as KubeObject;
    const objects = listedObjects({ claims, volumes: [csi('one', 'z1'), csi('two', 'z2')], csiNodes: [csiNode] });
    const pods = { a: [using('one', 'q')] };
    expect(refusals(nodeVolumeLimits(), using('two'), { nodes: three, pods, objects })).toEqual([
      expect.objectContaining({
        text: 'node(s) exceed max volume count',
        nodes: ['a'],
        detail: { driver: 'd', limit: 1, attached: 1, excess: 1, node: 'a' },
        unblock: 'detach a volume of d from node a',
      }),
    ]);
    const nodes = [nodeWith('a', { labels: { 'topology.kubernetes.io/zone': 'z1' } }), nodeWith('b')];
    expect(refusals(volumeZone(), using('two'), { nodes, objects })).toEqual([
      expect.objectContaining({
        text: 'node(s) had no available volume zone',
        nodes: ['a'],
        unblock: 'make room on a node with topology.kubernetes.io/zone=z2, where volume two is',
      }),
    ]);
  });
});
