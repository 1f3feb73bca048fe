import { describe, expect, it } from '@jest/globals';
import { nodeStatus, type NodeState } from './node-object.ts';
import { allocatableOf, enforcedPodMemory, podMemoryBytes } from './allocatable.ts';
import { transitionEvents } from './node-events.ts';

const features = { recursiveReadOnlyMounts: true, userNamespaces: false };
const state = {
  name: 'node-1',
  capacity: { cpu: '2', memory: '4Gi' },
  allocatable: { cpu: '2', memory: '3Gi' },
  machine: {},
  pressure: ['DiskPressure'],
  runtimeVersion: 'timonel://linux-1',
  runtimeHandlers: [
    { name: '', features },
    { name: 'linux', features },
  ],
  supplementalGroupsPolicy: true,
  volumesInUse: [],
  addresses: ['192.0.2.1', 'fd00::1'],
  notReady: '',
  images: [],
} as unknown as NodeState;

describe('the status of a node', () => {
  it('tells of its runtimes, what they can, and what pods may have', () => {
    const status = nodeStatus(state, undefined, '2026-01-01T00:00:00Z');
    expect(status).toMatchObject({
      runtimeHandlers: [
        { name: '', features },
        { name: 'linux', features },
      ],
      features: { supplementalGroupsPolicy: true },
      allocatable: { memory: '3Gi' },
      addresses: [
        { type: 'InternalIP', address: '192.0.2.1' },
        { type: 'InternalIP', address: 'fd00::1' },
        { type: 'Hostname', address: 'node-1' },
      ],
      nodeInfo: { containerRuntimeVersion: 'timonel://linux-1' },
    });
  });

  it('names volumes that must stay attached, and leaves resources that others gave the node', () => {
    const volumesInUse = ['kubernetes.io/csi/d^h'];
    const capacity = { cpu: '9', 'example.com/dongle': '3', 'example.com/gpu': '1' };
    const own = { ...state, volumesInUse, capacity: { cpu: '2', 'example.com/gpu': '0' } };
    const status = nodeStatus(own, { capacity }, '');
    expect(status.volumesInUse).toEqual(volumesInUse);
    expect(status.capacity).toEqual({ cpu: '2', 'example.com/dongle': '3', 'example.com/gpu': '0' });
    expect(status.allocatable?.['example.com/dongle']).toBe('3');
    expect(nodeStatus(state, status, '')).not.toHaveProperty('volumesInUse');
  });

  it('names its largest images, each by five names at most', () => {
    const names = Array.from({ length: 7 }, (_, index) => `a:${index}`);
    const images = Array.from({ length: 60 }, (_, index) => ({ names, sizeBytes: index }));
    const shown = nodeStatus({ ...state, images }, undefined, '').images ?? [];
    expect(shown).toHaveLength(50);
    expect(shown[0]).toEqual({ names: names.slice(0, 5), sizeBytes: 59 });
    expect(shown.at(-1)?.sizeBytes).toBe(10);
  });

  it("says what it is short of, in the kubelet's words", () => {
    const before = nodeStatus({ ...state, pressure: [] }, undefined, '2026-01-01T00:00:00Z');
    const after = nodeStatus(state, before, '2026-01-01T00:00:10Z');
    const told = after.conditions?.map(({ type, status, reason, lastTransitionTime }) => [
      type,
      status,
      reason,
      lastTransitionTime,
    ]);
    expect(told).toEqual([
      ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', '2026-01-01T00:00:00Z'],
      ['DiskPressure', 'True', 'KubeletHasDiskPressure', '2026-01-01T00:00:10Z'],
      ['PIDPressure', 'False', 'KubeletHasSufficientPID', '2026-01-01T00:00:00Z'],
      ['Ready', 'True', 'KubeletReady', '2026-01-01T00:00:00Z'],
    ]);
    expect(transitionEvents(undefined, before)).toEqual([
      'NodeHasSufficientMemory',
      'NodeHasNoDiskPressure',
      'NodeHasSufficientPID',
      'NodeReady',
    ]);
    expect(transitionEvents(before, after)).toEqual(['NodeHasDiskPressure']);
  });
});

describe('what pods are given of a node', () => {
  const capacity = { cpu: '2', memory: '4194304Ki', 'ephemeral-storage': '1000Ki', pods: '110' };
  const nothing = { kubeReserved: {}, systemReserved: {}, evictionHard: {} };

  it('is all of it, less memory in huge pages', () => {
    expect(allocatableOf(capacity, 0, nothing)).toEqual({ ...capacity, 'ephemeral-storage': '1024000' });
    expect(allocatableOf(capacity, 2 ** 30, nothing)).toMatchObject({ memory: '3145728Ki' });
    expect(allocatableOf(capacity, 2 ** 40, nothing)['memory']).toBe('0Ki');
    expect(allocatableOf({ pods: '3' }, 0, nothing)).toEqual({ pods: '3' });
  });

  it('is less what is reserved, and what hard thresholds keep free', () => {
    const kept = {
      kubeReserved: { cpu: '100m', memory: '256Mi' },
      systemReserved: { cpu: '0.4', memory: '1Gi', 'ephemeral-storage': '100Ki' },
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '10%', 'imagefs.available': '15%' },
    };
    expect(allocatableOf(capacity, 0, kept)).toEqual({
      cpu: '1500m',
      memory: `${4_194_304 - (256 + 1024 + 100) * 1024}Ki`,
      'ephemeral-storage': String(800 * 1024),
      pods: '110',
    });
    const ofPods = 2 ** 32 - (256 + 1024) * 2 ** 20;
    expect(podMemoryBytes(2 ** 32, kept)).toBe(ofPods);
    const enforced = (enforce: 'pods' | 'none', of: object = kept) =>
      enforcedPodMemory({ ...nothing, ...of, enforceNodeAllocatable: [enforce] }, 2 ** 32);
    expect([enforced('pods'), enforced('none'), enforced('pods', nothing)]).toEqual([ofPods, undefined, undefined]);
  });
});
