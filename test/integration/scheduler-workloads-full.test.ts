/** Workloads of the scheduler benchmark on its full path: a server process, a client process, bindings seen by a watch. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withPrograms, type Programs } from '../bench/scheduler/programs.ts';

const file = join(import.meta.dirname, '..', 'bench', 'scheduler', 'workloads', 'performance.yaml');
let programs: Programs;
let release: () => void = () => undefined;
let ended: Promise<void> = Promise.resolve();
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'timonel-workloads-'));
  await new Promise<void>((resolve, reject) => {
    ended = withPrograms((made) => {
      programs = made;
      resolve();
      return new Promise((end) => (release = end));
    });
    ended.catch(reject);
  });
});

afterAll(async () => {
  release();
  await ended;
  await rm(dir, { recursive: true, force: true });
});

describe('the full path of the scheduler benchmark', () => {
  const cases: readonly (readonly [testCase: string, workload: string])[] = [
    ['SchedulingBasic', '100Nodes'],
    ['SchedulingWhileGated', '1Node_10GatedPods'],
    ['SchedulingWithMixedChurn', '100Nodes'],
  ];
  for (const [testCase, workload] of cases) {
    it(`${testCase} binds every measured pod`, async () => {
      const names = { file, testCase, workload, scheduler: 'scheduler-default' };
      const { measured, utilisation, residentMB } = await programs.full({ ...names, dataDir: join(dir, testCase) });
      expect(measured).toHaveLength(1);
      expect(measured[0]).toMatchObject({ pods: 300, bound: 300 });
      expect(measured[0]?.perSecond).toBeGreaterThan(0);
      expect(measured[0]?.createToBoundMs.p99).toBeGreaterThanOrEqual(measured[0]?.createToBoundMs.p50 ?? Infinity);
      expect(utilisation.used).toBeGreaterThan(0);
      expect(residentMB).toBeGreaterThan(0);
    });
  }

  it('tells the first sentence of what went wrong in a process', async () => {
    const names = { file, testCase: 'SchedulingBasic', workload: 'none', scheduler: 'scheduler-default' };
    await expect(programs.pure(names)).rejects.toThrow('performance.yaml has no SchedulingBasic/none, but 100Nodes, ');
    const server = programs.full({ ...names, scheduler: 'scheduler-none', dataDir: join(dir, 'none') });
    await expect(server).rejects.toThrow(
      /^the server ended with 1: Cannot find package '@timonel\/plugin-scheduler-none'.*$/,
    );
  });
});
