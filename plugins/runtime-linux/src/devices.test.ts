import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { ContainerConfig, Device } from '@timonel/sdk/contracts/runtime';
import { until } from '@timonel/testkit';
import { appArmorEntries } from './apparmor.ts';
import { limitEntries } from './resource-limits.ts';
import { Bed, security } from './testing/bed.ts';
import { leftovers } from './testing/leftovers.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

const refused = async (changes: Partial<ContainerConfig>): Promise<unknown> =>
  await bed.runtime
    .createContainer(bed.container(await bed.sandbox(), ['true'], changes))
    .catch((error: unknown) => error);
const device = (hostPath: string, permissions = 'rwm'): Pick<ContainerConfig, 'devices'> => {
  const one: Device = { hostPath, containerPath: '/dev/given/it', permissions };
  return { devices: [one] };
};

describe('the devices of a container', () => {
  it('are those that are given, with what may be done to them', async () => {
    const { stdout } = await bed.run(
      'stat -c "%t %T" /dev/given/it; head -c 1 /dev/given/it > /dev/null || echo no',
      device('/dev/loop3', 'r'),
    );
    expect(stdout).toBe('7 3');
    const writing = await bed.run(': >> /dev/given/it && echo opened', device('/dev/loop3', 'r'));
    expect([writing.stdout, writing.stderr]).toEqual(['', expect.stringContaining('not permitted')]);
    expect((await bed.run(': >> /dev/given/it && echo opened', device('/dev/loop3', 'rw'))).stdout).toBe('opened');
  });

  it('keep their mode on the node, also those that stand for what is hidden', async () => {
    const files = ['/dev/null', '/dev/loop3'];
    const before = files.map((file) => statSync(file).mode);
    const userNamespace = { firstUid: 200_000, firstGid: 200_000, length: 1000 };
    for (const changes of [{}, { userNamespace }]) {
      const script = 'chmod 600 /dev/given/it; chmod 600 /proc/timer_list; chmod 600 /dev/null; echo end';
      expect((await bed.run(script, device('/dev/loop3'), await bed.sandbox(changes))).stdout).toBe('end');
      expect(files.map((file) => statSync(file).mode)).toEqual(before);
    }
  });

  it('are no others, however they are made, also with all capabilities', async () => {
    const all = security({ addCapabilities: ['ALL'], seccomp: { type: 'Unconfined' } });
    const disk = statSync('/').dev;
    const script = `mount -t tmpfs -o dev none /tmp; mknod /tmp/disk b ${disk >>> 8} ${disk & 0xff} && head -c 1 /tmp/disk; mknod /dev/disk b ${disk >>> 8} ${disk & 0xff} && head -c 1 /dev/disk; echo end`;
    const { stdout, stderr } = await bed.run(script, all);
    expect(stdout).toBe('end');
    expect(stderr.match(/not permitted/g)).toHaveLength(2);
    const id = await bed.started(await bed.sandbox(), ['sleep', '60'], all);
    const session = await bed.runtime.exec(id, { command: ['sh', '-c', script], tty: false, stdin: false });
    let text = '';
    session.stdout.on('data', (chunk) => (text += String(chunk)));
    await session.exited;
    expect(text).toBe('end\n');
  });

  it('are all of the node when privileged, without a trace on the node', async () => {
    const { stdout } = await bed.run('ls /dev; head -c 1 /dev/zero | wc -c; touch /dev/trace', {
      ...security({ privileged: true }),
      terminationMessagePath: '/dev/termination-trace',
    });
    const seen = stdout.split('\n');
    const nodes = readdirSync('/dev', { withFileTypes: true }).filter(
      (each) => each.isCharacterDevice() || each.isBlockDevice(),
    );
    expect(seen).toEqual(expect.arrayContaining(nodes.map(({ name }) => name).filter((name) => name !== 'ptmx')));
    expect(existsSync('/dev/trace') || existsSync('/dev/termination-trace')).toBe(false);
  });

  it.each([
    ['is not on this node', device('/dev/no-such')],
    ['is not a device', device('/etc/passwd')],
    ['is not made of r, w and m', device('/dev/null', 'rx')],
    ['is not absolute', { devices: [{ hostPath: '/dev/null', containerPath: '../x', permissions: 'r' }] }],
    ['is none of', { resourceLimits: [{ type: 'luck', soft: 1, hard: 1 }] }],
    ['above the hard one', { resourceLimits: [{ type: 'nofile', soft: 9, hard: 8 }] }],
    ['has no AppArmor', security({ appArmor: 'cri-default' })],
    ['hostUsers: false', security({ procMount: 'Unmasked' })],
  ])('and other settings that cannot be are refused: %s', async (message, changes) => {
    expect(await refused(changes)).toMatchObject({ name: 'RuntimeError', message: expect.stringContaining(message) });
    await bed.removeAll();
    await until(() => leftovers(bed.dataDir).length === 0, { what: 'nothing to be left' });
  });
});

describe('further settings of a container', () => {
  it('limits its processes, those of sessions too', async () => {
    const resourceLimits = [
      { type: 'RLIMIT_CORE', soft: 0, hard: -1 },
      { type: 'nofile', soft: 100, hard: 200 },
    ];
    const id = await bed.started(
      await bed.sandbox(),
      ['sh', '-c', 'ulimit -Sn; ulimit -Hn; ulimit -Sc; echo done; sleep 60'],
      { resourceLimits },
    );
    await bed.printed(id, 'done');
    const status = await bed.runtime.containerStatus(id);
    expect(status === undefined ? '' : bed.logText(status, 'stdout')).toBe('100\n200\n0\ndone');
    const session = await bed.runtime.exec(id, { command: ['sh', '-c', 'ulimit -Sn'], tty: false, stdin: false });
    let text = '';
    session.stdout.on('data', (chunk) => (text += String(chunk)));
    await session.exited;
    expect(text).toBe('100\n');
    expect(limitEntries([{ type: 'core', soft: -1, hard: -1 }])).toEqual([
      ['limit', '4 18446744073709551615 18446744073709551615 core'],
    ]);
  });

  it('shares /dev/shm within the pod, and message queues with nobody else', async () => {
    const sandbox = await bed.sandbox();
    await bed.run('echo shared > /dev/shm/file', {}, sandbox);
    expect((await bed.run('cat /dev/shm/file', {}, sandbox)).stdout).toBe('shared');
    expect((await bed.run('ls /dev/shm')).stdout).toBe('');
  });

  it('takes groups from the image by policy only', async () => {
    const groups = { user: 'ana', supplementalGroups: [77] };
    expect((await bed.run('id -G', { ...groups, supplementalGroupsPolicy: 'Strict' })).stdout).toBe('1234 77');
    expect((await bed.run('id -G', { ...groups, supplementalGroupsPolicy: 'Merge' })).stdout).toBe('1234 77 2345');
  });

  it('shows an unmasked /proc to pods with a user namespace', async () => {
    const sandbox = await bed.sandbox({ userNamespace: { firstUid: 70_000, firstGid: 70_000, length: 1000 } });
    const { stdout } = await bed.run('cat /proc/self/mountinfo', security({ procMount: 'Unmasked' }), sandbox);
    expect(stdout.split('\n').filter((line) => line.split(' ')[4]?.startsWith('/proc/'))).toEqual([]);
  });

  it('leaves what is mounted below a read-only volume to be written, when asked', async () => {
    const volume = (recursiveReadOnly?: boolean): Pick<ContainerConfig, 'mounts'> => ({
      mounts: [
        {
          hostPath: '/dev',
          containerPath: '/vol',
          readOnly: true,
          propagation: 'private',
          ...(recursiveReadOnly === undefined ? {} : { recursiveReadOnly }),
        },
      ],
    });
    const script = 'touch /vol/x || echo ro; touch /vol/shm/timonel-rl && rm /vol/shm/timonel-rl && echo rw';
    const submount = /^\S+ \/dev\/shm /m.test(readFileSync('/proc/mounts', 'utf8'));
    expect((await bed.run(script, volume(false))).stdout).toBe(submount ? 'ro\nrw' : 'ro');
    expect((await bed.run(script, volume())).stdout).toBe('ro');
  });

  it('says what the node can do, and leaves nothing of finding out', async () => {
    expect(await bed.runtime.info()).toMatchObject({
      userNamespaces: true,
      recursiveReadOnlyMounts: true,
      supplementalGroupsPolicy: true,
    });
    expect(existsSync(join(bed.dataDir, 'probe'))).toBe(false);
    await until(() => leftovers(bed.dataDir).length === 0, { what: 'nothing to be left' });
  });

  it('finds out once a boot', async () => {
    const file = join(bed.dataDir, 'user-namespaces.json');
    const says = async (): Promise<boolean | undefined> => {
      await bed.restart();
      return (await bed.runtime.info()).userNamespaces;
    };
    expect(await says()).toBe(true);
    const found = readFileSync(file, 'utf8');
    writeFileSync(file, found.replace('true', 'false'));
    expect(await says()).toBe(false);
    writeFileSync(file, '{"bootId":"another","answer":false}');
    expect(await says()).toBe(true);
    writeFileSync(file, '{');
    expect(await says()).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe(found);
  });
});

describe('AppArmor', () => {
  const node = (loaded: string) => (path: string) => (path.endsWith('enabled') ? 'Y\n' : loaded);

  it('takes profiles that are loaded, and says of others how to load them', () => {
    expect(appArmorEntries('web', node('web (enforce)\n'))).toEqual([['appArmor', 'exec web']]);
    expect(appArmorEntries('web', node(''))).toEqual([['appArmor', 'exec web']]);
    expect(appArmorEntries('unconfined', node(''))).toEqual([]);
    expect(() => appArmorEntries('web', node('website (enforce)\n'))).toThrow('apparmor_parser');
  });
});
