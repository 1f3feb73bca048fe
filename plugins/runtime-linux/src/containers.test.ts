import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { readIdentity } from './records.ts';
import { Bed } from './testing/bed.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

describe('pods', () => {
  it('lets two containers of a sandbox meet on 127.0.0.1, and nobody else', async () => {
    const [one, other] = [await bed.sandbox(), await bed.sandbox()];
    const server =
      'require("net").createServer((c) => c.end("ahoy\\n")).listen(80, "127.0.0.1", () => console.log("listening"))';
    const client =
      'require("net").connect(80, "127.0.0.1").on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code))';
    const id = await bed.started(one, ['node', '-e', server], { user: '1234' });
    await bed.printed(id, 'listening');
    const ask = async (sandbox: string): Promise<string> =>
      (await bed.result(await bed.started(sandbox, ['node', '-e', client]))).stdout;
    expect(await ask(one)).toContain('ahoy');
    expect(await ask(other)).toContain('ECONNREFUSED');
  });

  it('shares net, ipc and uts in a sandbox, and pid only when asked', async () => {
    const kinds = ['net', 'ipc', 'uts', 'pid', 'mnt'];
    for (const shareProcessNamespace of [false, true]) {
      const sandbox = await bed.sandbox({ shareProcessNamespace });
      const namespaces = async (): Promise<string[]> => {
        const status = await bed.runtime.containerStatus(await bed.started(sandbox, ['sleep', '60']));
        return kinds.map((kind) => readlinkSync(`/proc/${status?.pid}/ns/${kind}`));
      };
      const [first, second] = [await namespaces(), await namespaces()];
      expect(first.map((each, index) => each === second[index])).toEqual([
        true,
        true,
        true,
        shareProcessNamespace,
        false,
      ]);
    }
  });

  it('shows the processes of the pod in a shared pid namespace, and ends what a container leaves behind', async () => {
    const sandbox = await bed.sandbox({ shareProcessNamespace: true });
    const neighbour = await bed.started(sandbox, ['sleep', '4711']);
    const { stdout } = await bed.run('sleep 4712 & ps ax', {}, sandbox);
    expect(stdout).toContain('sleep 4711');
    const { stdout: later } = await bed.run('ps ax', {}, sandbox);
    expect(later).toContain('sleep 4711');
    expect(later).not.toContain('sleep 4712');
    await bed.runtime.stopContainer(neighbour, 5000); // not pid 1 here: SIGTERM works without a handler
    expect(await bed.result(neighbour)).toMatchObject({ exitCode: 143, signal: 15 });
  });

  it('sets sysctls of the pod, and refuses unknown ones', async () => {
    const sandbox = await bed.sandbox({ sysctls: { 'net.core.somaxconn': '321' } });
    expect((await bed.run('cat /proc/sys/net/core/somaxconn', {}, sandbox)).stdout).toBe('321');
    await expect(bed.sandbox({ sysctls: { 'net.no.such': '1' } })).rejects.toMatchObject({
      reason: 'FailedCreatePodSandBox',
      message: expect.stringContaining('/proc/sys/net/no/such'),
    });
    expect(await bed.runtime.listSandboxes()).toHaveLength(1);
  });

  it('keeps the pid and ipc namespaces of the node when asked', async () => {
    const sandbox = await bed.sandbox({ hostPid: true, hostIpc: true });
    const { stdout } = await bed.run('readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc', {}, sandbox);
    expect(stdout.split('\n')).toEqual([readlinkSync('/proc/self/ns/pid'), readlinkSync('/proc/self/ns/ipc')]);
  });

  it('keeps the network of the node for hostNetwork', async () => {
    const sandbox = await bed.sandbox({ hostNetwork: true });
    const { stdout } = await bed.run('readlink /proc/self/ns/net', {}, sandbox);
    expect(stdout).toBe(readlinkSync('/proc/self/ns/net'));
    expect((await bed.runtime.listSandboxes())[0]?.networkNamespace).toBeUndefined();
  });
});

describe('mounts', () => {
  it('mounts directories and files, read-only and not, on paths the image lacks', async () => {
    const source = join(bed.dataDir, 'volume');
    mkdirSync(source);
    writeFileSync(join(source, 'hello'), 'from outside\n');
    const mount = (hostPath: string, containerPath: string, readOnly: boolean) => ({
      hostPath,
      containerPath,
      readOnly,
      propagation: 'private' as const,
    });
    const mounts = [
      mount(source, '/a/b/c', false),
      mount(source, '/ro', true),
      mount(join(source, 'hello'), '/etc/hello', true),
    ];
    const { stdout } = await bed.run(
      'cat /ro/hello /etc/hello; echo inside > /a/b/c/new; cat /ro/new; echo no > /ro/x || echo refused',
      { mounts },
    );
    expect(stdout.split('\n')).toEqual(['from outside', 'from outside', 'inside', 'refused']);
    expect(readFileSync(join(source, 'new'), 'utf8')).toBe('inside\n');
  });

  it('resolves links of the image inside of the container only', async () => {
    const { image } = bed.image;
    const evil = join(bed.dataDir, 'evil');
    mkdirSync(join(evil, 'etc'), { recursive: true });
    const target = join(bed.dataDir, 'target');
    mkdirSync(target);
    symlinkSync(`../../../../../../../..${target}`, join(evil, 'escape'));
    const mounts = [
      {
        hostPath: join(bed.dataDir, 'logs'),
        containerPath: '/escape/in',
        readOnly: false,
        propagation: 'private' as const,
      },
    ];
    const config = bed.container(await bed.sandbox(), ['true'], {
      mounts,
      image: { ...image, layers: [evil, ...image.layers] },
    });
    await expect(bed.runtime.createContainer(config)).rejects.toMatchObject({
      message: 'mkdir /escape/in: No such file or directory',
    });
    expect(readdirSync(target)).toEqual([]);
  });

  it('passes on later mounts of the node with rslave, and only then', async () => {
    const source = join(bed.dataDir, 'shared');
    mkdirSync(join(source, 'later'), { recursive: true });
    const mount = (...args: string[]): unknown => execFileSync('mount', args);
    mount('--bind', '--make-shared', source, source);
    try {
      const on = (propagation: 'private' | 'rslave', containerPath: string) => ({
        hostPath: source,
        containerPath,
        readOnly: true,
        propagation,
      });
      const mounts = [on('rslave', '/slave'), on('private', '/private')];
      const id = await bed.started(
        await bed.sandbox(),
        ['sh', '-c', 'while [ ! -e /slave/later/file ]; do sleep 0.02; done; ls /private/later; echo end'],
        { mounts },
      );
      mount('-t', 'tmpfs', 'later', join(source, 'later'));
      writeFileSync(join(source, 'later', 'file'), '');
      expect((await bed.result(id)).stdout).toBe('end');
    } finally {
      execFileSync('umount', ['-R', source]);
    }
  });

  it('names the path of a mount that is not there', async () => {
    const mounts = [
      { hostPath: '/no/such/path', containerPath: '/x', readOnly: true, propagation: 'private' as const },
    ];
    const create = bed.runtime.createContainer(bed.container(await bed.sandbox(), ['true'], { mounts }));
    await expect(create).rejects.toMatchObject({
      reason: 'CreateContainerError',
      message: expect.stringContaining('/no/such/path'),
    });
  });

  it('keeps the last 4096 bytes of the termination message at most', async () => {
    const path = { terminationMessagePath: '/dev/termination-log' };
    expect(await bed.run('echo -n "sunk at sea" > /dev/termination-log; exit 1', path)).toMatchObject({
      message: 'sunk at sea',
    });
    const huge = await bed.run(
      'dd if=/dev/zero of=/dev/termination-log bs=1 seek=3G count=0 2>/dev/null; echo -n end >> /dev/termination-log',
      path,
    );
    expect(huge.message).toMatch(/end$/);
    expect(huge.message.length).toBe(4096);
    const long = await bed.run('head -c 9000 /dev/zero | tr "\\0" x > /dev/termination-log', path);
    expect(long.message).toBe('x'.repeat(4096));
  });
});

describe('commands and logs', () => {
  it.each([
    ['no-such-command', 127, /no such command in \$PATH/],
    ['/bin/absent', 127, /No such file/],
    ['/etc/not-executable', 126, /Permission denied/],
    ['/etc', 126, /directory/],
  ])('says why %s cannot be executed', async (command, exitCode, message) => {
    const config = bed.container(await bed.sandbox(), [command]);
    await bed.runtime.createContainer(config);
    const refused = { reason: 'StartError', exitCode, message: expect.stringMatching(message) };
    await expect(bed.runtime.startContainer(config.id)).rejects.toMatchObject(refused);
    expect(await bed.runtime.containerStatus(config.id)).toMatchObject({ ...refused, state: 'exited', startedAt: 0 });
  });

  it('gives environment, arguments and working directory as they are', async () => {
    const config = bed.container(
      await bed.sandbox(),
      ['sh', '-c', 'pwd; printf "%s|" "$A" "$0" "$1"; echo $PATH'.replace('$PATH', '"$PATH"'), 'a b', 'Ünï "cödé"\n$x'],
      {
        env: [
          { name: 'A', value: 'two\nlines = yes' },
          { name: 'PATH', value: '/bin' },
        ],
        workingDir: '/made/for/me',
      },
    );
    await bed.runtime.createContainer(config);
    await bed.runtime.startContainer(config.id);
    expect((await bed.result(config.id)).stdout).toBe('/made/for/me\ntwo\nlines = yes|a b|Ünï "cödé"\n$x|/bin');
  });

  it('refuses a NUL character and paths with dots', async () => {
    const sandbox = await bed.sandbox();
    const wrong = [
      bed.container(sandbox, ['echo', 'a\0b']),
      bed.container(sandbox, ['true'], { terminationMessagePath: '/../x' }),
      bed.container(sandbox, ['true'], { name: '..' }),
      bed.container(sandbox, ['true'], {}, '../up'),
    ];
    for (const config of wrong) {
      await expect(bed.runtime.createContainer(config)).rejects.toMatchObject({ reason: 'CreateContainerConfigError' });
    }
    expect(await bed.runtime.listContainers()).toEqual([]);
  });

  it('cuts lines at 16 KiB into parts, and marks the end', async () => {
    const { logPath } = await bed.run('head -c 40000 /dev/zero | tr "\\0" x; echo; echo short; printf unfinished');
    const lines = readFileSync(logPath, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '));
    expect(lines.map(([, , tag, text]) => [tag, text?.length])).toEqual([
      ['P', 16384],
      ['P', 16384],
      ['F', 7232],
      ['F', 5],
      ['F', 10],
    ]);
    for (const [time] of lines) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  });

  it('loses no line of a fast writer', async () => {
    const script = 'for (let i = 0; i < 50000; i++) process.stdout.write(`line ${i}\\n`)';
    const { stdout } = await bed.result(await bed.started(await bed.sandbox(), ['node', '-e', script]));
    expect(stdout.split('\n')).toEqual(Array.from({ length: 50_000 }, (_, index) => `line ${index}`));
  });

  it('needs little memory for the monitor, also after much output', async () => {
    const id = await bed.started(await bed.sandbox(), [
      'sh',
      '-c',
      'head -c 300000 /dev/zero | tr "\\0" x; echo; echo done; sleep 60',
    ]);
    await bed.printed(id, 'done');
    const monitor = readIdentity(join(bed.runDir, 'containers', id), 'monitor');
    const rollup = readFileSync(`/proc/${monitor?.pid}/smaps_rollup`, 'utf8');
    expect(Number(/^Rss:\s+(\d+) kB$/m.exec(rollup)?.[1])).toBeLessThanOrEqual(1536);
  });

  it('ends a session with its command, though a process it left behind holds the output open', async () => {
    const id = await bed.started(await bed.sandbox(), ['sleep', '60']);
    const session = await bed.runtime.exec(id, {
      command: ['sh', '-c', 'sleep 30 & echo out; exit 9'],
      tty: false,
      stdin: false,
    });
    let output = '';
    session.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    expect(await session.exited).toBe(9);
    expect(output).toBe('out\n');
  });

  it('gives a terminal, in the container and in a session', async () => {
    const { stdout } = await bed.run('test -t 0 && test -t 1 && test -t 2 && echo all', { tty: true });
    expect(stdout.trim()).toBe('all');
    const id = await bed.started(await bed.sandbox(), ['sleep', '60']);
    const command = [
      'sh',
      '-c',
      'while [ "$(stty size)" != "33 111" ]; do sleep 0.01; done; read -r a; echo "got $a"; exit 4',
    ];
    const session = await bed.runtime.exec(id, { command, tty: true, stdin: true });
    let output = '';
    session.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    session.resize(111, 33);
    session.stdin?.write('hello\n');
    expect(await session.exited).toBe(4);
    await until(() => output.includes('got hello'), { what: 'the answer' });
  });
});
