/** What a container sees of the world, through the whole stack: the pod's spec, the agent, the runtime, the kernel. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster, type RunResult } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

interface ContainerView {
  readonly name: string;
  readonly state: {
    readonly waiting?: { readonly reason: string; readonly message?: string };
    readonly terminated?: { readonly exitCode: number; readonly reason: string; readonly message?: string };
  };
  readonly lastState: { readonly terminated?: { readonly exitCode: number; readonly reason: string } };
  readonly restartCount: number;
}

interface PodView {
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly ContainerView[];
  };
}

const image = 'timonel.local/node:host';

/** Runs in a container and prints what it sees, as one line of JSON. */
const look = `
const fs = require('fs');
const read = (path) => { try { return fs.readFileSync(path, 'utf8'); } catch (error) { return error.code; } };
const list = (path) => { try { return fs.readdirSync(path); } catch (error) { return [error.code]; } };
const status = read('/proc/self/status');
console.log(JSON.stringify({
  pid: process.pid,
  processes: list('/proc').filter((name) => /^\\\\d+$/.test(name)),
  hostname: require('os').hostname(),
  mounts: read('/proc/self/mounts').split('\\\\n').filter(Boolean).length,
  marker: read(process.env.MARKER),
  capabilities: /CapEff:\\\\s*(\\\\w+)/.exec(status)[1],
  noNewPrivileges: /NoNewPrivs:\\\\s*(\\\\d)/.exec(status)[1],
  interfaces: Object.keys(require('os').networkInterfaces()),
  kcore: (() => { try { return fs.readFileSync('/proc/kcore').length; } catch (error) { return error.code; } })(),
  sysrq: (() => { try { fs.writeFileSync('/proc/sysrq-trigger', 'h'); return 'written'; } catch (error) { return error.code; } })(),
}));
`.replaceAll('\\\\', '\\');

describe('isolation', () => {
  let before: readonly string[];
  let cluster: TestCluster;

  const kubectl = (args: readonly string[], input = ''): Promise<RunResult> => cluster.kubectl(args, { input });
  const apply = async (name: string, spec: object): Promise<void> => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { terminationGracePeriodSeconds: 1, ...spec },
    };
    const result = await kubectl(['apply', '-f', '-'], JSON.stringify(pod));
    if (result.status !== 0) throw new Error(result.stderr);
  };
  const view = async (name: string): Promise<PodView> =>
    JSON.parse((await kubectl(['get', 'pod', name, '-o', 'json'])).stdout) as PodView;
  const container = async (name: string, which = 'c'): Promise<ContainerView | undefined> =>
    (await view(name)).status.containerStatuses?.find((status) => status.name === which);
  const logs = async (name: string, which = 'c'): Promise<string> =>
    (await kubectl(['logs', name, '-c', which])).stdout;

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start();
  }, 360_000);
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('gives a container its own processes, mounts, host name and network, and nothing of the host', async () => {
    await apply('look', {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'c',
          image,
          command: ['node', '-e', look],
          env: [{ name: 'MARKER', value: `${cluster.dataDir}/kubeconfig` }],
        },
      ],
    });
    await until(async () => (await view('look')).status.phase === 'Succeeded', { what: 'the end of the pod' });
    const seen = JSON.parse(await logs('look')) as Record<string, unknown>;
    expect(seen).toMatchObject({
      pid: 1,
      processes: ['1'],
      hostname: 'look',
      marker: 'ENOENT',
      // The default set of container runtimes: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
      // net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
      capabilities: '00000000a80425fb',
      noNewPrivileges: '1',
      interfaces: expect.arrayContaining(['eth0']),
      sysrq: expect.stringMatching(/EROFS|EACCES|EPERM|ENOENT/),
    });
    expect(seen['mounts']).toBeGreaterThan(5);
    // Absent on kernels without it, empty or refused elsewhere: never the memory of the machine.
    expect([0, 'ENOENT', 'EACCES', 'EPERM']).toContain(seen['kcore']);
  }, 40_000);

  it('lets two containers of a pod meet on 127.0.0.1 under one address', async () => {
    const server = `require('http').createServer((q, a) => a.end(q.socket.localAddress)).listen(8080, '127.0.0.1', () => console.log('up'))`;
    const client = `
      const http = require('http'), os = require('os');
      const ask = () => http.get('http://127.0.0.1:8080', (answer) => { answer.on('data', (text) => console.log('answer', String(text), os.networkInterfaces().eth0[0].address, os.hostname())); }).on('error', () => setTimeout(ask, 50));
      ask(); setInterval(() => {}, 1000);`;
    await apply('pair', {
      containers: [
        { name: 'server', image, command: ['node', '-e', server] },
        { name: 'client', image, command: ['node', '-e', client] },
      ],
    });
    const line = await until(async () => /^answer .*$/m.exec(await logs('pair', 'client'))?.[0], {
      what: 'the answer of the other container',
    });
    const address = (await view('pair')).status.podIP;
    expect(line).toBe(`answer 127.0.0.1 ${address} pair`);
  }, 40_000);

  it('ends a container that takes more memory than its limit: OOMKilled', async () => {
    const hungry = `const kept = []; setInterval(() => kept.push(Buffer.alloc(16 << 20, 1)), 5);`;
    await apply('hungry', {
      restartPolicy: 'Never',
      containers: [{ name: 'c', image, command: ['node', '-e', hungry], resources: { limits: { memory: '96Mi' } } }],
    });
    const ended = await until(async () => (await container('hungry'))?.state.terminated, {
      what: 'the end of the container',
    });
    expect(ended).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
    expect((await view('hungry')).status.phase).toBe('Failed');
  }, 40_000);

  it('says what is wrong with a command that is not there: 127 or 128', async () => {
    await apply('nocommand', {
      restartPolicy: 'Never',
      containers: [{ name: 'c', image, command: ['/no/such/program'] }],
    });
    const ended = await until(async () => (await container('nocommand'))?.state.terminated, {
      what: 'the end of the container',
    });
    expect([127, 128]).toContain(ended.exitCode);
    expect(ended.reason).toMatch(/StartError|ContainerCannotRun/);
    expect(ended.message).toContain('/no/such/program');
  }, 40_000);

  it('waits with a reason for an image that is not there', async () => {
    await apply('noimage', { containers: [{ name: 'c', image: 'example.com/absent:1' }] });
    const waiting = await until(
      async () =>
        (await container('noimage'))?.state.waiting?.reason?.match(/Image/) &&
        (await container('noimage'))?.state.waiting,
      { what: 'a waiting reason' },
    );
    expect(waiting.reason).toMatch(/^(ErrImagePull|ImagePullBackOff)$/);
    expect(waiting.message).toContain('example.com/absent:1');
    expect((await view('noimage')).status.phase).toBe('Pending');
  }, 40_000);

  it('restarts what crashes, with a growing back-off, and says so', async () => {
    await apply('crash', { containers: [{ name: 'c', image, command: ['node', '-e', 'process.exit(3)'] }] });
    const crashed = await until(
      async () => {
        const status = await container('crash');
        return (status?.restartCount ?? 0) >= 1 && status?.state.waiting?.reason === 'CrashLoopBackOff'
          ? status
          : undefined;
      },
      { what: 'CrashLoopBackOff', timeoutMs: 40_000 },
    );
    expect(crashed.lastState.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
  }, 60_000);
});
