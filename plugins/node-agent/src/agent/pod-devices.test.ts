import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DeviceError, type NodeDevices } from '@timonel/sdk/contracts/devices';
import { container } from '../plan/testing.ts';
import { Bench } from './testing/worker-bench.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'timonel-devices-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function benchWith(devices: Partial<NodeDevices>) {
  const app = container('app', { env: [{ name: 'MINE', value: 'pod' }] });
  const bench = new Bench(root, { containers: [app], restartPolicy: 'Never' });
  const released: string[] = [];
  bench.device.current = {
    allocate: async () => undefined,
    grant: async () => undefined,
    release: async (uid) => void released.push(uid),
    ...devices,
  };
  bench.worker.trigger();
  return { bench, released };
}

describe('devices of a pod', () => {
  it('that cannot be had end it before anything is made', async () => {
    const refusal = { reason: 'UnexpectedAdmissionError', message: 'Allocate failed due to x, which is unexpected' };
    const { bench } = benchWith({ allocate: async () => refusal });
    await bench.settle();
    expect(bench.status).toMatchObject({
      phase: 'Failed',
      reason: refusal.reason,
      message: `Pod was rejected: ${refusal.message}`,
    });
    expect(bench.sandboxes).toEqual([]);
    expect(bench.events).toContain(`Warning ${refusal.reason} ${refusal.message}`);
    await bench.worker.close();
  });

  it('are in its containers, whose own variables have precedence', async () => {
    const device = { hostPath: '/dev/null', containerPath: '/dev/given', permissions: 'rw' };
    const mount = { hostPath: '/lib', containerPath: '/usr/lib/gpu', readOnly: true };
    const env = { MINE: 'plugin', GIVEN: 'a' };
    const { bench } = benchWith({ grant: async () => ({ env, mounts: [mount], devices: [device] }) });
    await bench.settle();
    expect(bench.config?.devices).toEqual([device]);
    expect(bench.config?.mounts).toContainEqual({ ...mount, propagation: 'private' });
    expect(bench.config?.env).toEqual(
      expect.arrayContaining([
        { name: 'MINE', value: 'pod' },
        { name: 'GIVEN', value: 'a' },
      ]),
    );
    await bench.worker.close();
  });

  it('that are not ready are waited for', async () => {
    let ready = false;
    const { bench } = benchWith({
      grant: async () => {
        if (!ready) throw new DeviceError('devices of example.com/gpu cannot be used now: a');
        return undefined;
      },
    });
    await bench.settle();
    expect(bench.status?.containerStatuses?.[0]?.state).toMatchObject({
      waiting: { reason: 'CreateContainerError', message: 'devices of example.com/gpu cannot be used now: a' },
    });
    ready = true;
    await bench.pass(30);
    expect(bench.starts).toHaveLength(1);
    await bench.worker.close();
  });

  it('whose giving out fails are asked for again, and nothing is made without them', async () => {
    let tries = 0;
    const { bench } = benchWith({
      allocate: async () => {
        tries += 1;
        if (tries === 1) throw new Error('no space left on device');
        return undefined;
      },
    });
    await bench.settle();
    expect([tries, bench.sandboxes]).toEqual([1, []]);
    await bench.pass(2);
    expect([tries, bench.starts.length]).toEqual([2, 1]);
    await bench.worker.close();
  });
});
