/** Random pods and random faults: when these end, the pod is as it was declared, its status says so, and nothing is done any more. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ContainerRuntime, ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { PodNetwork } from '@timonel/sdk/contracts/network';
import type { Container, Pod, PodSpec } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { container } from '../plan/testing.ts';
import { PodWorker } from './pod-worker.ts';
import type { AgentServices } from './services.ts';
import { changingCalls, OnePodMachine, type ChangingCall } from './testing/one-pod-machine.ts';
import { Bench } from './testing/worker-bench.ts';

type Policy = 'Always' | 'OnFailure' | 'Never';

type Fault =
  | { readonly kind: 'exit'; readonly which: number; readonly code: number }
  | { readonly kind: 'fail'; readonly call: ChangingCall }
  | { readonly kind: 'api' | 'image'; readonly there: boolean }
  | { readonly kind: 'sandbox' | 'agent' | 'reboot' }
  | { readonly kind: 'pass'; readonly seconds: number };

class Life extends Bench {
  readonly machine: OnePodMachine = new OnePodMachine(() => this.env.clock.now());

  /** An end is told of by whoever looks first, while he looks. */
  override runtime(): Partial<ContainerRuntime> {
    const runtime = this.machine.runtime();
    return {
      ...runtime,
      containerStatus: async (id) => {
        if (this.machine.isNews(id)) this.worker.trigger();
        return runtime.containerStatus?.(id);
      },
    };
  }

  override services(): AgentServices {
    const network: Partial<PodNetwork> = {
      attach: (request) => this.machine.network().attach?.(request) ?? Promise.reject(new Error('none')),
      detach: (id) => this.machine.network().detach?.(id) ?? Promise.reject(new Error('none')),
    };
    return { ...super.services(), network: network as PodNetwork };
  }

  /** As the API has it. */
  stored(): Pod {
    return this.written.at(-1) ?? this.worker.pod();
  }

  async restartAgent(): Promise<void> {
    const former = this.worker.assignment();
    await this.worker.close();
    this.worker = new PodWorker(this.services(), this.stored(), former, () => undefined);
    this.#adopt();
    this.worker.recall();
    this.worker.trigger();
    await this.settle();
  }

  /** Of the machine: nothing of the pod is left but what the API was told before. */
  async reboot(): Promise<void> {
    const [isAway, { machine }] = [this.apiIsAway, this];
    this.apiIsAway = false;
    this.worker.trigger();
    await this.pass(15);
    machine.lose();
    this.apiIsAway = isAway;
    await this.restartAgent();
  }

  #adopt(): void {
    const { sandboxes, containers } = this.machine;
    const held = { handler: 'fake', podUid: 'uid-1' };
    this.worker.adopt({ ...held, sandboxes: [...sandboxes.values()], containers: [...containers.values()] });
  }

  /** Time passes; init containers end well after it. */
  override async pass(seconds: number): Promise<void> {
    await this.env.advance(seconds * 1000);
    await this.settle();
    const inits = (this.worker.pod().spec.initContainers ?? []).filter(
      ({ restartPolicy }) => restartPolicy !== 'Always',
    );
    for (const { name } of inits) {
      const latest = this.machine.latest(name);
      if (latest?.state === 'running') this.machine.end(latest.id, 0);
    }
    this.worker.trigger();
    await this.settle();
  }

  async suffer(fault: Fault): Promise<void> {
    const { machine } = this;
    if (fault.kind === 'pass') return this.pass(fault.seconds);
    if (fault.kind === 'agent') return this.restartAgent();
    if (fault.kind === 'reboot') return this.reboot();
    if (fault.kind === 'api') this.apiIsAway = !fault.there;
    else if (fault.kind === 'image') this.imageIsThere = fault.there;
    else if (fault.kind === 'fail') machine.fail(fault.call);
    else if (fault.kind === 'sandbox') {
      machine.loseSandboxes();
      this.#adopt();
    } else if (fault.kind === 'exit') {
      const all = [...machine.containers.values()].filter(({ state }) => state === 'running');
      const victim = all[fault.which % Math.max(1, all.length)];
      if (victim !== undefined) machine.end(victim.id, fault.code);
    }
    this.worker.trigger();
    await this.settle();
  }

  /** Nothing goes wrong any more; long enough for every back-off. */
  async recover(): Promise<void> {
    this.apiIsAway = false;
    this.imageIsThere = true;
    this.machine.heal();
    this.worker.trigger();
    for (let step = 0; step < 45; step += 1) await this.pass(20);
  }
}

const policies = fc.constantFrom<Policy>('Always', 'OnFailure', 'Never');
const specs: fc.Arbitrary<Partial<PodSpec>> = fc
  .record({
    restartPolicy: policies,
    mains: fc.integer({ min: 1, max: 2 }),
    inits: fc.array(fc.boolean(), { maxLength: 2 }),
  })
  .map(({ restartPolicy, mains, inits }) => ({
    restartPolicy,
    containers: Array.from({ length: mains }, (_, at) => container(`main-${at}`)),
    initContainers: inits.map((isSidecar, at) => container(`init-${at}`, isSidecar ? { restartPolicy: 'Always' } : {})),
  }));

const faults: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('exit' as const), which: fc.nat(3), code: fc.constantFrom(0, 1) }),
  fc.record({ kind: fc.constant('fail' as const), call: fc.constantFrom(...changingCalls) }),
  fc.record({ kind: fc.constantFrom('api' as const, 'image' as const), there: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('sandbox' as const, 'agent' as const, 'reboot' as const) }),
  fc.record({ kind: fc.constant('pass' as const), seconds: fc.constantFrom(1, 5, 30) }),
);

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'timonel-random-'));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

/** Lives through the faults, recovers, and is looked at; then it is removed. */
async function live(
  spec: Partial<PodSpec>,
  list: readonly Fault[],
  look: (life: Life) => Promise<void>,
): Promise<void> {
  const life = new Life(await mkdtemp(join(dataDir, 'pod-')), spec);
  try {
    life.worker.trigger();
    await life.settle();
    for (const fault of list) await life.suffer(fault);
    await life.recover();
    await look(life);
  } finally {
    await life.worker.close();
  }
}

const runs = { numRuns: Number(process.env['TIMONEL_RANDOM_RUNS'] ?? 20) };
const limitMs = 30_000 + runs.numRuns * 1000;

describe('after random faults', () => {
  it(
    'a pod is as its restart policy has it, and its status says what is',
    async () => {
      await fc.assert(
        fc.asyncProperty(specs, fc.array(faults, { maxLength: 25 }), (spec, list) =>
          live(spec, list, async (life) => {
            expect(life.machine.complaints).toEqual([]);
            expectDeclared(life);
            expectTold(life);
            expectCauses(life);
          }),
        ),
        runs,
      );
    },
    limitMs,
  );

  it(
    'nothing is done any more while nothing happens',
    async () => {
      await fc.assert(
        fc.asyncProperty(specs, fc.array(faults, { maxLength: 25 }), (spec, list) =>
          live(spec, list, async (life) => {
            const { machine, written } = life;
            const [calls, writes] = [machine.calls.length, written.length];
            for (let step = 0; step < 10; step += 1) await life.pass(30);
            expect([machine.calls.slice(calls), written.slice(writes)]).toEqual([[], []]);
          }),
        ),
        runs,
      );
    },
    limitMs,
  );

  it(
    'a deleted pod goes, and nothing of it is left',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          specs,
          fc.array(faults, { maxLength: 15 }),
          fc.array(faults, { maxLength: 10 }),
          (spec, list, more) =>
            live(spec, list, async (life) => {
              const { metadata } = life.worker.pod();
              const deletion = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 1 };
              const stored = life.stored();
              life.worker.setPod({ ...stored, metadata: { ...metadata, ...deletion } });
              life.written.push({ ...stored, metadata: { ...metadata, ...deletion } });
              await life.settle();
              for (const fault of more) await life.suffer(fault);
              await life.recover();
              const { sandboxes, containers, attached, complaints } = life.machine;
              expect([...sandboxes.keys(), ...containers.keys(), ...attached]).toEqual([]);
              expect(life.worker.memory.objectDeleted).toBe(true);
              expect(complaints).toEqual([]);
            }),
        ),
        runs,
      );
    },
    limitMs,
  );
});

function mainsOf(life: Life): { spec: Container; status: ContainerStatus | undefined }[] {
  return life.worker.pod().spec.containers.map((spec) => ({ spec, status: life.machine.latest(spec.name) }));
}

function expectDeclared(life: Life): void {
  const { restartPolicy } = life.worker.pod().spec;
  const mains = mainsOf(life);
  const phase = life.status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed') {
    expect(restartPolicy).not.toBe('Always');
    return;
  }
  expect(phase).toBe('Running');
  for (const { spec, status } of mains) {
    // Of one that is over, a new sandbox has none.
    if (status === undefined && toldState(life, spec.name) === 'terminated') continue;
    const isOver = restartPolicy === 'Never' || (restartPolicy === 'OnFailure' && status?.exitCode === 0);
    expect(status?.state).toBe(status?.state === 'exited' && isOver ? 'exited' : 'running');
  }
}

function toldState({ status }: Life, name: string): string | undefined {
  return Object.keys(status?.containerStatuses?.find((each) => each.name === name)?.state ?? {})[0];
}

function expectTold(life: Life): void {
  const told = life.status?.containerStatuses ?? [];
  for (const { spec, status } of mainsOf(life)) {
    if (status === undefined) continue;
    const own = told.find(({ name }) => name === spec.name);
    expect(toldState(life, spec.name)).toBe(status.state === 'running' ? 'running' : 'terminated');
    expect(own?.restartCount).toBe(status.attempt);
  }
}

/** Each start but the first follows an end, and each policy is kept to. */
function expectCauses({ machine, worker }: Life): void {
  for (const [name, starts] of machine.starts) {
    expect(starts).toBeLessThanOrEqual(1 + (machine.ends.get(name) ?? 0));
  }
  if (worker.pod().spec.restartPolicy !== 'Never') return;
  for (const { name } of worker.pod().spec.containers) expect(machine.starts.get(name) ?? 0).toBeLessThanOrEqual(1);
}
