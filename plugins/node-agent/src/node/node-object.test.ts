import { describe, expect, it } from '@jest/globals';
import { nodeStatus, type NodeState } from './node-object.ts';
import { allocatableOf } from './read-state.ts';

const features = { recursiveReadOnlyMounts: true, userNamespaces: false };
const state = {
  name: 'node-1',
  capacity: { cpu: '2', memory: '4Gi' },
  allocatable: { cpu: '2', memory: '3Gi' },
  machine: {},
  pressure: {},
  runtimeVersion: 'timonel://linux-1',
  runtimeHandlers: [
    { name: '', features },
    { name: 'linux', features },
  ],
  supplementalGroupsPolicy: true,
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
      nodeInfo: { containerRuntimeVersion: 'timonel://linux-1' },
    });
  });

  it('names its largest images, each by five names at most', () => {
    const names = Array.from({ length: 7 }, (_, index) => `a:${index}`);
    const images = Array.from({ length: 60 }, (_, index) => ({ names, sizeBytes: index }));
    const shown = nodeStatus({ ...state, images }, undefined, '').images ?? [];
    expect(shown).toHaveLength(50);
    expect(shown[0]).toEqual({ names: names.slice(0, 5), sizeBytes: 59 });
    expect(shown.at(-1)?.sizeBytes).toBe(10);
  });

  it('takes huge pages off the memory', () => {
    const capacity = { cpu: '2', memory: '4194304Ki' };
    expect(allocatableOf(capacity, 0)).toEqual(capacity);
    expect(allocatableOf(capacity, 2 ** 30)).toEqual({ cpu: '2', memory: '3145728Ki' });
    expect(allocatableOf(capacity, 2 ** 40)['memory']).toBe('0Ki');
  });
});
