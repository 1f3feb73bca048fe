import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { until } from '@timonel/testkit';
import { limitOf } from '@timonel/testkit/control-groups';
import { instanceOf } from './layout.ts';
import { Bed } from './testing/bed.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

const mb = 1024 * 1024;

describe('limits', () => {
  it('ends a container that takes more memory than its limit, and says why', async () => {
    const script = 'const a = []; for (;;) a.push(Buffer.alloc(1e6, 1));';
    const id = await bed.started(await bed.sandbox(), ['node', '-e', script], {
      resources: { memoryLimitBytes: 64 * mb },
    });
    expect(await bed.result(id)).toMatchObject({ exitCode: 137, signal: 9, reason: 'OOMKilled' });
  });

  it('says OOMKilled when a child is the victim and the container fails of it', async () => {
    const { exitCode, reason } = await bed.run('node -e "for (const a = [];;) a.push(Buffer.alloc(1e6, 1))"; exit $?', {
      resources: { memoryLimitBytes: 64 * mb },
    });
    expect({ exitCode, reason }).toEqual({ exitCode: 137, reason: 'OOMKilled' });
  });

  it('ends all processes of a container together on cgroup v2, and the one that took too much on v1', async () => {
    const { exitCode, reason } = await bed.run(
      'node -e "for (const a = [];;) a.push(Buffer.alloc(1e6, 1))"; echo survived; exit 0',
      { resources: { memoryLimitBytes: 64 * mb } },
    );
    const together = detectCgroups().driver?.version === 'v2';
    const expected = together ? { exitCode: 137, reason: 'OOMKilled' } : { exitCode: 0, reason: 'Completed' };
    expect({ exitCode, reason }).toEqual(expected);
  });

  it('ends the pod as a whole at the limit of the sandbox', async () => {
    const sandbox = await bed.sandbox({ resources: { memoryLimitBytes: 64 * mb } });
    const { signal, reason } = await bed.run(
      'exec node -e "for (const a = [];;) a.push(Buffer.alloc(1e6, 1))"',
      {},
      sandbox,
    );
    expect({ signal, reason }).toEqual({ signal: 9, reason: 'OOMKilled' });
  });

  it('keeps all pods together within what they may have', async () => {
    const before = await bed.sandbox({ together: { memoryLimitBytes: 64 * mb } });
    const greedy = 'exec node -e "for (const a = []; a.length < 300;) a.push(Buffer.alloc(1e6, 1))"';
    expect(await bed.run(greedy, {}, before)).toMatchObject({ signal: 9, reason: 'OOMKilled' });
    // The newest pod says how much; what others asked for before counts no more.
    const after = await bed.sandbox({ together: { memoryLimitBytes: 1024 * mb } });
    expect(await bed.run('exec node -e "Buffer.alloc(128e6, 1)"', {}, after)).toMatchObject({ exitCode: 0 });
  });

  it('shows the container its limits, and keeps a fork bomb small', async () => {
    const resources = { memoryLimitBytes: 64 * mb, cpuLimitMillis: 250, cpuShares: 512, pidsLimit: 20 };
    const v2 = detectCgroups().driver?.version === 'v2';
    const names = v2
      ? ['memory.max', 'cpu.max', 'cpu.weight', 'pids.max']
      : ['memory/memory.limit_in_bytes', 'cpu/cpu.cfs_quota_us', 'cpu/cpu.shares', 'pids/pids.max'];
    const files = names.map((name) => `/sys/fs/cgroup/${name}`).join(' ');
    const { stdout } = await bed.run(`cat ${files}; i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; echo no`, {
      resources,
    });
    const shown = v2 ? ['25000 100000', '20', '20'] : ['25000', '512', '20'];
    expect(stdout.split('\n')).toEqual([String(64 * mb), ...shown]); // the shell gives up when fork fails
  });

  it('refuses a limit that the kernel refuses, with the file, and leaves nothing', async () => {
    const config = bed.container(await bed.sandbox(), ['true'], { resources: { pidsLimit: -7 } });
    await expect(bed.runtime.createContainer(config)).rejects.toMatchObject({
      message: expect.stringContaining('pids.max'),
    });
    expect(await bed.runtime.listContainers()).toEqual([]);
  });

  it('lies below the group of its class, which has the shares of all its pods', async () => {
    const { driver } = detectCgroups();
    if (driver === undefined) throw new Error('these tests need cgroups');
    const top = `timonel-${instanceOf(bed.dataDir)}`;
    const shares = (path: string): number | undefined => {
      const text = limitOf(driver, path, 'shares');
      return text === undefined ? undefined : Number(text);
    };
    const inUnits = (v1: number, v2: number): number => (driver.version === 'v1' ? v1 : v2);
    const qos = async (qosClass: 'Guaranteed' | 'Burstable' | 'BestEffort', cpuShares: number) =>
      await bed.sandbox({ qosClass, resources: { cpuShares } });
    const ids = [await qos('Guaranteed', 512), await qos('Burstable', 600), await qos('Burstable', 700)];
    const last = await qos('BestEffort', 2);
    expect(driver.children(top).toSorted()).toEqual(['besteffort', 'burstable', ids[0]].toSorted());
    expect(driver.children(`${top}/burstable`).toSorted()).toEqual(ids.slice(1).toSorted());
    expect([shares(`${top}/burstable`), shares(`${top}/besteffort`)]).toEqual([inUnits(1300, 50), inUnits(2, 1)]);
    await bed.runtime.updateSandbox(ids[1] ?? '', { cpuShares: 1000 });
    expect(shares(`${top}/burstable`)).toBe(inUnits(1700, 65));
    await bed.runtime.removeSandbox(last);
    await bed.restart();
    expect(driver.children(top).toSorted()).toEqual(['burstable', ids[0]].toSorted());
    expect(shares(`${top}/burstable/${ids[1]}`)).toBe(inUnits(1000, 39));
    await bed.removeAll();
    expect(driver.children(top)).toEqual([]);
    expect(driver.usage(top)).toBeUndefined();
  });

  it('is not resized while a record cannot be written: the kernel keeps what the record says', async () => {
    const { driver } = detectCgroups();
    const sandbox = await bed.sandbox({ resources: { pidsLimit: 100 } });
    // A directory where the new record would be written.
    const inTheWay = join(bed.dataDir, 'sandboxes', `${sandbox}.json.new`);
    mkdirSync(inTheWay);
    const refused = { reason: 'ResizeError' };
    await expect(bed.runtime.updateSandbox(sandbox, { pidsLimit: 200 })).rejects.toMatchObject(refused);
    const path = `timonel-${instanceOf(bed.dataDir)}/besteffort/${sandbox}`;
    expect(driver === undefined ? '' : limitOf(driver, path, 'pids')).toBe('100');
    rmdirSync(inTheWay);
    await bed.runtime.updateSandbox(sandbox, { pidsLimit: 200 });
    expect(driver === undefined ? '' : limitOf(driver, path, 'pids')).toBe('200');
  });

  it('refuses what this node does not have, before anything runs', async () => {
    const sandbox = await bed.sandbox();
    const cases = [
      { resources: { hugePageLimits: { '3Mi': 3 * mb } }, message: /huge pages of 3Mi|hugetlb/ },
      { resources: { cpusetCpus: '4095' }, message: /cpuset/ },
    ];
    for (const { resources, message } of cases) {
      const config = bed.container(sandbox, ['true'], { resources });
      const refused = { reason: 'CreateContainerError', message: expect.stringMatching(message) };
      await expect(bed.runtime.createContainer(config)).rejects.toMatchObject(refused);
    }
    expect(await bed.runtime.listContainers()).toEqual([]);
  });

  it.each([false, true])(
    'ends a fork bomb with its pod, which it fills but does not leave (shared processes: %s)',
    async (shareProcessNamespace) => {
      const { driver } = detectCgroups();
      const sandbox = await bed.sandbox({ shareProcessNamespace, resources: { pidsLimit: 100 } });
      const id = await bed.started(sandbox, ['bash', '-c', 'bomb() { bomb & bomb & wait; }; bomb']);
      const path = `timonel-${instanceOf(bed.dataDir)}/besteffort/${sandbox}`;
      const count = (): number => driver?.usage(path)?.pids ?? 0;
      await until(() => count() > 90, { what: 'the bomb to fill the pod' });
      // The kernel counts a process that it is about to refuse for a moment.
      expect(Math.min(...Array.from({ length: 20 }, count))).toBeLessThanOrEqual(100);
      // Nothing more starts in this pod, but in others.
      expect((await bed.run('echo elsewhere')).stdout).toBe('elsewhere');
      await bed.runtime.stopContainer(id, 0);
      await bed.runtime.removeSandbox(sandbox);
      expect(driver?.usage(path)).toBeUndefined();
      const left = readdirSync(join(bed.dataDir, 'containers'));
      expect(left).not.toContain(id);
    },
  );
});
