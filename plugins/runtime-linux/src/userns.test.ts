import { chownSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { Bed, security } from './testing/bed.ts';

const userNamespace = { firstUid: 200_000, firstGid: 300_000, length: 65_536 };
const bed = new Bed(createRealEnv());
const volume = mkdtempSync(join(tmpdir(), 'timonel-rl-volume-'));
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(async () => {
  await bed.close();
  rmSync(volume, { recursive: true, force: true });
});

const mounts = [{ hostPath: volume, containerPath: '/vol', readOnly: false, propagation: 'private' as const }];
const run = async (script: string, changes: Parameters<Bed['run']>[1] = {}): ReturnType<Bed['run']> =>
  await bed.run(script, changes, await bed.sandbox({ userNamespace }));

describe('a pod with a user namespace', () => {
  it('has a root that is an ordinary user of the node, in namespaces that are its own', async () => {
    const sandbox = await bed.sandbox({ userNamespace });
    const id = await bed.started(sandbox, ['sh', '-c', 'id -u; id -g; touch /made; echo done; sleep 60']);
    await bed.printed(id, 'done');
    const pid = (await bed.runtime.containerStatus(id))?.pid ?? 0;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(status).toContain('Uid:\t200000\t200000\t200000\t200000');
    expect(status).toContain('Gid:\t300000\t300000\t300000\t300000');
    for (const kind of ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'])
      expect(readlinkSync(`/proc/${pid}/ns/${kind}`)).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
    const made = statSync(join(bed.dataDir, 'containers', id, 'upper', 'made'));
    expect([made.uid, made.gid]).toEqual([200_000, 300_000]);
  });

  it('sees the files of the image as root has them, and writes to volumes as their root', async () => {
    const { stdout } = await run(
      'stat -c "%u %g" /etc/passwd / /usr/bin/sh; echo x > /vol/file; stat -c "%u %g" /vol/file /vol; rm /etc/group && ls /etc',
      { mounts },
    );
    expect(stdout.split('\n')).toEqual(['0 0', '0 0', '0 0', '0 0', '0 0', 'not-executable', 'passwd']);
    const file = statSync(join(volume, 'file'));
    expect([file.uid, file.gid]).toEqual([0, 0]);
  });

  it('has no power over what is not of its ids: not as root with all capabilities either', async () => {
    writeFileSync(join(volume, 'foreign'), 'secret', { mode: 0o600 });
    chownSync(join(volume, 'foreign'), 70_000, 70_000);
    const disk = /^(\S+) \/ /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1] ?? '/dev/vda';
    const script = [
      'cat /vol/foreign || echo no1',
      'mknod /tmp/disk b 254 0 || echo no2',
      `mount -t ext4 ${disk} /tmp || echo no3`,
      'cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern || echo no4',
      'echo b > /proc/sysrq-trigger || echo no5',
      'hostname mine && hostname',
      'mount -t tmpfs none /tmp && echo mounted',
    ].join('; ');
    const all = security({ addCapabilities: ['ALL'], seccomp: { type: 'Unconfined' } });
    const { stdout } = await run(script, { mounts, ...all });
    expect(stdout.split('\n')).toEqual(['no1', 'no2', 'no3', 'no4', 'no5', 'mine', 'mounted']);
  });

  it('has the usual devices, terminals, limits and users', async () => {
    const script = 'echo x > /dev/null && head -c 4 /dev/zero | wc -c; echo named > /dev/stdout; id -u; id -G';
    const { stdout, exitCode } = await run(script, { user: '1234:5', supplementalGroups: [6] });
    expect({ lines: stdout.split('\n'), exitCode }).toEqual({ lines: ['4', 'named', '1234', '5 6'], exitCode: 0 });
    const terminal = await run('stty size; tty=$(readlink /proc/self/fd/0); stat -c %u $tty', { tty: true });
    expect(terminal.stdout).toMatch(/^0 0\r?\n0\r?$/);
  });

  it('is joined by sessions, as its root', async () => {
    const id = await bed.started(await bed.sandbox({ userNamespace }), ['sleep', '60']);
    for (const tty of [false, true]) {
      const session = await bed.runtime.exec(id, {
        command: ['sh', '-c', 'id -u; touch /by-session'],
        tty,
        stdin: false,
      });
      let text = '';
      session.stdout.on('data', (chunk) => (text += String(chunk)));
      expect(await session.exited).toBe(0);
      expect(text.trim()).toBe('0');
    }
    const owner = statSync(join(bed.dataDir, 'containers', id, 'upper', 'by-session'));
    expect([owner.uid, owner.gid]).toEqual([200_000, 300_000]);
  });

  it('shares processes and namespaces among its containers', async () => {
    const sandbox = await bed.sandbox({ userNamespace, shareProcessNamespace: true });
    await bed.started(sandbox, ['sleep', '1234']);
    const script = 'for f in /proc/[0-9]*/cmdline; do tr "\\0" " " < $f; echo; done; hostname';
    const { stdout } = await bed.run(script, {}, sandbox);
    expect(stdout).toContain('sleep 1234');
  });

  it('is reached on its localhost', async () => {
    const sandbox = await bed.sandbox({ userNamespace });
    const server =
      'require("net").createServer((c) => c.end("hello")).listen(8080, "127.0.0.1", () => console.log("ready"))';
    const id = await bed.started(sandbox, ['node', '-e', server]);
    await bed.printed(id, 'ready');
    const connection = await bed.runtime.dial(sandbox, 8080);
    let text = '';
    for await (const chunk of connection) text += String(chunk);
    expect(text).toBe('hello');
  });

  it.each([
    ['the node', { hostNetwork: true }],
    ['whole numbers', { userNamespace: { firstUid: 0, firstGid: 1, length: 1 } }],
    ['whole numbers', { userNamespace: { firstUid: 5, firstGid: 5, length: 2 ** 32 } }],
  ])('is refused when it cannot be: %s', async (_what, changes) => {
    const config = sandboxConfig(bed.newId(), bed.logs, { userNamespace, ...changes });
    await expect(bed.runtime.runSandbox(config)).rejects.toMatchObject({
      reason: 'FailedCreatePodSandBox',
      message: expect.stringMatching(/hostNetwork|whole numbers/),
    });
    expect((await bed.runtime.listSandboxes()).map(({ id }) => id)).not.toContain(config.id);
  });

  it('refuses users beyond its ids, and volumes whose file system cannot map them', async () => {
    const sandbox = await bed.sandbox({ userNamespace });
    const create = (changes: Parameters<Bed['container']>[2]): Promise<unknown> =>
      bed.runtime.createContainer(bed.container(sandbox, ['true'], changes));
    await expect(create({ supplementalGroups: [65_536] })).rejects.toMatchObject({
      message: expect.stringContaining('65536'),
    });
    await expect(create({ user: '65536' })).rejects.toMatchObject({ message: expect.stringContaining('65536') });
    const proc = [{ hostPath: '/proc', containerPath: '/vol', readOnly: true, propagation: 'private' as const }];
    await expect(create({ mounts: proc })).rejects.toMatchObject({
      message: expect.stringContaining('cannot map ids'),
    });
  });
});
