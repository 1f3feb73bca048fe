import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Node, Pod, PodSpec } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv, until } from '@timonel/testkit';
import { container, podWith } from '../plan/testing.ts';
import { OwnNode } from './own-node.ts';
import { placementRejection, type Place } from './placement.ts';
import { victimsFor } from './preemption.ts';

const allocatable = { cpu: '2', memory: '1Gi', pods: '3', 'example.com/gpu': '1' };
const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1', labels: { disk: 'ssd' }, resourceVersion: '5' },
  spec: { taints: [{ key: 'drain', effect: 'NoExecute' }] },
};
const patient = { tolerations: [{ operator: 'Exists' }] };
const asking = (requests: Record<string, string>, more: Partial<PodSpec> = {}): Partial<PodSpec> => ({
  containers: [container('c', { resources: { requests } })],
  ...patient,
  ...more,
});
const ports = (hostPort: number, hostIP?: string): Partial<PodSpec> => ({
  containers: [
    container('c', { ports: [{ containerPort: 80, hostPort, ...(hostIP === undefined ? {} : { hostIP }) }] }),
  ],
  ...patient,
});
const other = (spec: Partial<PodSpec>): Pod => podWith(spec, { uid: 'other' });
const rejected = (spec: Partial<PodSpec>, place: Partial<Place> = {}, metadata: Pod['metadata'] = {}) =>
  placementRejection(podWith(spec, metadata), { node, others: [], allocatable, ...place });

describe('pods that came to the wrong node', () => {
  it.each<[string, Partial<PodSpec>, Pod[], string, string]>([
    [
      'no cpu left',
      asking({ cpu: '1500m' }),
      [other(asking({ cpu: '1' }))],
      'OutOfcpu',
      "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
    ],
    [
      'no memory left',
      asking({ memory: '2Gi' }),
      [],
      'OutOfmemory',
      "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
    ],
    [
      'no device left',
      asking({ 'example.com/gpu': '1' }),
      [other(asking({ 'example.com/gpu': '1' }))],
      'OutOfexample.com/gpu',
      "Node didn't have enough resource: example.com/gpu, requested: 1, used: 1, capacity: 1",
    ],
    [
      'no place left',
      patient,
      [other({}), other({}), other({})],
      'OutOfpods',
      "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
    ],
    [
      'another node selector',
      { ...patient, nodeSelector: { disk: 'tape' } },
      [],
      'NodeAffinity',
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
    [
      'a taint that expels',
      {},
      [],
      'TaintToleration',
      "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    ],
    [
      'a port that is taken',
      ports(80, '10.0.0.1'),
      [other(ports(80))],
      'NodePorts',
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    ],
  ])('%s', (_what, spec, others, reason, message) => {
    expect(rejected(spec, { others })).toEqual({ reason, message });
  });

  it.each<[string, Partial<PodSpec>, Partial<Place>, Pod['metadata']]>([
    ['there is room', asking({ cpu: '1', memory: '512Mi' }), { others: [other(asking({ cpu: '1' }))] }, {}],
    ['the node is not known yet', { nodeSelector: { disk: 'tape' } }, { node: undefined }, {}],
    ['nobody counts the resource here', asking({ 'example.com/other': '1' }), {}, {}],
    ['the port is taken on another address', ports(80, '10.0.0.1'), { others: [other(ports(80, '10.0.0.2'))] }, {}],
    [
      'the taint only keeps new pods away',
      {},
      { node: { ...node, spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } } },
      {},
    ],
    ['it is of a file of the node', {}, {}, { annotations: { 'kubernetes.io/config.source': 'file' } }],
  ])('none, where %s', (_what, spec, place, metadata) => {
    expect(rejected(spec, place, metadata)).toBeUndefined();
  });
});

it('a pod of the API that calls itself static is turned away as any other', () => {
  const annotations = { 'kubernetes.io/config.source': 'file' };
  expect(rejected({}, {}, { annotations, resourceVersion: '7' })?.reason).toBe('TaintToleration');
});

describe('pods that make way', () => {
  const named = (name: string, requests: Record<string, string>, more: Partial<PodSpec> = {}, limits = {}): Pod =>
    podWith({ containers: [container('c', { resources: { requests, limits } })], ...more }, { name, uid: name });
  const critical = (requests: Record<string, string>, priority = 2_000_000_000) =>
    podWith({ ...asking(requests), priority }, { uid: 'critical' });
  const idle = named('idle', {});
  const small = named('small', { cpu: '500m' });
  const sure = named('sure', { cpu: '1', memory: '1Mi' }, {}, { cpu: '1', memory: '1Mi' });
  const system = named('system', { cpu: '500m' }, { priority: 2_000_001_000 });
  const chosen = (pod: Pod, others: readonly Pod[], more: object = {}) =>
    victimsFor(pod, { node, others, allocatable: { ...allocatable, ...more } })?.map(({ metadata }) => metadata.name);

  it('are as few as will do, and those first that were promised least', () => {
    expect(chosen(critical({ cpu: '500m' }), [sure, small, system])).toEqual(['small']);
    expect(chosen(critical({ cpu: '1' }), [sure, small, system])).toEqual(['sure']);
    expect(chosen(critical({ cpu: '1500m' }), [sure, small, system])).toEqual(['small', 'sure']);
    expect(chosen(critical({}), [idle, small, sure])).toEqual(['idle']);
  });

  it('are none for a pod that is not of the system, and none where all of them would not do', () => {
    expect(chosen(critical({ cpu: '500m' }, 1000), [sure, small, system])).toBeUndefined();
    expect(chosen(critical({ cpu: '1800m' }), [sure, system])).toBeUndefined();
  });
});

describe('the object of the node', () => {
  const seen = async (now: Node | undefined, spec: Partial<PodSpec>): Promise<Node | undefined> => {
    const stopping = new AbortController();
    const env = manualEnv();
    let lists = 0;
    const api: Partial<ApiClient> = {
      list: async () => {
        lists += 1;
        return { metadata: { resourceVersion: '5' }, items: [node] } as never;
      },
      // oxlint-disable-next-line require-yield
      watch: async function* watch(_type, { signal } = {}) {
        await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
      },
      get: async () => {
        if (now === undefined) throw new Error('away');
        return now as never;
      },
    };
    const { signal } = stopping;
    const host = { name: 'node-agent', env, log: createRecordingLogger(), signal, reportFault: () => undefined };
    const own = new OwnNode({ host, api: api as ApiClient, env, nodeName: 'node-1' });
    own.start();
    try {
      await until(async () => lists > 0 && (await own.seenFor(podWith(patient))) !== undefined, { what: 'the node' });
      return await own.seenFor(podWith({ ...patient, ...spec }));
    } finally {
      await own.stop();
    }
  };
  const newer: Node = { ...node, metadata: { ...node.metadata, labels: { disk: 'tape' } } };

  it('is read anew before a pod is turned away by it', async () => {
    expect(await seen(newer, { nodeSelector: { disk: 'tape' } })).toBe(newer);
    expect((await seen(newer, { nodeSelector: { disk: 'ssd' } }))?.metadata.labels).toEqual({ disk: 'ssd' });
  });

  it('is that which was seen last where the API does not answer', async () => {
    expect((await seen(undefined, { nodeSelector: { disk: 'tape' } }))?.metadata.labels).toEqual({ disk: 'ssd' });
  });
});
