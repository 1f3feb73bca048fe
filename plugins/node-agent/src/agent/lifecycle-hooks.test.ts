import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ContainerRuntime, ExecSession } from '@timonel/sdk/contracts/runtime';
import type { PodSpec } from '@timonel/sdk/kube';
import { container, podWith } from '../plan/testing.ts';
import { Bench } from './testing/worker-bench.ts';

/** Commands in containers end when the test says so; how long a container had to end is noted. */
class HookBench extends Bench {
  readonly commands: { readonly command: readonly string[]; readonly end: (exitCode: number) => void }[] = [];
  readonly graces: number[] = [];

  override runtime(): Partial<ContainerRuntime> {
    const runtime = super.runtime();
    return {
      ...runtime,
      exec: async (_id, { command }): Promise<ExecSession> => {
        let end = (_exitCode: number): void => undefined;
        const exited = new Promise<number>((resolve) => (end = resolve));
        this.commands.push({ command, end });
        const stdout = new PassThrough();
        stdout.end('a secret');
        return { stdin: undefined, stdout, stderr: undefined, resize: () => undefined, kill: () => end(137), exited };
      },
      stopContainer: async (id, gracePeriodMs) => {
        this.graces.push(gracePeriodMs);
        await runtime.stopContainer?.(id, gracePeriodMs);
      },
    };
  }
}

describe('lifecycle hooks on a manual clock', () => {
  let dataDir: string;
  let bench: HookBench;
  beforeEach(async () => void (dataDir = await mkdtemp(join(tmpdir(), 'timonel-hooks-'))));
  afterEach(async () => {
    await bench.worker.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const begin = async (spec: Partial<PodSpec>): Promise<void> => {
    bench = new HookBench(dataDir, spec);
    bench.worker.trigger();
    await bench.settle();
  };
  const exec = (...command: string[]) => ({ exec: { command } });
  const names = (): string[] => [...bench.containers.values()].map(({ name }) => name);
  /** Promises of hooks are settled in turns of their own. */
  const end = async (exitCode: number): Promise<void> => {
    bench.commands.at(-1)?.end(exitCode);
    await new Promise((resolve) => setImmediate(resolve));
    await bench.settle();
  };
  const remove = async (seconds: number): Promise<void> => {
    const deletionTimestamp = '2100-01-01T00:00:00Z';
    bench.worker.setPod(podWith(bench.worker.pod().spec, { deletionTimestamp, deletionGracePeriodSeconds: seconds }));
    await bench.settle();
  };

  it('postStart keeps the next container waiting, and its own from counting as started', async () => {
    await begin({
      containers: [container('first', { lifecycle: { postStart: exec('prepare') } }), container('second')],
    });
    expect(bench.commands.map(({ command }) => command)).toEqual([['prepare']]);
    expect(names()).toEqual(['first']);
    const [first] = bench.status?.containerStatuses ?? [];
    expect(first).toMatchObject({ started: false, state: { waiting: { reason: 'ContainerCreating' } } });
    await end(0);
    expect(names()).toEqual(['first', 'second']);
    expect(bench.status?.containerStatuses).toMatchObject([{ started: true }, { started: true }]);
  });

  it('postStart that fails ends the container, and keeps what it printed to itself', async () => {
    await begin({ containers: [container('app', { lifecycle: { postStart: exec('prepare') } })] });
    await end(1);
    expect(bench.events).toContain('Warning FailedPostStartHook PostStartHook failed');
    expect(bench.events).toContain('Normal Killing FailedPostStartHook');
    expect(bench.events.join()).not.toContain('secret');
    expect(bench.starts).toHaveLength(2);
  });

  it('preStop has its part of the grace period, of which two seconds are left in any case', async () => {
    await begin({ containers: [container('app', { lifecycle: { preStop: { sleep: { seconds: 8 } } } })] });
    await remove(10);
    expect(bench.graces).toEqual([]);
    await bench.pass(9);
    expect(bench.graces).toEqual([2000]);
  });

  it('preStop that takes too long is cut off, and told of', async () => {
    await begin({ containers: [container('app', { lifecycle: { preStop: exec('linger') } })] });
    await remove(5);
    await bench.pass(6);
    expect(bench.events).toContain('Warning FailedPreStopHook PreStopHook failed');
    expect(bench.graces).toEqual([2000]);
  });
});
