import { describe, expect, it } from '@jest/globals';
import type { Node, Pod } from '@timonel/sdk/kube';
import type { Ending } from '../plan/ending.ts';
import { container, memoryWith, podWith } from '../plan/testing.ts';
import { NodeRoom } from './node-room.ts';
import { admission } from './pod-admission.ts';
import type { AgentServices } from './services.ts';

const node: Node = { metadata: { name: 'node-1' }, spec: {} };
const asking = (name: string, cpu: string, more: object = {}): Pod =>
  podWith({ containers: [container('c', { resources: { requests: { cpu } } })], ...more }, { name, uid: name });

/** Of a node with two cores, which one pod has. */
function bench(refuses = false) {
  const room = new NodeRoom();
  const events: string[] = [];
  const endings: Ending[] = [];
  const tenant = asking('tenant', '2', { terminationGracePeriodSeconds: 7 });
  room.follow(() => [
    {
      gone: false,
      pod: () => tenant,
      memory: memoryWith({ isAdmitted: true }),
      retryResize: () => undefined,
      end: (ending) => endings.push(ending) > 0,
    },
  ]);
  const services: Partial<AgentServices> = {
    room,
    abilities: { allowedUnsafeSysctls: [], hasAppArmor: false },
    allocatable: () => ({ cpu: '2', pods: '10' }),
    refusal: () => (refuses ? { reason: 'Evicted', message: 'low' } : undefined),
    event: (pod, type, reason) => void events.push(`${pod.metadata.name} ${type} ${reason}`),
  };
  const admitted = (pod: Pod) => admission(services as AgentServices, pod, node);
  return { admitted, events, endings };
}

describe('admission of a pod', () => {
  it('is refused for want of room', () => {
    const { admitted, endings } = bench();
    expect(admitted(asking('late', '1'))).toMatchObject({ reason: 'OutOfcpu' });
    expect(endings).toEqual([]);
  });

  it('of the system lets others make way, within their own time, and tells of it', () => {
    const { admitted, events, endings } = bench();
    expect(admitted(asking('dns', '1', { priority: 2_000_000_000 }))).toBeUndefined();
    expect(endings).toEqual([
      {
        reason: 'Preempting',
        message: 'Preempted in order to admit critical pod',
        gracePeriodMs: 7000,
        isDisruption: true,
        leavesNothing: false,
      },
    ]);
    expect(events).toEqual(['tenant Warning Preempting']);
  });

  it('lets nobody make way for a pod that cannot run here all the same', () => {
    const { admitted, endings } = bench();
    const pod = asking('dns', '1', { priority: 2_000_000_000, nodeSelector: { no: 'such' } });
    expect(admitted(pod)?.reason).toBe('OutOfcpu');
    expect(endings).toEqual([]);
  });

  it('is up to the state of the node first', () => {
    expect(bench(true).admitted(asking('late', '1'))?.reason).toBe('Evicted');
  });
});
