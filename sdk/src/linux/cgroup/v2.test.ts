import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { detectCgroups } from './detect.ts';
import { weightFromShares } from './shares.ts';
import { cgroupV2 } from './v2.ts';

// A plain directory stands for the kernel's tree: what is written where, not what the kernel makes of it.
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'timonel-rl-v2-'));
  writeFileSync(join(root, 'cgroup.controllers'), 'cpuset cpu io memory hugetlb pids\n');
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const at = (...names: string[]): string => readFileSync(join(root, ...names), 'utf8');

describe('the driver of cgroup v2', () => {
  it('hands controllers down at every level and sets the limits of the last', () => {
    mkdirSync(join(root, 'a', 'b', 'c'), { recursive: true });
    writeFileSync(join(root, 'a', 'b', 'c', 'memory.swap.max'), 'max');
    const driver = cgroupV2(root);
    driver.create('a/b/c', { memoryLimitBytes: 1 << 20, cpuLimitMillis: 1500, cpuShares: 1024, pidsLimit: 9 });
    for (const names of [[], ['a'], ['a', 'b']])
      expect(at(...names, 'cgroup.subtree_control')).toBe('+memory +cpu +pids');
    expect(at('a', 'b', 'c', 'memory.max')).toBe('1048576');
    expect(at('a', 'b', 'c', 'memory.swap.max')).toBe('0');
    expect(at('a', 'b', 'c', 'cpu.max')).toBe('150000 100000');
    expect(at('a', 'b', 'c', 'cpu.weight')).toBe('39');
    expect(at('a', 'b', 'c', 'pids.max')).toBe('9');
    expect(driver.joinFiles('a/b')).toEqual([join(root, 'a/b/cgroup.procs')]);
    expect(driver.children('a')).toEqual(['b']);
  });

  it('reads the usage, and says undefined of a group that is gone', () => {
    mkdirSync(join(root, 'a'));
    writeFileSync(join(root, 'a', 'memory.current'), '5000\n');
    writeFileSync(join(root, 'a', 'memory.stat'), 'anon 1\ninactive_file 1000\n');
    writeFileSync(join(root, 'a', 'cpu.stat'), 'usage_usec 7\nuser_usec 3\n');
    writeFileSync(join(root, 'a', 'pids.current'), '2\n');
    const usage = { cpuUsageNanos: 7000, memoryUsageBytes: 5000, memoryWorkingSetBytes: 4000, pids: 2 };
    expect(cgroupV2(root).usage('a')).toEqual(usage);
    expect(cgroupV2(root).usage('b')).toBeUndefined();
  });

  it.each([
    [0, 1],
    [2, 1],
    [1024, 39],
    [262_144, 10_000],
    [1e9, 10_000],
  ])('maps %i shares to the weight %i', (shares, weight) => {
    expect(weightFromShares(shares)).toBe(weight);
  });
});

describe('detection', () => {
  const line = (point: string, type: string, options: string): string =>
    `30 20 0:26 / ${point} rw,relatime shared:4 - ${type} ${type} rw,${options}`;

  it('prefers v2 when its tree has the controllers', () => {
    const info = [line('/sys/fs/cgroup/memory', 'cgroup', 'memory'), line(root, 'cgroup2', 'nsdelegate')].join('\n');
    expect(detectCgroups(info).driver?.version).toBe('v2');
  });

  it('takes v1 beside a v2 tree without controllers, and knows controllers that share a mount', () => {
    writeFileSync(join(root, 'cgroup.controllers'), 'hugetlb\n');
    const v1 = [
      line('/cg/memory', 'cgroup', 'memory'),
      line('/cg/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
      line('/cg/pids', 'cgroup', 'pids'),
    ];
    const { driver } = detectCgroups([line(root, 'cgroup2', ''), ...v1].join('\n'));
    expect(driver?.version).toBe('v1');
    expect(driver?.containerMounts).toEqual(['memory', 'pids', 'cpu,cpuacct']);
    expect(driver?.joinFiles('x')).toEqual(['/cg/memory/x/tasks', '/cg/pids/x/tasks', '/cg/cpu,cpuacct/x/tasks']);
  });

  it('names what is missing', () => {
    expect(detectCgroups(line('/cg/memory', 'cgroup', 'memory'))).toEqual({
      driver: undefined,
      missing: ['cpu', 'pids', 'cpuacct'],
    });
  });
});
