/** Devices on cgroup v2, where a program limits them. A tree of v2 beside v1 is enough for that. */
import { mkdirSync, readFileSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { detectCgroups, type CgroupDriver } from '@timonel/sdk/linux/cgroup';
import { configSchema } from './config.ts';
import { LinuxRuntime } from './runtime.ts';
import { Bed, security } from './testing/bed.ts';

const tree = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
const test = tree === undefined ? it.skip : it;
const why = tree === undefined ? ' (skipped: no cgroup v2 is mounted)' : '';

/** The driver of this node, which has groups in the tree of v2 too. */
function withUnified(driver: CgroupDriver, root: string): CgroupDriver {
  const remove = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isDirectory()) remove(join(path, entry.name));
    rmdirSync(path);
  };
  if (driver.version === 'v2') return driver;
  return {
    ...driver,
    version: 'v2',
    create(path, resources, kind) {
      driver.create(path, resources, kind);
      mkdirSync(join(root, path), { recursive: true });
    },
    joinFiles: (path) => [join(root, path, 'cgroup.procs'), ...driver.joinFiles(path)],
    remove(path) {
      const removed = driver.remove(path);
      if (removed && statSync(join(root, path), { throwIfNoEntry: false }) !== undefined) remove(join(root, path));
      return removed;
    },
  };
}

const bed = new Bed(createRealEnv());
beforeAll(async () => {
  const { driver } = detectCgroups();
  if (driver === undefined || tree === undefined) return;
  const { dataDir } = bed;
  const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
  const settings = configSchema.parse({});
  bed.runtime = new LinuxRuntime({
    dataDir,
    env: createRealEnv(),
    log: quiet,
    cgroups: withUnified(driver, tree),
    settings,
  });
  await bed.runtime.open();
}, 60_000);
afterAll(async () => {
  if (tree !== undefined) await bed.close();
});

describe('the devices of a container on cgroup v2', () => {
  const given = (permissions: string) => ({
    devices: [{ hostPath: '/dev/loop3', containerPath: '/dev/given', permissions }],
  });

  test(`are the usual ones, and those that are given with what may be done to them${why}`, async () => {
    const usual =
      'echo x > /dev/null && head -c 4 /dev/zero | wc -c; head -c 0 /dev/given && echo read; : >> /dev/given && echo written';
    expect((await bed.run(usual, given('r'))).stdout).toBe('4\nread');
    expect((await bed.run(usual, given('rw'))).stdout).toBe('4\nread\nwritten');
    expect((await bed.run('stty size', { tty: true })).exitCode).toBe(0);
  });

  test(`are no others, however they are made, also with all capabilities${why}`, async () => {
    const disk = statSync('/').dev;
    const script = `mount -t tmpfs -o dev none /tmp; for d in /tmp /dev; do mknod $d/disk b ${disk >>> 8} ${disk & 0xff} && head -c 1 $d/disk; done; echo end`;
    const all = security({ addCapabilities: ['ALL'], seccomp: { type: 'Unconfined' } });
    const { stdout, stderr } = await bed.run(script, all);
    expect(stdout).toBe('end');
    expect(stderr.match(/head: .*Operation not permitted/g)).toHaveLength(2);
    expect(
      (
        await bed.run(
          'head -c 1 /dev/loop-control || head -c 0 /dev/loop3 && echo opened',
          security({ privileged: true }),
        )
      ).stdout,
    ).toBe('opened');
  });
});
