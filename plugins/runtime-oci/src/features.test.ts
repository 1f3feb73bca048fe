import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import type { OciKind } from './host.ts';
import { Bed, security } from './testing/bed.ts';

describe.each<OciKind>(['crun', 'runc'])('containers by %s', (kind) => {
  let bed: Bed;
  beforeAll(async () => {
    bed = new Bed(kind, createRealEnv());
    await bed.open();
  });
  afterEach(() => bed.removeAll(), 30_000);
  afterAll(async () => expect(await bed.close()).toEqual([]), 30_000);

  it('run isolated: own root, processes, hostname, network; hidden and read-only paths; the default capabilities and filter', async () => {
    const script = `hostname; echo $$; echo $(ls /sys/class/net); wc -c </proc/keys; head -c 1 /proc/kcore | wc -c
      echo x 2>/dev/null >/proc/sys/kernel/hostname || echo ro
      while read k v; do case $k in CapEff:|NoNewPrivs:|Seccomp:) echo $k $v;; esac; done </proc/self/status
      echo $(ls /proc/self/fd); mount -t tmpfs x /tmp 2>/dev/null || echo no mount; id -u; pwd; echo $HOME $HOSTNAME`;
    const sandbox = await bed.sandbox({ hostname: 'berth' });
    const result = await bed.run(script, {}, sandbox);
    expect(result).toMatchObject({ exitCode: 0 });
    const lines = result.stdout.trim().split('\n');
    expect(lines.slice(0, 6)).toEqual(['berth', '1', 'lo', '0', '0', 'ro']);
    expect(lines.slice(6)).toEqual([
      'CapEff: 00000000a80425fb',
      'NoNewPrivs: 1',
      'Seccomp: 2',
      '0 1 2 3',
      'no mount',
      '0',
      '/',
      '/root berth',
    ]);
  });

  it('run as the users that the image names, with their groups, or as numbers', async () => {
    const ids = 'id -u; id -g; id -G; echo $HOME';
    const named = await bed.run(ids, { user: 'ana' });
    expect(named.stdout.split('\n')).toEqual(['1234', '1234', '1234 2345', '/home/ana']);
    const strict = await bed.run(ids, { user: 'ana', supplementalGroupsPolicy: 'Strict', supplementalGroups: [77] });
    expect(strict.stdout.split('\n').slice(2, 3)).toEqual(['1234 77']);
    const number = await bed.run(ids, { user: '5:sailors' });
    expect(number.stdout.split('\n').slice(0, 3)).toEqual(['5', '2345', '2345']);
    const sandbox = await bed.sandbox();
    for (const user of ['nobody-here', 'ana:nothing', '99999999999']) {
      const config = bed.container(sandbox, ['true'], { user });
      await expect(bed.runtime.createContainer(config)).rejects.toMatchObject({ reason: 'CreateContainerConfigError' });
    }
    expect(await bed.runtime.listContainers()).toHaveLength(3);
  });

  it('mount what is asked for, also read-only with all beneath; keep a termination message; write no further than their layer', async () => {
    const host = join(bed.dataDir, 'volume');
    mkdirSync(join(host, 'sub'), { recursive: true });
    const mounts = [
      { hostPath: host, containerPath: '/open', readOnly: false, propagation: 'private' },
      { hostPath: host, containerPath: '/data', readOnly: true, propagation: 'rslave' },
    ] as const;
    const terminationMessagePath = '/run/termination-log';
    const script =
      'echo a >/open/a; echo b 2>/dev/null >/data/b || echo ro; echo bye >/run/termination-log; echo x >/usr/new; exit 3';
    const result = await bed.run(script, { mounts, terminationMessagePath });
    expect(result).toMatchObject({ exitCode: 3, reason: 'Error', message: 'bye\n', stdout: 'ro' });
    expect(readFileSync(join(host, 'a'), 'utf8')).toBe('a\n');
    expect(readdirSync(join(bed.image.layer, 'usr'))).not.toContain('new');
    const absent = [
      { hostPath: join(host, 'none'), containerPath: '/x', readOnly: false, propagation: 'private' },
    ] as const;
    const config = bed.container(await bed.sandbox(), ['true'], { mounts: absent });
    await expect(bed.runtime.createContainer(config)).rejects.toThrow('does not exist on this node');
  });

  it('keep a termination message of any user, and run images of very many layers', async () => {
    const names = Array.from({ length: 120 }, (_, index) => join(bed.dataDir, `layer, ${index}:`));
    for (const [index, name] of names.entries()) {
      mkdirSync(name);
      writeFileSync(join(name, 'which'), String(index));
    }
    const config = bed.container(await bed.sandbox(), ['sh', '-c', 'echo bye >/message; cat /which'], {
      user: '1234',
      terminationMessagePath: '/message',
      image: { ...bed.image.image, layers: [...names, bed.image.layer] },
    });
    await bed.runtime.createContainer(config);
    await bed.runtime.startContainer(config.id);
    expect(await bed.result(config.id)).toMatchObject({ exitCode: 0, message: 'bye\n', stdout: '0' });
  });

  it('see devices that are asked for and no others, and all of the node when privileged', async () => {
    const hostPath =
      ['/dev/loop-control', '/dev/fuse', '/dev/net/tun', '/dev/kvm'].find((path) => existsSync(path)) ?? '';
    const devices = [{ hostPath, containerPath: '/dev/given', permissions: 'r' }];
    const script =
      'true </dev/given && echo reads; true 2>/dev/null >/dev/given || echo no; mknod /d b 254 0 && true 2>/dev/null </d || echo no disk';
    const result = await bed.run(script, { devices });
    expect(result.stdout.split('\n')).toEqual(['reads', 'no', 'no disk']);
    const privileged = await bed.run(
      'ls /dev | wc -l; mount -t tmpfs x /tmp && echo mounts',
      security({ privileged: true }),
    );
    expect(Number(privileged.stdout.split('\n')[0])).toBeGreaterThan(20);
    expect(privileged.stdout).toContain('mounts');
    const wrong = bed.container(await bed.sandbox(), ['true'], {
      devices: [{ hostPath: '/dev/nothing', containerPath: '/dev/x', permissions: 'r' }],
    });
    await expect(bed.runtime.createContainer(wrong)).rejects.toThrow('there is no device /dev/nothing on this node');
  });

  it('share what their pod shares: processes, memory and names; or what the node has', async () => {
    const sandbox = await bed.sandbox({ shareProcessNamespace: true });
    const first = await bed.started(sandbox, ['sh', '-c', 'echo here >/dev/shm/x; echo ready; sleep 60 & wait']);
    await bed.printed(first, 'ready');
    const second = await bed.run(
      'cat /dev/shm/x; ps -e | wc -l; ls /proc/1/root 2>&1 | wc -l; readlink /proc/self/ns/net',
      {},
      sandbox,
    );
    const [shared, processes, , network] = second.stdout.split('\n');
    expect(shared).toBe('here');
    expect(Number(processes)).toBeGreaterThanOrEqual(5);
    const beside = await bed.run(
      'echo $$; readlink /proc/self/ns/net',
      { processesOf: first },
      await Promise.resolve(sandbox),
    );
    expect(Number(beside.stdout.split('\n')[0])).toBeGreaterThan(1);
    expect(beside.stdout.split('\n')[1]).toBe(network);
    await bed.runtime.stopContainer(first, 0);
    const after = await bed.run('ps -eo args', {}, sandbox);
    expect(after.stdout).not.toContain('sleep 60');
    const open = await bed.sandbox({ hostNetwork: true, hostPid: true, hostIpc: true });
    const onHost = await bed.run('readlink /proc/self/ns/net; readlink /proc/self/ns/ipc', {}, open);
    expect(onHost.stdout).toContain(`net:[${statSync('/proc/self/ns/net').ino}]`);
    expect(onHost.stdout).toContain(`ipc:[${statSync('/proc/self/ns/ipc').ino}]`);
  });

  it('take settings of the kernel that the pod has for itself, and refuse those of the node', async () => {
    const sandbox = await bed.sandbox({ sysctls: { 'net.core.somaxconn': '77' } });
    expect((await bed.run('cat /proc/sys/net/core/somaxconn', {}, sandbox)).stdout).toBe('77');
    for (const name of ['kernel.panic', 'vm.swappiness', 'net..x']) {
      await expect(bed.sandbox({ sysctls: { [name]: '1' } })).rejects.toThrow(`sysctl "${name}"`);
    }
    expect(await bed.runtime.listSandboxes()).toHaveLength(1);
  });

  it('are killed when they need more memory than they may, and told so', async () => {
    const command = ['node', '-e', 'const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))'];
    const id = await bed.started(await bed.sandbox(), command, { resources: { memoryLimitBytes: 64 << 20 } });
    expect(await bed.result(id)).toMatchObject({ exitCode: 137, signal: 9, reason: 'OOMKilled' });
  });

  it('have a terminal whose size follows, when started so and in sessions', async () => {
    const sandbox = await bed.sandbox();
    const id = await bed.started(sandbox, ['sh', '-c', 'read -r x; stty size; echo "got $x"; sleep 60'], {
      tty: true,
      stdin: true,
    });
    const attached = await bed.runtime.attach(id, { stdin: true });
    let heard = '';
    attached.stdout.on('data', (chunk) => (heard += String(chunk)));
    attached.resize(90, 33);
    attached.stdin?.write('ahoy\n');
    await until(() => heard.includes('got ahoy'), { what: 'the answer' });
    expect(heard).toContain('33 90');
    expect(attached.stderr).toBeUndefined();
    attached.kill();
    const session = await bed.runtime.exec(id, {
      command: ['sh', '-c', 'read -r x; stty size; exit 7'],
      tty: true,
      stdin: true,
    });
    let said = '';
    session.stdout.on('data', (chunk) => (said += String(chunk)));
    session.resize(101, 44);
    await until(
      () =>
        readdirSync(join(bed.dataDir, 'containers', id)).some(
          (name) => name.endsWith('.pid') && name.startsWith('exec'),
        ),
      { what: 'the session to run' },
    );
    session.stdin?.write('now\n');
    expect(await session.exited).toBe(7);
    await until(() => said.includes('44 101'), { what: 'its size' });
    expect(readdirSync(join(bed.dataDir, 'containers', id)).filter((name) => name.startsWith('exec'))).toEqual([]);
  });

  it('say with the exit code of a session what was wrong with its command', async () => {
    const id = await bed.started(await bed.sandbox(), ['sleep', '60']);
    for (const [command, code, why] of [
      ['no-such-program', 127, 'no-such-program'],
      ['/etc/not-executable', 126, 'ermission denied'],
    ] as const) {
      const session = await bed.runtime.exec(id, { command: [command], tty: false, stdin: false });
      let text = '';
      session.stderr?.on('data', (chunk) => (text += String(chunk)));
      session.stdout.on('data', () => undefined);
      expect([await session.exited, text]).toEqual([code, expect.stringContaining(why)]);
    }
  });

  it('filter system calls by a profile of the node, and say what is wrong with one', async () => {
    const path = join(bed.dataDir, 'profile.json');
    const rules = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
    };
    writeFileSync(path, JSON.stringify(rules));
    const seccomp = { type: 'Localhost', path } as const;
    expect((await bed.run('mkdir /tmp/a 2>/dev/null || echo no', security({ seccomp }))).stdout).toBe('no');
    expect((await bed.run('mkdir /tmp/a && echo yes', security({ seccomp: { type: 'Unconfined' } }))).stdout).toBe(
      'yes',
    );
    writeFileSync(path, '{"defaultAction":');
    const config = bed.container(await bed.sandbox(), ['true'], security({ seccomp }));
    await expect(bed.runtime.createContainer(config)).rejects.toMatchObject({ reason: 'CreateContainerError' });
  });
});
