/** The drivers with the kernel of this machine, whichever version it has; the other one is met in a guest. */
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { limitOf, shellIn } from '@timonel/testkit/control-groups';
import { detectCgroups } from './detect.ts';
import { readGroupFile } from './files.ts';
import { removeGroups } from './removal.ts';
import { resize } from './resize.ts';
import { weightFromShares } from './shares.ts';

const mib = 1024 * 1024;
const env = createRealEnv();
const { driver } = detectCgroups();
const root = process.getuid?.() === 0 && driver !== undefined;
const top = `timonel-kernel-test-${process.pid}`;
const path = `${top}/pod/container`;

(root ? describe : describe.skip)(`cgroup ${driver?.version}${root ? '' : ' (skipped: needs root)'}`, () => {
  if (driver === undefined) return;
  const v1 = driver.version === 'v1';
  afterEach(() => removeGroups(driver, top, env));

  const limit = (name: Parameters<typeof limitOf>[2], group = path): string | undefined => limitOf(driver, group, name);
  const change = (update: Parameters<typeof driver.update>[1]): void =>
    resize(driver, { path, update, before: {} }, () => undefined);

  it('sets limits, raises and lowers them in any order, and takes them away', () => {
    driver.create(path, { memoryLimitBytes: 64 * mib, swapLimitBytes: 0, cpuShares: 512, pidsLimit: 20 }, 'container');
    expect([limit('memory'), limit('shares'), limit('pids')]).toEqual([
      String(64 * mib),
      v1 ? '512' : String(weightFromShares(512)),
      '20',
    ]);
    for (const size of [256, 32, 128]) {
      change({ memoryLimitBytes: size * mib, cpuLimitMillis: 250 });
      expect(limit('memory')).toBe(String(size * mib));
    }
    expect(limit('quota')).toBe(v1 ? '25000' : '25000 100000');
    change({ memoryLimitBytes: -1, cpuLimitMillis: -1, pidsLimit: -1, cpuShares: -1 });
    expect(limit('quota')).toBe(v1 ? '-1' : 'max 100000');
    expect(limit('pids')).toBe('max');
    expect(limit('shares')).toBe(v1 ? '1024' : '100');
    expect(v1 ? Number(limit('memory')) > 2 ** 62 : limit('memory') === 'max').toBe(true);
  });

  it('keeps all limits when one of an update is refused', () => {
    driver.create(path, { memoryLimitBytes: 64 * mib, cpuShares: 512, pidsLimit: 20 });
    const before = [limit('memory'), limit('shares'), limit('pids')];
    // More tasks than the kernel can number: it is the last to be set.
    expect(() => change({ memoryLimitBytes: 128 * mib, cpuShares: 100, pidsLimit: 2 ** 40 })).toThrow('pids.max');
    expect([limit('memory'), limit('shares'), limit('pids')]).toEqual(before);
    expect(() => change({ cpuShares: 1.5 })).toThrow('give a whole number');
    expect(() => change({ cpuShares: -2 })).toThrow('give a whole number');
  });

  it('refuses a memory limit below what is in use, kills nothing, and says how much that is', async () => {
    driver.create(path, { memoryLimitBytes: 256 * mib, cpuShares: 512 });
    const script =
      'exec node -e "const kept = Buffer.alloc(100 << 20, 1); console.log(1); setInterval(() => kept[0], 1e6)"';
    const shell = shellIn(driver, path, script);
    try {
      await once(shell.stdout as NodeJS.ReadableStream, 'data');
      const before = [limit('memory'), limit('shares')];
      expect(() => change({ memoryLimitBytes: 50 * mib, cpuShares: 100 })).toThrow(
        /50\d* bytes is below the \d+ bytes in use|52428800 bytes is below/,
      );
      expect([limit('memory'), limit('shares')]).toEqual(before);
      expect(shell.exitCode ?? shell.signalCode).toBeNull();
      change({ memoryLimitBytes: 200 * mib });
      expect(limit('memory')).toBe(String(200 * mib));
    } finally {
      shell.kill('SIGKILL');
    }
  });

  const accounts = !v1 || limitOf(driver, '', 'swap') !== undefined;
  const noSwap = accounts ? '' : ' (skipped: this kernel does not account for swap)';
  (accounts ? it : it.skip)(`counts swap beside memory, in any order of changes${noSwap}`, () => {
    driver.create(path, { memoryLimitBytes: 64 * mib, swapLimitBytes: 32 * mib });
    const swap = (): number => Number(limit('swap')) - (v1 ? Number(limit('memory')) : 0);
    expect(swap()).toBe(32 * mib);
    for (const [memory, wanted] of [
      [128, undefined],
      [16, undefined],
      [200, 0],
      [100, 300],
      [300, 10],
    ] as const) {
      change({ memoryLimitBytes: memory * mib, ...(wanted === undefined ? {} : { swapLimitBytes: wanted * mib }) });
      expect([limit('memory'), swap()]).toEqual([String(memory * mib), (wanted ?? 32) * mib]);
    }
    change({ memoryLimitBytes: -1 });
    change({ swapLimitBytes: 0 });
    change({ memoryLimitBytes: 64 * mib });
    expect([limit('memory'), swap()]).toEqual([String(64 * mib), 0]);
  });

  it('binds to cpus when asked, and says which list the kernel does not take', () => {
    driver.create(path, { cpusetCpus: '0' });
    expect(limit('cpus')).toBe('0');
    expect(() => driver.create(path, { cpusetCpus: '4095' })).toThrow('cpuset.cpus');
  });

  it('limits huge pages of the sizes that there are, and refuses others', () => {
    expect(() => driver.create(path, { hugePageLimits: { '3Mi': 3 * mib } })).toThrow(
      /no huge pages of 3Mi|no hugetlb/,
    );
    const pages = readGroupFile('/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages');
    const hasHugetlb = /^hugetlb\s+\d+\s+\d+\s+1$/m.test(readGroupFile('/proc/cgroups') ?? '');
    if (pages === undefined || !hasHugetlb) return;
    driver.create(path, { hugePageLimits: { '2Mi': 4 * mib } });
    expect(limit('hugePages')).toBe(String(4 * mib));
  });

  it('removes a group in which a program forks without end', async () => {
    driver.create(path, { pidsLimit: 50 }, 'container');
    const shell = shellIn(driver, path, 'exec bash -c "bomb() { bomb & bomb & wait; }; bomb"');
    await until(() => driver.processes(path).length > 20, { what: 'the bomb to go off' });
    expect(driver.processes(path).length).toBeLessThanOrEqual(50);
    await removeGroups(driver, top, env);
    expect(driver.usage(path)).toBeUndefined();
    expect(driver.children(top)).toEqual([]);
    await until(() => (shell.exitCode ?? shell.signalCode) !== null, { what: 'the shell to be gone' });
  });

  it('removes a group whose process is another one at every look', async () => {
    driver.create(path, {}, 'container');
    const script = 'f() { f & exit; }; f';
    const runners = Array.from({ length: 12 }, () => shellIn(driver, path, script));
    await until(() => runners.every((shell) => (shell.exitCode ?? shell.signalCode) !== null), {
      what: 'the first to end',
    });
    await removeGroups(driver, top, env);
    expect(driver.usage(path)).toBeUndefined();
  });

  (v1 ? it.skip : it)(`says who is in the way of limits${v1 ? ' (skipped: not on cgroup v1)' : ''}`, async () => {
    driver.create(`${top}/held`, {}, 'container');
    const shell = shellIn(driver, `${top}/held`, 'echo in; exec sleep 60');
    try {
      await once(shell.stdout as NodeJS.ReadableStream, 'data');
      expect(() => driver.create(`${top}/held/within`, {})).toThrow(/held holds processes.*set cgroupParent/);
    } finally {
      shell.kill('SIGKILL');
    }
  });
});
