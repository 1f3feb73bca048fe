import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '@timonel/testkit/free-port';
import { describe, expect, it } from '@jest/globals';
import type { ContainerConfig } from '@timonel/sdk/contracts/runtime';
import { until } from '@timonel/testkit';
import { instanceOf } from '@timonel/sdk/linux';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { Channel } from './cri/channel.ts';
import { labels } from './identity.ts';
import { OpenedMounts } from './opened-mounts.ts';
import { withBed } from './testing/with-bed.ts';

const bed = withBed();

function security(changes: Partial<ContainerConfig['security']>): Pick<ContainerConfig, 'security'> {
  const usual = {
    privileged: false,
    readOnlyRootFilesystem: false,
    noNewPrivileges: true,
    addCapabilities: [],
    dropCapabilities: [],
  };
  return { security: { ...usual, ...changes } };
}

async function text(stream: NodeJS.ReadableStream | undefined): Promise<string> {
  let all = '';
  for await (const chunk of stream ?? []) all += String(chunk);
  return all;
}

describe('a container', () => {
  it.each([
    ['', 'uid=0(root) gid=0(root)'],
    ['1234', 'uid=1234(ana) gid=1234(ana)'],
    ['ana', 'uid=1234(ana) gid=1234(ana)'],
    ['ana:sailors', 'uid=1234(ana) gid=2345(sailors)'],
    ['77:88', 'uid=77 gid=88'],
    [':88', 'uid=0(root) gid=88'],
  ])('runs as user "%s"', async (user, expected) => {
    const { stdout } = await bed().run('id', { user, supplementalGroups: [4321] });
    expect(stdout).toContain(expected);
    expect(stdout).toContain('4321');
  });

  it('has the variables, directory, mounts and security that were asked for', async () => {
    const volume = join(bed().directory, 'volume');
    mkdirSync(volume, { recursive: true });
    writeFileSync(join(volume, 'file'), 'of the node');
    const mount = { hostPath: volume, containerPath: '/data', readOnly: true, propagation: 'private' } as const;
    const { stdout } = await bed().run(
      'echo "$NAME $PWD $(cat /data/file)"; echo x > /data/file; echo x > /root/file; cat /proc/self/status; cat /proc/kcore | head -c 1; hostname',
      {
        env: [
          { name: 'NAME', value: 'a value' },
          { name: 'PATH', value: '/usr/bin' },
        ],
        workingDir: '/tmp',
        mounts: [mount],
        ...security({ readOnlyRootFilesystem: true, dropCapabilities: ['ALL'], addCapabilities: ['CHOWN'] }),
      },
    );
    expect(stdout).toContain('a value /tmp of the node\n');
    expect(stdout).toMatch(/^CapEff:\s0{15}1$/m);
    expect(stdout).toMatch(/^NoNewPrivs:\s1$/m);
    expect(stdout).toMatch(/^Seccomp:\s2$/m);
    expect(readFileSync(join(volume, 'file'), 'utf8')).toBe('of the node');
  });

  it('has the system calls of a profile of the node, in the format of Docker too, with numbers of 64 bits', async () => {
    const path = join(bed().directory, 'profile.json');
    const far = { index: 0, value: 0, op: 'SCMP_CMP_EQ' };
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] }],
      syscalls: [
        { names: ['unlink', 'unlinkat'], action: 'SCMP_ACT_ERRNO', excludes: { caps: ['CAP_SYS_ADMIN'] } },
        { names: ['sethostname'], action: 'SCMP_ACT_ERRNO', args: [far] },
      ],
    };
    writeFileSync(path, JSON.stringify(profile).replace('"value":0', '"value":18446744073709551615'));
    const script = 'echo x > /tmp/file; rm /tmp/file || echo refused';
    const seccomp = { type: 'Localhost', path } as const;
    expect((await bed().run(script, security({ seccomp }))).stdout).toBe('refused');
    const allowed = security({ seccomp, addCapabilities: ['SYS_ADMIN'] });
    expect((await bed().run(script, allowed)).stdout).toBe('');
  });

  it('that a crash left half-made is not started', async () => {
    const config = bed().container(await bed().sandbox(), ['true']);
    await bed().runtime.createContainer(config);
    const channel = new Channel(bed().containerd.socket, bed().env);
    try {
      const filter = { labelSelector: { [labels.id]: config.id } };
      const [{ id } = { id: '' }] = (await channel.call('ListContainers', { filter })).containers;
      const spec = (await channel.call('GetRecord', { id })).container?.spec;
      const value = Buffer.from(
        Buffer.from(spec?.value ?? [])
          .toString('utf8')
          .replace('timonel.io/complete', 'other'),
      );
      const container = { id, spec: { typeUrl: spec?.typeUrl, value } };
      await channel.call('UpdateRecord', { container, updateMask: { paths: ['spec'] } });
    } finally {
      channel.close();
    }
    const refused = { reason: 'StartError', message: expect.stringContaining('in part only') };
    await expect(bed().runtime.startContainer(config.id)).rejects.toMatchObject(refused);
  });

  it('gets no groups of the image when the policy is strict', async () => {
    const groups = async (policy: 'Merge' | 'Strict'): Promise<string> => {
      const changes = { user: '1234', supplementalGroups: [4321], supplementalGroupsPolicy: policy };
      return (await bed().run('id', changes)).stdout;
    };
    expect(await groups('Merge')).toContain('2345(sailors)');
    const strict = await groups('Strict');
    expect(strict).toContain('4321');
    expect(strict).not.toContain('sailors');
  });

  it('writes to no mount beneath a read-only one, unless that says so', async () => {
    const volume = join(bed().directory, 'with-mount');
    const beneath = join(volume, 'beneath');
    mkdirSync(beneath, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'none', beneath]);
    try {
      const mount = { hostPath: volume, containerPath: '/data', readOnly: true, propagation: 'private' } as const;
      const write = (path: string): string => `(echo x > ${path}) 2>/dev/null || echo refused`;
      const script = `${write('/data/file')}; ${write('/data/beneath/file')}`;
      expect((await bed().run(script, { mounts: [mount] })).stdout).toBe('refused\nrefused');
      const plain = [{ ...mount, recursiveReadOnly: false }];
      expect((await bed().run(script, { mounts: plain })).stdout).toBe('refused');
    } finally {
      await bed().removeAll();
      execFileSync('umount', [beneath]);
    }
  });

  it('is privileged, and without system call filter, when it says so', async () => {
    const { stdout } = await bed().run('cat /proc/self/status', security({ privileged: true, noNewPrivileges: false }));
    const [ofNode = ''] = /^CapEff:.*$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    expect(stdout).toContain(ofNode);
    expect(stdout).toMatch(/^Seccomp:\s0$/m);
    const unconfined = await bed().run('cat /proc/self/status', security({ seccomp: { type: 'Unconfined' } }));
    expect(unconfined.stdout).toMatch(/^Seccomp:\s0$/m);
  });

  it('leaves its last words in its termination message, of which 4096 bytes are kept', async () => {
    const script = 'echo "gave up" > /dev/termination-log; exit 3';
    const said = await bed().run(script, { terminationMessagePath: '/dev/termination-log', user: '1234' });
    expect(said).toMatchObject({ exitCode: 3, message: 'gave up\n' });
    const long = await bed().run('head -c 8000 /dev/zero > /tmp/end', {
      terminationMessagePath: '/tmp/end',
    });
    expect(Buffer.byteLength(long.message)).toBe(4096);
  });

  it('sees the processes of its pod, or of another container, when it shall', async () => {
    const shared = await bed().sandbox({ shareProcessNamespace: true });
    await bed().started(shared, ['sleep', '1000']);
    expect((await bed().run('cat /proc/[0-9]*/cmdline', {}, shared)).stdout).toContain('sleep');
    const orphans = 'for n in 1 2 3 4 5; do (sh -c "exit 0" &); done; sleep 0.2; cat /proc/[0-9]*/stat';
    expect((await bed().run(orphans, {}, shared)).stdout).not.toContain(') Z ');
    const apart = await bed().sandbox();
    const other = await bed().started(apart, ['sleep', '2000']);
    expect((await bed().run('cat /proc/[0-9]*/cmdline', {}, apart)).stdout).not.toContain('2000');
    expect((await bed().run('cat /proc/[0-9]*/cmdline', { processesOf: other }, apart)).stdout).toContain('2000');
  });

  it('shares the network of its pod, which is up, or that of the node', async () => {
    const own = await bed().sandbox({
      hostname: 'of-the-pod',
      sysctls: { 'net.ipv4.ip_local_port_range': '20000 20010' },
    });
    const script =
      'hostname; cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/net/dev; readlink /proc/self/ns/net; cat /sys/class/net/lo/operstate';
    const { stdout } = await bed().run(script, {}, own);
    expect(stdout).toMatch(/^of-the-pod\n20000\t20010\n0\n/);
    const [status] = await bed().runtime.listSandboxes();
    expect(existsSync(status?.networkNamespace ?? '')).toBe(true);
    await bed().runtime.removeSandbox(own);
    const host = await bed().sandbox({ hostNetwork: true });
    expect((await bed().runtime.listSandboxes())[0]?.networkNamespace).toBeUndefined();
    const { stdout: ofHost } = await bed().run('readlink /proc/self/ns/net', {}, host);
    expect(ofHost).toBe(readlinkSync('/proc/self/ns/net'));
    expect(stdout).not.toContain(ofHost);
  });

  it.each<[string, Partial<ContainerConfig>]>([
    ['unknown capability "FLY"', security({ addCapabilities: ['FLY'] })],
    ['procMount', security({ procMount: 'Unmasked' })],
    ['/nowhere', { mounts: [{ hostPath: '/nowhere', containerPath: '/x', readOnly: false, propagation: 'private' }] }],
    ['no command', { command: [] }],
    ['cannot be the name', { name: '../outside' }],
    ['/no/profile.json', security({ seccomp: { type: 'Localhost', path: '/no/profile.json' } })],
  ])('is refused with the reason for %s', async (why, changes) => {
    const sandbox = await bed().sandbox();
    const config = { ...bed().container(sandbox, ['true']), ...changes };
    const refused = {
      name: 'RuntimeError',
      reason: 'CreateContainerConfigError',
      message: expect.stringContaining(why),
    };
    await expect(bed().runtime.createContainer(config)).rejects.toMatchObject(refused);
    expect(await bed().runtime.listContainers()).toEqual([]);
    expect(existsSync('/nowhere')).toBe(false);
  });
});

describe('limits', () => {
  const mib = 1024 * 1024;
  const isV1 = detectCgroups().driver?.version === 'v1';
  const [memory, pids] = isV1 ? ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/pids'] : ['/sys/fs/cgroup', '/sys/fs/cgroup'];
  const file = isV1 ? 'memory.limit_in_bytes' : 'memory.max';

  /** Of the controller pids, or the only one. */
  const groupOf = (pid: number | undefined): string =>
    /^(?:\d+:pids:|0::(?=\/.))(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '';

  it('are those of the kernel, of the pod and of the container', async () => {
    const root = `timonel-containerd-${instanceOf(bed().dataDir)}`;
    const sandbox = await bed().sandbox({ resources: { memoryLimitBytes: 300 * mib, cpuShares: 512, pidsLimit: 60 } });
    const group = join(root, sandbox);
    expect(readFileSync(join(memory, group, file), 'utf8').trim()).toBe(String(300 * mib));
    expect(readFileSync(join(pids, group, 'pids.max'), 'utf8').trim()).toBe('60');
    const id = await bed().started(sandbox, ['sleep', '1000'], {
      resources: { memoryLimitBytes: 100 * mib, pidsLimit: 30 },
    });
    const pid = (await bed().runtime.containerStatus(id))?.pid;
    const own = groupOf(pid);
    expect(own.startsWith(`/${group}/`)).toBe(true);
    expect(readFileSync(join(memory, own, file), 'utf8').trim()).toBe(String(100 * mib));
    expect(readFileSync(join(pids, own, 'pids.max'), 'utf8').trim()).toBe('30');
    const created = bed().container(sandbox, ['sleep', '1000'], { resources: { pidsLimit: 20 } });
    await bed().runtime.createContainer(created);
    await bed().runtime.updateContainer(created.id, { pidsLimit: 25 });
    await bed().runtime.startContainer(created.id);
    const ofCreated = groupOf((await bed().runtime.containerStatus(created.id))?.pid);
    expect(readFileSync(join(pids, ofCreated, 'pids.max'), 'utf8').trim()).toBe('25');
    await bed().runtime.updateContainer(id, { pidsLimit: 40, memoryLimitBytes: -1 });
    expect(readFileSync(join(pids, own, 'pids.max'), 'utf8').trim()).toBe('40');
    expect(readFileSync(join(memory, own, file), 'utf8').trim()).not.toBe(String(100 * mib));
    await bed().runtime.removeSandbox(sandbox);
    expect(existsSync(join(memory, root))).toBe(false);
  });

  it('of memory kill what exceeds them: OOMKilled', async () => {
    const script = 'exec dd if=/dev/zero of=/dev/null bs=200M count=1';
    const ended = await bed().run(script, { resources: { memoryLimitBytes: 60 * mib } });
    expect(ended).toMatchObject({ exitCode: 137, signal: 9, reason: 'OOMKilled' });
  });
});

describe('exec', () => {
  it('gives a terminal of the size that was asked for, and no stderr', async () => {
    const id = await bed().started(await bed().sandbox(), ['sleep', '1000']);
    const command = [
      'sh',
      '-c',
      'until [ "$(stty size)" = "45 123" ]; do sleep 0.02; done; read -r line; stty size; echo "$line" >&2; exit 6',
    ];
    const session = await bed().runtime.exec(id, { command, tty: true, stdin: true });
    expect(session.stderr).toBeUndefined();
    session.resize(123, 45);
    const output = text(session.stdout);
    session.stdin?.write('a line\n');
    expect(await session.exited).toBe(6);
    expect(await output).toContain('a line\r\n45 123\r\na line\r\n');
  });

  it('keeps stdout and stderr apart, and carries much', async () => {
    const id = await bed().started(await bed().sandbox(), ['sleep', '1000']);
    const command = ['sh', '-c', 'cat; echo done >&2'];
    const session = await bed().runtime.exec(id, { command, tty: false, stdin: true });
    const outputs = Promise.all([text(session.stdout), text(session.stderr)]);
    session.stdin?.end('0123456789'.repeat(100_000));
    const [out, error] = await outputs;
    expect([out.length, error, await session.exited]).toEqual([1_000_000, 'done\n', 0]);
    await until(() => !existsSync(join(bed().dataDir, 'exec')) || readdir().length === 0, {
      what: 'the pipes to be removed',
    });
  });

  it('says why a command cannot be run', async () => {
    const id = await bed().started(await bed().sandbox(), ['sleep', '1000']);
    const session = bed().runtime.exec(id, { command: ['no-such-program'], tty: false, stdin: false });
    await expect(session).rejects.toMatchObject({
      reason: 'ExecError',
      message: expect.stringContaining('no-such-program'),
    });
    expect(readdir()).toEqual([]);
  });

  it('is ended by the next run of the plugin, which cannot serve it any more', async () => {
    const id = await bed().started(await bed().sandbox(), ['sleep', '1000']);
    const session = await bed().runtime.exec(id, { command: ['sleep', '3000'], tty: false, stdin: false });
    const alive = (): Promise<boolean> =>
      bed()
        .runtime.stats()
        .then(([own]) => (own?.pids ?? 0) > 1);
    expect(await alive()).toBe(true);
    session.stdout.resume();
    session.stderr?.resume();
    await bed().restart();
    expect(await alive()).toBe(true);
    await bed().runtime.tidy();
    await until(async () => !(await alive()), { what: 'the process to end' });
    expect((await bed().runtime.containerStatus(id))?.state).toBe('running');
  });

  function readdir(): string[] {
    const directory = join(bed().dataDir, 'exec');
    return existsSync(directory) ? readdirSync(directory) : [];
  }
});

describe('attach', () => {
  it('has joined when it says so: nothing that is written from then on is missed', async () => {
    const command = ['sh', '-c', 'while read -r line; do echo "$line"; done'];
    const id = await bed().started(await bed().sandbox(), command, { stdin: true });
    const writer = await bed().runtime.attach(id, { stdin: true });
    for (const stream of [writer.stdout, writer.stderr]) stream?.resume();
    for (let round = 0; round < 40; round += 1) {
      const session = await bed().runtime.attach(id, { stdin: false });
      let heard = '';
      session.stdout.on('data', (chunk) => (heard += String(chunk)));
      session.stderr?.resume();
      writer.stdin?.write(`line ${round}\n`);
      await until(() => heard === `line ${round}\n`, { what: `line ${round}`, timeoutMs: 2000 });
      session.kill();
      expect(await session.exited).toBe(0);
    }
  }, 20_000);

  it('gives the terminal of a container the size that was asked for', async () => {
    const command = [
      'sh',
      '-c',
      'until [ "$(stty size)" = "45 123" ]; do sleep 0.02; done; echo resized; read -r line',
    ];
    const id = await bed().started(await bed().sandbox(), command, { stdin: true, tty: true });
    const session = await bed().runtime.attach(id, { stdin: true });
    expect(session.stderr).toBeUndefined();
    let heard = '';
    session.stdout.on('data', (chunk) => (heard += String(chunk)));
    session.resize(123, 45);
    await until(() => heard.includes('resized'), { what: 'the size to change' });
    session.stdin?.write('end\n');
    expect(await session.exited).toBe(0);
  });
});

describe('dial', () => {
  it('loses nothing of what a server says first', async () => {
    const sandbox = await bed().sandbox();
    const [status] = await bed().runtime.listSandboxes();
    const port = await freePort();
    const greet = `require('node:net').createServer((c) => c.end('greeting')).listen(${port}, '127.0.0.1', () => console.log('up'))`;
    const args = [`--net=${status?.networkNamespace}`, process.execPath, '-e', greet];
    const server = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(server.stdout, 'data');
      for (let round = 0; round < 10; round += 1) {
        expect(await text(await bed().runtime.dial(sandbox, port))).toBe('greeting');
      }
    } finally {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
  });
});

describe('open files that are mounted', () => {
  const mountOf = (fd: number): { mounts: ContainerConfig['mounts'] } => ({
    mounts: [
      { hostPath: `/proc/${process.pid}/fd/${fd}`, containerPath: '/part', readOnly: false, propagation: 'private' },
    ],
  });

  it('are let go when the container cannot be made, or a crash left them; their files stay', async () => {
    const part = join(bed().directory, 'part');
    mkdirSync(part);
    writeFileSync(join(part, 'kept'), 'kept');
    const held = join(bed().dataDir, 'opened');
    const fd = openSync(part, 'r');
    try {
      const sandbox = await bed().sandbox();
      const wrong = bed().container(sandbox, ['true'], { ...mountOf(fd), user: 'nobody-of-that-name' });
      await expect(bed().runtime.createContainer(wrong)).rejects.toMatchObject({
        reason: 'CreateContainerConfigError',
      });
      expect(readdirSync(held)).toEqual([]);
      await new OpenedMounts(bed().dataDir).hold('of-a-crash', mountOf(fd).mounts);
      const config = bed().container(sandbox, ['sleep', '1000'], mountOf(fd));
      await bed().runtime.createContainer(config);
      await bed().runtime.tidy();
      expect(readdirSync(held)).toEqual([config.id]);
      await bed().runtime.removeContainer(config.id);
    } finally {
      closeSync(fd);
    }
    expect(readdirSync(held)).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(part);
    expect(readFileSync(join(part, 'kept'), 'utf8')).toBe('kept');
  });
});

describe('images', () => {
  it('are handed to containerd once, however many containers want one at a time', async () => {
    const sandbox = await bed().sandbox();
    const before = bed().exported.length;
    expect(before).toBeLessThanOrEqual(1);
    const configs = [1, 2, 3].map(() => bed().container(sandbox, ['true']));
    await Promise.all(configs.map((config) => bed().runtime.createContainer(config)));
    expect(bed().exported).toEqual([bed().image.imageId]);
    // In use: kept, though the image service has it no more.
    await bed().runtime.tidy();
    expect(bed().containerd.ctr('images', 'ls', '-q')).toContain(bed().image.reference);
    await bed().runtime.removeSandbox(sandbox);
    await bed().runtime.tidy();
    expect(bed().containerd.ctr('images', 'ls', '-q')).not.toContain(bed().image.reference);
  });

  it('whose layers were packed anew have another id in containerd, and go by their own here', async () => {
    const imageId = `sha256:${'0'.repeat(64)}`;
    const ended = await bed().run('exit 4', { image: { ...bed().image, imageId } });
    expect(ended).toMatchObject({ exitCode: 4, imageId, imageReference: bed().image.reference });
  });

  it('that cannot be handed over are refused with the reason, and nothing is left', async () => {
    const sandbox = await bed().sandbox();
    const image = { ...bed().image, imageId: bed().brokenId, reference: 'timonel.local/broken:1' };
    const refused = {
      reason: 'CreateContainerError',
      message: expect.stringContaining('cannot be handed to containerd'),
    };
    const config = bed().container(sandbox, ['true'], { image });
    await expect(bed().runtime.createContainer(config)).rejects.toMatchObject(refused);
    expect(readdirSync(join(bed().dataDir, 'scratch'))).toEqual([]);
    expect(await bed().runtime.listContainers()).toEqual([]);
  });
});

it('a sandbox with a user namespace is refused with the reason', async () => {
  const userNamespace = { firstUid: 100_000, firstGid: 100_000, length: 65_536 };
  const refused = { reason: 'FailedCreatePodSandBox', message: expect.stringContaining('user namespaces') };
  await expect(bed().sandbox({ userNamespace })).rejects.toMatchObject(refused);
});
