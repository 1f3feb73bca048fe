/** What others call on a node, with real containers: needs root, as the runtime and the bridge do. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeEndpoint, type NodeEndpoint, type PodReference } from '@timonel/sdk/contracts/node';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { pods, type Container, type EphemeralContainer, type Pod } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import imagesLocal from '@timonel/plugin-images-local';
import networkBridge from '@timonel/plugin-network-bridge';
import runtimeLinux from '@timonel/plugin-runtime-linux';
import { startBed, type Bed } from './bed.ts';

const image = 'timonel.local/node:host';
const root = process.getuid?.() === 0;

interface Source {
  on(event: 'data' | 'end', listener: (chunk: Buffer) => void): unknown;
}

function collect(stream: Source | undefined): { text: string; ended: boolean } {
  const all = { text: '', ended: false };
  stream?.on('data', (chunk) => (all.text += String(chunk)));
  stream?.on('end', () => (all.ended = true));
  return all;
}

const readyIn = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

(root ? describe : describe.skip)(`sessions on a node${root ? '' : ' (skipped: needs root)'}`, () => {
  let bed: Bed;
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-agent-sessions-'));
    bed = await startBed({
      runtime: runtimeLinux,
      handler: 'linux',
      agentConfig: { maxSessions: 8 },
      dataDir,
      network: networkBridge,
      images: { definition: imagesLocal, source: 'built-in' },
      config: { 'network-bridge': { podCidr: '10.251.79.0/24', masquerade: false } },
    });
  }, 60_000);
  afterAll(async () => {
    const { items } = (await bed?.api.list(pods, { namespace: 'default' })) ?? { items: [] };
    for (const { metadata } of items) await remove(metadata.name ?? '');
    const runtime = bed?.kernel.service(containerRuntime).all()[0]?.service;
    await until(async () => (await runtime?.listSandboxes())?.length === 0, {
      what: 'no sandboxes',
      timeoutMs: 20_000,
    });
    await bed?.kernel.stop();
    await rm(dataDir, { recursive: true, force: true });
  }, 60_000);

  const node = (): NodeEndpoint => {
    const [provider] = bed.kernel.service(nodeEndpoint).all();
    if (provider === undefined) throw new Error('no node');
    return provider.service;
  };
  const remove = (name: string) =>
    bed.api.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 1 }).catch(() => undefined);
  const reference = ({ metadata }: Pod): PodReference => ({
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
  });

  async function running(name: string, code: string, changes: Partial<Container> = {}): Promise<PodReference> {
    const app = { name: 'app', image, command: ['sh', '-c', code], ...changes };
    await bed.create(name, { restartPolicy: 'Never', containers: [app] });
    return reference(await bed.pod(name, 'ready', readyIn, 20_000));
  }

  async function output(
    pod: PodReference,
    command: readonly string[],
    container = 'app',
  ): Promise<[number, string, string]> {
    const session = await node().exec(pod, { container, command, tty: false, stdin: false });
    const [out, err] = [collect(session.stdout), collect(session.stderr)];
    const exitCode = await session.exited;
    return [exitCode, out.text, err.text];
  }

  it('runs a command as the container itself runs: user, environment, directory, terminal', async () => {
    const changes = {
      env: [{ name: 'WHO', value: 'ana' }],
      workingDir: '/tmp',
      securityContext: { runAsUser: 1234, runAsGroup: 2345 },
    };
    const pod = await running('as-itself', 'sleep 600', changes);
    const [exitCode, out, err] = await output(pod, [
      'sh',
      '-c',
      'echo $WHO $(id -u) $(id -g) $PWD; echo no >&2; exit 9',
    ]);
    expect([exitCode, out, err]).toEqual([9, 'ana 1234 2345 /tmp\n', 'no\n']);
    const size = 'const o=process.stdout;console.log(String([o.isTTY,o.columns,o.rows]))';
    const session = await node().exec(pod, {
      container: '',
      command: ['sh', '-c', `read x; node -e '${size}'`],
      tty: true,
      stdin: true,
    });
    const all = collect(session.stdout);
    session.resize(100, 30);
    session.stdin?.write('go\n');
    expect(await session.exited).toBe(0);
    await until(() => all.text.includes('true,100,30\r\n'), { what: 'the terminal' });
    expect((await output(pod, ['no-such-program']))[0]).toBe(127);
  }, 30_000);

  it('refuses what is not there or does not run', async () => {
    const pod = await running('short', 'read -r x', { stdin: true, stdinOnce: true });
    const exec = (of: PodReference, container: string, command = ['true']) =>
      node().exec(of, { container, command, tty: false, stdin: false });
    await expect(exec({ ...pod, uid: 'another' }, 'app')).rejects.toMatchObject({ reason: 'NotFound' });
    await expect(exec(pod, 'other')).rejects.toMatchObject({
      reason: 'BadRequest',
      message: 'container other is not valid for pod short',
    });
    await expect(exec(pod, 'app', [])).rejects.toMatchObject({ reason: 'BadRequest' });
    const session = await node().attach(pod, { container: 'app', stdin: true, tty: false });
    session.stdin?.end('end\n');
    expect(await session.exited).toBe(0);
    const message = 'container app is not running';
    await until(async () => (await bed.get('short')).status?.phase === 'Succeeded', { what: 'the end of the pod' });
    await expect(exec(pod, 'app')).rejects.toMatchObject({ reason: 'BadRequest', message });
    await expect(node().attach(pod, { container: '', stdin: false, tty: false })).rejects.toMatchObject({ message });
    const refusal = () =>
      node()
        .portForward(pod, 80)
        .catch((error: { reason?: string }) => error.reason);
    await until(async () => (await refusal()) === 'BadRequest', { what: 'the sandbox to be stopped' });
  }, 30_000);

  it('ends sessions with their container, and takes a bounded number of them', async () => {
    const pod = await running('bounded', 'trap "exit 0" TERM; while :; do sleep 0.1; done');
    const open = () => node().exec(pod, { container: 'app', command: ['sleep', '600'], tty: false, stdin: false });
    const sessions = await Promise.all(Array.from({ length: 8 }, open));
    await expect(open()).rejects.toMatchObject({ reason: 'TooManyRequests', code: 429 });
    sessions[0]?.kill();
    expect(await sessions[0]?.exited).not.toBe(0);
    sessions[0] = await until(() => open().catch(() => undefined), { what: 'one more to be let in' });
    await remove('bounded');
    for (const { exited } of sessions) expect(await exited).toBe(137);
  }, 30_000);

  it('connects to a port inside of the pod, and says which port nobody serves', async () => {
    const server =
      "const net=require('node:net');net.createServer({allowHalfOpen:true},(c)=>c.pipe(c)).listen(7000,'127.0.0.1');" +
      "net.createServer((c)=>c.end('six')).listen({port:7006,host:'::1'},()=>console.log('ready'))";
    const pod = await running('served', '', { command: ['node', '-e', server] });
    const connection = await until(
      () =>
        node()
          .portForward(pod, 7000)
          .catch(() => undefined),
      { what: 'the port' },
    );
    const all = collect(connection);
    connection.end('ahoy');
    await until(() => all.ended, { what: 'the echo' });
    expect(all.text).toBe('ahoy');
    await expect(node().portForward(pod, 7001)).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
      message: expect.stringMatching(/port 7001 .*refused/),
    });
    const six = collect(
      await until(
        () =>
          node()
            .portForward(pod, 7006)
            .catch(() => undefined),
        { what: 'port of ::1' },
      ),
    );
    await until(() => six.ended, { what: 'the end' });
    expect(six.text).toBe('six');
  }, 30_000);

  it('tells what the machine, its pods and their containers use', async () => {
    const code = 'const a=Buffer.alloc(64e6,1);while(process.cpuUsage().user<300e3);setInterval(()=>a,1e6)';
    const pod = await running('busy', '', { command: ['node', '-e', code] });
    const own = async () => {
      const usage = await node().usage();
      const found = usage.pods.find(({ uid }) => uid === pod.uid);
      const busy = (found?.containers[0]?.cpuUsageNanos ?? 0) > 200e6;
      return busy && found !== undefined ? { usage, found } : undefined;
    };
    const { usage, found } = await until(own, { what: 'the usage of the pod' });
    expect(found).toMatchObject({ ...pod, containers: [{ name: 'app' }] });
    expect(found.containers[0]?.memoryWorkingSetBytes).toBeGreaterThan(64e6);
    expect(usage.nodeName).toBe('node-1');
    expect(usage.cpuUsageNanos).toBeGreaterThan(found.containers[0]?.cpuUsageNanos ?? 0);
    expect(usage.memoryWorkingSetBytes).toBeGreaterThan(64e6);
    const later = await until(
      async () => {
        const next = await node().usage();
        return next.cpuUsageNanos > usage.cpuUsageNanos ? next : undefined;
      },
      { what: 'the time of the machine to go on' },
    );
    expect(later.time).toBeGreaterThanOrEqual(usage.time);
  }, 30_000);

  it('adds an ephemeral container that sees the processes of another, can be attached to, and is not started again', async () => {
    const pod = await running('looked-into', 'trap "exit 0" TERM; while :; do sleep 0.1; done');
    const debug: EphemeralContainer = {
      name: 'debugger',
      image,
      command: ['sh', '-c', 'read -r x; cat /proc/1/cmdline; exit 5'],
      stdin: true,
      targetContainerName: 'app',
    };
    const patch = { type: 'strategic', body: { spec: { ephemeralContainers: [debug] } } } as const;
    const name = { namespace: 'default', name: 'looked-into' };
    await bed.api.patch(pods, name, patch, { subresource: 'ephemeralcontainers' });
    const status = (each: Pod) => each.status?.ephemeralContainerStatuses?.[0];
    await bed.pod('looked-into', 'the debugger to run', (each) => status(each)?.state.running, 20_000);
    expect((await output(pod, ['cat', '/proc/1/cmdline'], 'debugger'))[1]).toContain('trap');
    const session = await node().attach(pod, { container: 'debugger', stdin: true, tty: false });
    const all = collect(session.stdout);
    session.stdin?.write('go\n');
    expect(await session.exited).toBe(0); // how the container ended is in its status
    expect(all.text).toContain('trap "exit 0" TERM');
    const ended = await bed.pod('looked-into', 'the debugger to be over', (each) => status(each)?.state.terminated);
    expect(status(ended)).toMatchObject({ restartCount: 0, state: { terminated: { exitCode: 5, reason: 'Error' } } });
    expect(ended.status?.phase).toBe('Running');
    expect(readyIn(ended)).toBe(true);
  }, 40_000);
});
