import {
  closeSync,
  existsSync,
  futimesSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { monitorBinary } from './monitor-binary.ts';
import { Bed, security } from './testing/bed.ts';
import { findProcess } from './testing/leftovers.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

describe('what a container sees', () => {
  it('is pid 1 of its own pid namespace and sees no process of the node', async () => {
    const { stdout } = await bed.run(
      'echo $$; ls /proc | while read -r n; do case $n in [0-9]*) echo "p$n";; esac; done',
    );
    const lines = stdout.split('\n');
    expect(lines[0]).toBe('1');
    const pids = lines.slice(1).map((line) => Number(line.slice(1)));
    expect(pids).toContain(1);
    expect(Math.max(...pids)).toBeLessThan(20);
  });

  it('has its own mount table, without anything of the node', async () => {
    const { stdout } = await bed.run('cat /proc/self/mountinfo');
    const points = stdout.split('\n').map((line) => line.split(' ')[4] ?? '');
    expect(points).toContain('/');
    expect(stdout).not.toContain(bed.dataDir);
    for (const point of points) expect(point).toMatch(/^\/($|proc|sys|dev)/);
    for (const wanted of ['/proc', '/sys', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue'])
      expect(points).toContain(wanted);
  });

  it('sees the files of its image only', async () => {
    const { stdout, stderr } = await bed.run(`ls /; ls ${bed.dataDir}; ls /boot; cat /proc/1/root/etc/hostname`);
    expect(stdout.split('\n')).toEqual('bin dev etc lib lib64 proc root sys tmp usr'.split(' '));
    expect(stderr.split('\n')).toHaveLength(3);
  });

  it('has the name of the pod and namespaces other than those of the node', async () => {
    const sandbox = await bed.sandbox({ hostname: 'web-0' });
    const kinds = ['pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'];
    const { stdout } = await bed.run(
      `hostname; for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done`,
      {},
      sandbox,
    );
    const [name, ...namespaces] = stdout.split('\n');
    expect(name).toBe('web-0');
    const own = kinds.map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
    for (const [index, namespace] of namespaces.entries()) expect(namespace).not.toBe(own[index]);
    expect(namespaces).toHaveLength(kinds.length);
  });

  it('has the usual devices, which work', async () => {
    const script =
      'echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 8 /dev/urandom | wc -c && ls /dev && readlink /dev/stdout && echo by-name > /dev/stdout';
    const { stdout, exitCode } = await bed.run(script);
    expect(exitCode).toBe(0);
    const names = 'core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(' ');
    expect(stdout.split('\n')).toEqual(['4', '8', ...names, '/proc/self/fd/1', 'by-name']);
  });

  it('lets a user other than root write to /dev/stdout', async () => {
    const { stdout, exitCode } = await bed.run('echo fine > /dev/stdout', { user: '1234' });
    expect({ stdout, exitCode }).toEqual({ stdout: 'fine', exitCode: 0 });
  });

  it('gets no descriptor but its three', async () => {
    const id = await bed.started(await bed.sandbox(), ['sleep', '60']);
    const pid = (await bed.runtime.containerStatus(id))?.pid;
    expect(readdirSync(`/proc/${pid}/fd`)).toEqual(['0', '1', '2']);
  });

  it('runs on another layer of writes than its neighbour, and leaves the image as it was', async () => {
    const sandbox = await bed.sandbox();
    const first = await bed.run('echo mine > /etc/mine && rm /etc/passwd && ls /etc', {}, sandbox);
    const second = await bed.run('ls /etc', {}, sandbox);
    expect(first.stdout).toBe('group\nmine\nnot-executable');
    expect(second.stdout).toBe('group\nnot-executable\npasswd');
    expect(statSync(`${bed.image.layer}/etc/passwd`).isFile()).toBe(true);
  });
});

describe('what a container may', () => {
  const capabilities = async (changes: Parameters<typeof security>[0], user = ''): Promise<Record<string, string>> => {
    const { stdout } = await bed.run('cat /proc/self/status', { ...security(changes), user });
    return Object.fromEntries(stdout.split('\n').map((line) => line.split(':\t') as [string, string]));
  };

  it('has the default capabilities, and no_new_privs', async () => {
    const all = '00000000a80425fb';
    expect(await capabilities({})).toMatchObject({
      CapEff: all,
      CapPrm: all,
      CapBnd: all,
      CapInh: '0000000000000000',
      NoNewPrivs: '1',
    });
    expect(await capabilities({ noNewPrivileges: false })).toMatchObject({ CapEff: all, NoNewPrivs: '0' });
  });

  it('adds and drops capabilities, and gives none to a user other than root', async () => {
    expect(await capabilities({ dropCapabilities: ['ALL'] })).toMatchObject({ CapEff: '0000000000000000' });
    expect(await capabilities({ dropCapabilities: ['ALL'], addCapabilities: ['NET_BIND_SERVICE'] })).toMatchObject({
      CapEff: '0000000000000400',
      CapBnd: '0000000000000400',
    });
    const user = await capabilities({}, '1234:5678');
    expect(user).toMatchObject({
      CapEff: '0000000000000000',
      CapPrm: '0000000000000000',
      Gid: '5678\t5678\t5678\t5678',
    });
  });

  it('takes users and groups from the files of the image', async () => {
    const named = await bed.run('id -u; id -g; id -G; echo $HOME', { user: 'ana', supplementalGroups: [77] });
    expect(named.stdout).toBe('1234\n1234\n1234 77 2345\n/home/ana');
    const numbers = await bed.run('id -u; id -G; echo $HOME', { user: '4321:11' });
    expect(numbers.stdout).toBe('4321\n11\n/');
    const create = bed.runtime.createContainer(bed.container(await bed.sandbox(), ['true'], { user: 'nobody-here' }));
    await expect(create).rejects.toMatchObject({
      reason: 'CreateContainerError',
      message: expect.stringContaining('nobody-here'),
    });
  });

  it('cannot write to a read-only root, but to its mounts', async () => {
    const { stdout, stderr } = await bed.run(
      'touch /tmp/a || echo refused; echo a > /dev/shm/a && cat /dev/shm/a',
      security({ readOnlyRootFilesystem: true }),
    );
    expect(stdout).toBe('refused\na');
    expect(stderr).toContain('Read-only file system');
  });

  it('cannot read or change the node through /proc and /sys', async () => {
    const script = [
      'wc -c < /proc/keys; wc -c < /proc/timer_list; ls /sys/firmware | wc -l',
      'echo h > /proc/sysrq-trigger || echo no1; echo 1 > /proc/sys/kernel/panic || echo no2; mkdir /sys/fs/cgroup/memory/x || echo no3',
      'mount -t tmpfs none /tmp || echo no4; hostname other || echo no5',
      'head -c 1 /proc/kcore | wc -c',
    ].join('; ');
    const { stdout } = await bed.run(script);
    expect(stdout.split('\n')).toEqual(['0', '0', '0', 'no1', 'no2', 'no3', 'no4', 'no5', '0']);
  });

  it('cannot open a device that it makes', async () => {
    const volume = { hostPath: bed.dataDir, containerPath: '/vol', readOnly: false, propagation: 'private' as const };
    const { stdout, stderr } = await bed.run(
      'for d in /tmp /vol /dev /dev/shm; do mknod $d/mem c 1 1 && { head -c 1 $d/mem; rm $d/mem; }; done; echo end',
      { mounts: [volume] },
    );
    expect(stdout).toBe('end');
    expect(stderr.split('\n').filter((line) => /Permission denied|Operation not permitted/.test(line))).toHaveLength(4);
  });

  it('cannot overwrite the monitor program through the executable of a session', async () => {
    const id = await bed.started(await bed.sandbox(), ['sleep', '60']);
    const session = await bed.runtime.exec(id, { command: ['sleep', '60'], tty: false, stdin: false });
    const helper = await until(() => findProcess('exec', join(bed.runDir, 'containers', id)), { what: 'the session' });
    const held = openSync(`/proc/${helper}/exe`, 'r');
    session.kill();
    await session.exited;
    // not by opening it for writing: while any monitor runs, the file is busy, which would hide what we look for
    expect(() => futimesSync(held, 1, 1)).toThrow(/EROFS/);
    closeSync(held);
  });

  it('finds nothing of the node through the process that holds a shared pid namespace', async () => {
    const sandbox = await bed.sandbox({ shareProcessNamespace: true });
    const script = 'ls -a /proc/1/root/ && cat /proc/1/mountinfo | wc -l && cat /proc/1/status';
    const { stdout } = await bed.run(script, security({ addCapabilities: ['SYS_PTRACE'] }), sandbox);
    const lines = stdout.split('\n');
    expect(lines.slice(0, 3)).toEqual(['.', '..', '1']);
    expect(lines).toEqual(expect.arrayContaining(['CapEff:\t0000000000000000', 'NoNewPrivs:\t1']));
  });

  it('cannot begin in a directory of the node, nor have one mounted upon, by way of open descriptors', async () => {
    const sandbox = await bed.sandbox();
    const volume = { hostPath: bed.logs, readOnly: false, propagation: 'private' as const };
    const outcomes: string[] = [];
    for (let fd = 3; fd < 24; fd++) {
      const config = bed.container(sandbox, ['sh', '-c', 'cat ../../etc/hostname; ls ..'], {
        workingDir: `/proc/self/fd/${fd}`,
      });
      const started = bed.runtime.createContainer(config).then(() => bed.runtime.startContainer(config.id));
      outcomes.push(await started.then(() => `began in ${fd}`).catch(() => 'refused'));
      const containerPath = `/proc/self/fd/${fd}/upon`;
      const mounting = bed.container(sandbox, ['true'], { mounts: [{ ...volume, containerPath }] });
      outcomes.push(
        await bed.runtime
          .createContainer(mounting)
          .then(() => `mounted upon ${fd}`)
          .catch(() => 'refused'),
      );
    }
    expect(outcomes.filter((each) => each !== 'refused')).toEqual([]);
    expect(existsSync(join(bed.image.layer, 'upon'))).toBe(false);
  });

  it('cannot hold up or mislead who looks up its users, nor run the monitor to its ends', async () => {
    for (const target of ['/dev/zero', '/proc/kmsg', '/etc']) {
      const script = `ln -sf ${target} /etc/passwd; ln -sf ${target} /etc/group; echo done; sleep 60`;
      const id = await bed.started(await bed.sandbox(), ['sh', '-c', script]);
      await bed.printed(id, 'done');
      const session = await bed.runtime.exec(id, { command: ['true'], tty: false, stdin: false });
      expect(await session.exited).toBe(0);
    }
    const before = readFileSync(monitorBinary);
    const script = 'printf "#!/proc/self/exe\\n" > /tmp/trap && chmod +x /tmp/trap && echo done && sleep 60';
    const id = await bed.started(await bed.sandbox(), ['sh', '-c', script]);
    await bed.printed(id, 'done');
    const session = await bed.runtime.exec(id, { command: ['/tmp/trap'], tty: false, stdin: false });
    expect(await session.exited).not.toBe(0);
    expect(readFileSync(monitorBinary).equals(before)).toBe(true);
  });

  it('cannot have something of the node shown in place of what is hidden, by a /dev of its own', async () => {
    const volume = mkdtempSync(join(tmpdir(), 'timonel-rl-dev-'));
    symlinkSync('/proc/sys/kernel/core_pattern', join(volume, 'null'));
    const mounts = [{ hostPath: volume, containerPath: '/dev', readOnly: false, propagation: 'private' as const }];
    const userNamespace = { firstUid: 200_000, firstGid: 200_000, length: 1000 };
    try {
      for (const changes of [{}, { userNamespace }]) {
        const { stdout, stderr } = await bed.run(
          'wc -c < /proc/timer_list; ls -A /dev',
          { mounts },
          await bed.sandbox(changes),
        );
        expect({ stdout, stderr }).toEqual({ stdout: '0\nnull', stderr: '' });
      }
    } finally {
      rmSync(volume, { recursive: true });
    }
  });

  it.each(['/proc', '/proc/self/attr', '//proc/./sys'])('gets no volume in /proc: %s', async (containerPath) => {
    const mounts = [{ hostPath: bed.logs, containerPath, readOnly: false, propagation: 'private' as const }];
    const create = bed.runtime.createContainer(bed.container(await bed.sandbox(), ['true'], { mounts }));
    await expect(create).rejects.toMatchObject({ message: expect.stringContaining('/proc') });
  });

  it('gets all of it when privileged', async () => {
    const { stdout } = await bed.run(
      'cat /proc/self/status; mount -t tmpfs none /tmp && echo mounted',
      security({ privileged: true }),
    );
    const own = /CapBnd:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    expect(stdout).toContain(`CapEff:\t${own}`);
    expect(stdout).toContain('mounted');
  });
});
