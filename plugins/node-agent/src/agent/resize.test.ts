import { describe, expect, it } from '@jest/globals';
import {
  RuntimeError,
  updatedResources,
  type LinuxResources,
  type ResourceUpdate,
} from '@timonel/sdk/contracts/runtime';
import type { Pod, ResourceRequirements } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import { linuxResources, podResources } from '../container/qos.ts';
import { policy } from '../container/testing.ts';
import { plan } from '../plan/plan.ts';
import { allocatedPod } from '../plan/resize.ts';
import { container, memoryWith, noon, podWith, running, sandbox, viewOf } from '../plan/testing.ts';
import { podStatus } from '../status/pod-status.ts';
import type { PodRecord } from './executor.ts';
import { NodeRoom } from './node-room.ts';
import { resizeStep } from './resize.ts';
import type { AgentServices } from './services.ts';

/** cpu in thousandths and memory in MiB, of limits and requests. */
function amounts(cpu: number, memory: number): ResourceRequirements {
  const quantities = { cpu: `${cpu}m`, memory: `${memory}Mi` };
  return { limits: quantities, requests: quantities };
}

type Sizes = Readonly<Record<string, ResourceRequirements>>;

/** One pod that runs with its first sizes, on a node of 4 cpus and 4 GiB; what the runtime is told is written down. */
class Bench {
  readonly env = manualEnv();
  readonly memory = memoryWith();
  readonly calls: string[] = [];
  readonly events: string[] = [];
  readonly room = new NodeRoom();
  fails: string | undefined;
  declared: Pod;
  readonly sandboxes;
  readonly containers;

  constructor(sizes: Sizes, changes: Partial<Pod['spec']['containers'][number]> = {}) {
    this.declared = podWith({ containers: this.#sized(sizes, changes) }, { ...podWith().metadata, generation: 1 });
    this.sandboxes = new Map([['s0', sandbox({ resources: podResources(this.declared, policy) })]]);
    this.containers = new Map(
      this.declared.spec.containers.map((each) => {
        const status = running(each.name, 0, { resources: linuxResources(this.declared, each, policy) });
        return [status.id, status];
      }),
    );
  }

  #sized(sizes: Sizes, changes: object) {
    return Object.entries(sizes).map(([name, resources]) => container(name, { resources, ...changes }));
  }

  async resize(sizes: Sizes, generation = 2): Promise<void> {
    if (this.memory.resize.allocated === undefined && this.declared.status === undefined) await this.step();
    const containers = this.declared.spec.containers.map((each) => ({ ...each, resources: sizes[each.name] ?? {} }));
    const metadata = { ...this.declared.metadata, generation };
    this.declared = { ...this.declared, metadata, spec: { ...this.declared.spec, containers } };
    await this.step();
  }

  async step(): Promise<void> {
    await resizeStep(this.#services(), this as unknown as PodRecord, this.declared);
  }

  pod(): Pod {
    return allocatedPod(this.declared, this.memory.resize.allocated);
  }

  view() {
    const { memory } = this;
    return viewOf({
      pod: this.pod(),
      sandboxes: [...this.sandboxes.values()],
      containers: [...this.containers.values()],
      memory,
    });
  }

  get status() {
    return podStatus(this.view(), '192.0.2.1', noon);
  }

  conditions() {
    return (this.status.conditions ?? []).filter(({ type }) => type.startsWith('PodResize'));
  }

  shown(name: string) {
    return this.status.containerStatuses?.find((each) => each.name === name);
  }

  runtime() {
    const call = (id: string, update: ResourceUpdate): void => {
      if (this.fails === id) throw new RuntimeError('ResizeError', `${id} uses more`);
      const shown = Object.entries(update).map(([field, value]) => `${field.replace(/(Millis|Bytes)$/, '')}=${value}`);
      this.calls.push(`${id} ${shown.join(' ')}`);
    };
    const changed = <T extends { resources?: LinuxResources }>(
      all: Map<string, T>,
      id: string,
      update: ResourceUpdate,
    ) => {
      const before = all.get(id);
      if (before !== undefined) all.set(id, { ...before, resources: updatedResources(before.resources ?? {}, update) });
    };
    return {
      updateSandbox: async (id: string, update: ResourceUpdate) => {
        call(id, update);
        changed(this.sandboxes, id, update);
      },
      updateContainer: async (id: string, update: ResourceUpdate) => {
        call(id, update);
        changed(this.containers, id, update);
      },
    };
  }

  #services(): AgentServices {
    const event = (_pod: Pod, _type: string, reason: string): void => void this.events.push(reason);
    const allocatable = (): Record<string, string> => ({ cpu: '4', memory: '4Gi' });
    return { env: this.env, room: this.room, policy, allocatable, event } as unknown as AgentServices;
  }
}

const mi = 1024 * 1024;

describe('a resize of a running pod', () => {
  it('lets the pod grow first, then its containers, and shrinks in the other order', async () => {
    const bench = new Bench({ a: amounts(100, 64), b: amounts(100, 64) });
    await bench.step();
    expect(bench.calls).toEqual([]);
    await bench.resize({ a: amounts(300, 64), b: amounts(100, 32) });
    expect(bench.calls).toEqual([
      's0 cpuLimit=400 cpuShares=409',
      'a-0 cpuLimit=300 cpuShares=307',
      `b-0 memoryLimit=${32 * mi}`,
      `s0 memoryLimit=${96 * mi}`,
    ]);
    expect(bench.conditions()).toEqual([]);
    expect(bench.events).toEqual(['ResizeStarted', 'ResizeCompleted']);
    expect(bench.shown('a')).toMatchObject({
      restartCount: 0,
      resources: amounts(300, 64),
      allocatedResources: { cpu: '300m', memory: '64Mi' },
    });
    bench.calls.length = 0;
    await bench.step();
    expect(bench.calls).toEqual([]);
  });

  it('waits for room: the pod goes on as it is, and is resized when another went', async () => {
    const bench = new Bench({ a: amounts(100, 64) });
    const other = podWith({ containers: [container('x', { resources: amounts(3000, 64) })] }, { uid: 'other' });
    const memory = { isAdmitted: true, rejection: undefined, resize: { pending: undefined } };
    let others = [{ gone: false, pod: () => other, memory, retryResize: () => undefined, end: () => false }];
    bench.room.follow(() => others);
    await bench.resize({ a: amounts(2000, 64) });
    expect(bench.calls).toEqual([]);
    expect(bench.conditions()).toMatchObject([
      {
        type: 'PodResizePending',
        status: 'True',
        reason: 'Deferred',
        message: "Node didn't have enough resource: cpu, requested: 2000, used: 3000, capacity: 4000",
        observedGeneration: 2,
      },
    ]);
    expect(bench.shown('a')).toMatchObject({ resources: amounts(100, 64), allocatedResources: { cpu: '100m' } });
    expect(plan(bench.view(), bench.env.clock.now()).wakeAt).toBe(bench.memory.resize.pending?.retryAt);
    others = [];
    await bench.step();
    expect(bench.conditions()).toEqual([]);
    expect(bench.shown('a')).toMatchObject({ resources: amounts(2000, 64) });
  });

  it('takes less at once, also on a node that gave away more than it has', async () => {
    const bench = new Bench({ a: amounts(1000, 64) });
    const other = podWith({ containers: [container('x', { resources: amounts(8000, 64) })] }, { uid: 'other' });
    const memory = { isAdmitted: true, rejection: undefined, resize: { pending: undefined } };
    bench.room.follow(() => [
      { gone: false, pod: () => other, memory, retryResize: () => undefined, end: () => false },
    ]);
    await bench.resize({ a: amounts(500, 64) });
    expect(bench.conditions()).toEqual([]);
    expect(bench.shown('a')).toMatchObject({ resources: amounts(500, 64) });
  });

  it('says that more than the node has can never be, until less is asked for', async () => {
    const bench = new Bench({ a: amounts(100, 64) });
    await bench.resize({ a: amounts(100, 8192) });
    expect(bench.conditions()).toMatchObject([{ type: 'PodResizePending', reason: 'Infeasible' }]);
    expect(bench.calls).toEqual([]);
    await bench.resize({ a: amounts(100, 64) }, 3);
    expect(bench.conditions()).toEqual([]);
    expect(bench.events).toEqual(['ResizeInfeasible']);
  });

  it('stays in progress while a container uses more than it shall have, and ends when it does not', async () => {
    const bench = new Bench({ a: amounts(100, 64), b: amounts(100, 64) });
    bench.fails = 'b-0';
    await bench.resize({ a: amounts(200, 64), b: amounts(100, 32) });
    const failed = { type: 'PodResizeInProgress', status: 'True', reason: 'Error', message: 'b-0 uses more' };
    expect(bench.conditions()).toMatchObject([{ ...failed, observedGeneration: 2 }]);
    expect([bench.shown('a'), bench.shown('b')]).toMatchObject([
      { resources: amounts(200, 64), allocatedResources: { memory: '64Mi' } },
      { resources: amounts(100, 64), allocatedResources: { memory: '32Mi' } },
    ]);
    bench.fails = undefined;
    await bench.step();
    expect(bench.conditions()).toHaveLength(1);
    await bench.env.advance(10_000);
    await bench.step();
    expect(bench.conditions()).toEqual([]);
    expect(bench.shown('b')).toMatchObject({ resources: amounts(100, 32) });
    expect(bench.events).toEqual(['ResizeStarted', 'ResizeError', 'ResizeCompleted']);
  });

  it('starts a container anew whose policy says so, also one that is not restarted otherwise', async () => {
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    const bench = new Bench({ a: amounts(100, 64) }, { resizePolicy });
    await bench.resize({ a: amounts(200, 64) });
    expect(bench.calls).toContain('a-0 cpuLimit=200 cpuShares=204');
    await bench.resize({ a: amounts(200, 128) }, 3);
    expect(bench.conditions()).toMatchObject([{ type: 'PodResizeInProgress', observedGeneration: 3 }]);
    const why = 'Container a resize requires restart';
    expect(plan(bench.view(), noon).actions).toMatchObject([{ type: 'stop-container', containerId: 'a-0', why }]);
    const ended = running('a', 0, { ...bench.containers.get('a-0'), state: 'exited', exitCode: 0, finishedAt: noon });
    bench.containers.set('a-0', ended);
    bench.memory.finished.set('a', ended);
    bench.declared = { ...bench.declared, spec: { ...bench.declared.spec, restartPolicy: 'OnFailure' } };
    await bench.step();
    expect(plan(bench.view(), noon).actions).toMatchObject([{ type: 'start-container', container: 'a', attempt: 1 }]);
    const [declared] = bench.pod().spec.containers;
    if (declared === undefined) throw new Error('no container');
    bench.containers.set('a-1', running('a', 1, { resources: linuxResources(bench.pod(), declared, policy) }));
    await bench.step();
    expect(bench.conditions()).toEqual([]);
    expect(bench.shown('a')).toMatchObject({ restartCount: 1, resources: amounts(200, 128) });
    expect(bench.sandboxes.get('s0')?.resources?.memoryLimitBytes).toBe(128 * mi);
  });

  it('goes on from what a former agent granted, not from what is declared', async () => {
    const before = new Bench({ a: amounts(100, 64) });
    const bench = new Bench({ a: amounts(100, 64) });
    bench.declared = { ...bench.declared, status: before.status };
    await bench.resize({ a: amounts(5000, 64) });
    expect(bench.conditions()).toMatchObject([{ reason: 'Infeasible' }]);
    expect(bench.pod().spec.containers[0]?.resources).toEqual(amounts(100, 64));
    await bench.resize({ a: amounts(1000, 64) }, 3);
    expect(bench.containers.get('a-0')?.resources).toMatchObject({ cpuLimitMillis: 1000 });
  });

  it('is nothing to a pod that ends', async () => {
    const bench = new Bench({ a: amounts(100, 64) });
    const metadata = { ...bench.declared.metadata, deletionTimestamp: '2026-03-05T12:00:00Z' };
    bench.declared = { ...bench.declared, metadata };
    await bench.resize({ a: amounts(200, 64) });
    expect([bench.calls, bench.events, bench.conditions()]).toEqual([[], [], []]);
  });
});
