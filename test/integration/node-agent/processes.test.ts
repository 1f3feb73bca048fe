import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeEndpoint, type LogOptions } from '@timonel/sdk/contracts/node';
import { configMaps, pods, secrets, type Pod } from '@timonel/sdk/kube';
import runtimeProcess from '@timonel/plugin-runtime-process';
import { until } from '@timonel/testkit';
import { startBed, type Bed } from './bed.ts';

const image = 'timonel.local/node:host';
const server = `
const server = require('node:http').createServer((request, response) => {
  console.log(request.method + ' ' + request.url);
  response.statusCode = request.url === '/fail' ? 500 : 200;
  response.end(process.env.POD_NAME);
});
server.listen(8080, process.env.POD_IP, () => console.log('listening'));
process.on('SIGTERM', () => process.exit(0));
`;
const podEnv = [
  { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
];
const ready = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
const first = (pod: Pod) => pod.status?.containerStatuses?.[0];

describe('node agent with plain processes', () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await startBed({ runtime: runtimeProcess, handler: 'process' });
  }, 30_000);
  afterAll(() => bed?.kernel.stop());

  async function logs(pod: Pod, changes: Partial<LogOptions> = {}): Promise<string> {
    const [node] = bed.kernel.service(nodeEndpoint).all();
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const options: LogOptions = {
      container: '',
      follow: false,
      previous: false,
      tailLines: undefined,
      limitBytes: undefined,
      sinceSeconds: undefined,
      sinceTime: undefined,
      timestamps: false,
      signal: new AbortController().signal,
      ...changes,
    };
    let text = '';
    for await (const chunk of node?.service.logs({ name, namespace, uid }, options) ?? [])
      text += Buffer.from(chunk).toString();
    return text;
  }

  const script = (name: string, code: string, changes: Partial<Pod['spec']> = {}) =>
    bed.create(name, {
      restartPolicy: 'Never',
      containers: [{ name: 'app', image, command: ['sh', '-c', code] }],
      ...changes,
    });
  const ended = (name: string) =>
    bed.pod(name, 'ended', ({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed');

  it('serves HTTP on the address of the pod, and gives its log', async () => {
    await bed.create('web', { containers: [{ name: 'app', image, command: ['node', '-e', server], env: podEnv }] });
    const pod = await bed.pod('web', 'ready', ready);
    const url = `http://${pod.status?.podIP}:8080/hello`;
    const answer = await until(async () => (await fetch(url)).text(), { what: 'an answer' });
    expect(answer).toBe('web');
    await until(async () => (await logs(pod)) === 'listening\nGET /hello\n', { what: 'the log' });
    await bed.api.delete(pods, { namespace: 'default', name: 'web' });
    await bed.gone('web');
    await expect(fetch(url)).rejects.toThrow();
  });

  it('serves sessions, connections and figures', async () => {
    const listen = `process.stdin.on('data', (d) => console.log('got ' + d)); require('node:net').createServer((c) => c.end('hi')).listen(0, '127.0.0.1', function () { console.log('port ' + this.address().port) })`;
    const app = { name: 'app', image, command: ['node', '-e', listen], stdin: true };
    await bed.create('sessions', { containers: [app] });
    const pod = await bed.pod('sessions', 'ready', ready);
    const [node] = bed.kernel.service(nodeEndpoint).all();
    if (node === undefined) throw new Error('no node');
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const reference = { name, namespace, uid };
    const port = await until(async () => /port (\d+)/.exec(await logs(pod))?.[1], { what: 'the port' });
    const text = async (stream: AsyncIterable<string | Buffer>): Promise<string> => {
      let all = '';
      for await (const chunk of stream) all += String(chunk);
      return all;
    };
    expect(await text(await node.service.portForward(reference, Number(port)))).toBe('hi');
    const exec = await node.service.exec(reference, {
      container: 'app',
      command: ['sh', '-c', 'cat; exit 4'],
      tty: false,
      stdin: true,
    });
    exec.stdin?.end('through');
    expect(await text(exec.stdout)).toBe('through');
    expect(await exec.exited).toBe(4);
    const attached = await node.service.attach(reference, { container: 'app', stdin: true, tty: false });
    attached.stdin?.write('word');
    await until(async () => (await logs(pod)).includes('got word'), { what: 'the word to arrive' });
    attached.kill();
    expect((await node.service.usage()).pods).toMatchObject([{ ...reference, containers: [{ name: 'app' }] }]);
    await bed.api.delete(pods, { namespace: 'default', name: 'sessions' });
    await bed.gone('sessions');
    await expect(node.service.attach(reference, { container: 'app', stdin: true, tty: false })).rejects.toMatchObject({
      reason: 'NotFound',
    });
  });

  it('gives a part of the log: tail, limit, stamps, previous, follow to the end', async () => {
    await script('talks', 'for i in 1 2 3 4 5; do echo line $i; done; sleep 0.5; echo end', {});
    const pod = await bed.pod('talks', 'running', ({ status }) => status?.phase === 'Running');
    expect(await logs(pod, { follow: true })).toBe('line 1\nline 2\nline 3\nline 4\nline 5\nend\n');
    expect(await logs(pod, { tailLines: 2 })).toBe('line 5\nend\n');
    expect(await logs(pod, { tailLines: 0 })).toBe('');
    expect(await logs(pod, { limitBytes: 10 })).toBe('line 1\nlin');
    expect(await logs(pod, { timestamps: true, tailLines: 1 })).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z end\n$/);
    expect(await logs(pod, { sinceTime: '2999-01-01T00:00:00Z' })).toBe('');
    await expect(logs(pod, { previous: true })).rejects.toMatchObject({ name: 'ApiError', reason: 'BadRequest' });
    await expect(logs(pod, { container: 'other' })).rejects.toMatchObject({ reason: 'BadRequest' });
  });

  it('restarts a killed process and keeps the log of the one before', async () => {
    // $$$$ is $$ after the references are resolved.
    const code = 'echo pid $$$$; sleep 1000';
    await script('killed', code, { restartPolicy: 'Always' });
    const before = await bed.pod('killed', 'ready', ready);
    const pid = Number(/pid (\d+)/.exec(await until(() => logs(before), { what: 'the pid' }))?.[1]);
    process.kill(pid, 'SIGKILL');
    const after = await bed.pod('killed', 'restarted', (pod) => first(pod)?.restartCount === 1 && ready(pod));
    expect(first(after)?.lastState.terminated).toMatchObject({ exitCode: 137, signal: 9, reason: 'Error' });
    expect(await logs(after, { previous: true })).toBe(`pid ${pid}\n`);
  });

  it('gives environment from ConfigMap, Secret, fields and resources', async () => {
    await bed.api.create(configMaps, { metadata: { name: 'c', namespace: 'default' }, data: { a: '1', b: '2' } });
    const data = { s: Buffer.from('secret').toString('base64') };
    await bed.api.create(secrets, { metadata: { name: 's', namespace: 'default' }, data });
    const env = [
      ...podEnv,
      { name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'a' } } },
      { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 's' } } },
      { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
      { name: 'ALL', value: '$(A)-$(POD_NAME)-$$(A)-$(NONE)' },
    ];
    const container = {
      name: 'app',
      image,
      command: ['sh', '-c', 'echo "$1 $S $P_b $LIMIT $ALL $FROM_IMAGE"', 'sh', '$(A)'],
      env,
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }],
      resources: { limits: { memory: '64Mi' } },
    };
    await bed.create('env', { restartPolicy: 'Never', containers: [container] });
    expect(await logs(await ended('env'))).toBe('1 secret 2 64 1-env-$(A)-$(NONE) yes\n');
  });

  it('gives volumes: emptyDir shared by two containers, ConfigMap, Secret, hostPath', async () => {
    const volumes = [
      { name: 'shared', emptyDir: {} },
      { name: 'config', configMap: { name: 'c', items: [{ key: 'a', path: 'dir/a.txt', mode: 0o600 }] } },
      { name: 'host', hostPath: { path: '/etc', type: 'Directory' } },
    ];
    const volumeMounts = [
      { name: 'shared', mountPath: '/shared' },
      { name: 'config', mountPath: '/config' },
      { name: 'host', mountPath: '/host', readOnly: true },
    ];
    await bed.create('volumes', {
      restartPolicy: 'Never',
      volumes,
      initContainers: [{ name: 'write', image, command: ['cp', '/config/dir/a.txt', '/shared/x'], volumeMounts }],
      containers: [{ name: 'app', image, command: ['cat', '/shared/x', '/host/hostname'], volumeMounts }],
    });
    const pod = await ended('volumes');
    expect(pod.status?.phase).toBe('Succeeded');
    expect(await logs(pod)).toMatch(/^1/);
  });

  it.each([
    ['a volume kind it does not know', { name: 'v', nfs: { server: 'x', path: '/' } }, 'nfs is not supported'],
    [
      'a hostPath that is not there',
      { name: 'v', hostPath: { path: '/no/such', type: 'Directory' } },
      'is not a directory, and nothing is there',
    ],
    ['an absent ConfigMap', { name: 'v', configMap: { name: 'absent' } }, 'configmap "absent" not found'],
  ])('says why it cannot mount %s', async (_what, volume, message) => {
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const containers = [{ name: 'app', image, command: ['true'], volumeMounts }];
    await bed.create('unmountable', { volumes: [volume], containers });
    const isWaiting = (pod: Pod) => first(pod)?.state.waiting?.message !== undefined;
    const pod = await bed.pod('unmountable', 'waiting', isWaiting);
    expect(first(pod)?.state.waiting?.reason).toBe('ContainerCreating');
    expect(first(pod)?.state.waiting?.message).toContain(message);
    await bed.api.delete(pods, { namespace: 'default', name: 'unmountable' });
    await bed.gone('unmountable');
  });

  it('gives a process its grace period, and less when a second deletion says so', async () => {
    await script('slow', 'trap "" TERM; echo ready; while :; do sleep 0.05; done', {
      terminationGracePeriodSeconds: 600,
    });
    const pod = await bed.pod('slow', 'running', ready);
    await until(async () => (await logs(pod)) === 'ready\n', { what: 'the trap' });
    await bed.api.delete(pods, { namespace: 'default', name: 'slow' });
    await bed.pod('slow', 'still running', ({ metadata }) => metadata.deletionTimestamp !== undefined);
    await bed.api.delete(pods, { namespace: 'default', name: 'slow' }, { gracePeriodSeconds: 1 });
    await bed.gone('slow');
  });

  it('shows the end of the log as termination message when asked to', async () => {
    const command = ['sh', '-c', 'echo the last words; exit 2'];
    const containers = [{ name: 'app', image, command, terminationMessagePolicy: 'FallbackToLogsOnError' }];
    await bed.create('words', { restartPolicy: 'Never', containers });
    const pod = await ended('words');
    expect(first(pod)?.state.terminated).toMatchObject({ exitCode: 2, message: 'the last words\n' });
  });

  it('asks the readiness probe, and restarts what its liveness probe gives up', async () => {
    const probe = (path: string) => ({ httpGet: { path, port: 8080 }, periodSeconds: 1, failureThreshold: 1 });
    const app = { name: 'app', image, command: ['node', '-e', server], env: podEnv };
    await bed.create('sick', { containers: [{ ...app, readinessProbe: probe('/fail') }] });
    await bed.create('well', { containers: [{ ...app, readinessProbe: probe('/') }] });
    await bed.pod('well', 'ready', ready);
    const sick = await bed.pod('sick', 'running', (pod) => first(pod)?.state.running !== undefined);
    expect(first(sick)).toMatchObject({ ready: false, started: true });
    const livenessProbe = { ...probe('/fail'), initialDelaySeconds: 1 };
    await bed.create('dies', { containers: [{ ...app, livenessProbe }] });
    const dies = await bed.pod('dies', 'restarted', (pod) => (first(pod)?.restartCount ?? 0) > 0);
    expect(first(dies)?.lastState.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  it('runs exec and TCP probes', async () => {
    const app = { name: 'app', image, command: ['node', '-e', server], env: podEnv };
    const exec = { exec: { command: ['sh', '-c', 'test "$POD_NAME" = execs'] }, periodSeconds: 1 };
    const tcp = { tcpSocket: { port: 'http' }, periodSeconds: 1 };
    await bed.create('execs', { containers: [{ ...app, readinessProbe: exec, startupProbe: { ...exec } }] });
    await bed.create('connects', {
      containers: [{ ...app, ports: [{ name: 'http', containerPort: 8080 }], readinessProbe: tcp }],
    });
    await bed.pod('execs', 'ready', ready);
    await bed.pod('connects', 'ready', ready);
  });

  it('runs postStart and preStop, and restarts a container whose postStart fails', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'timonel-hooks-'));
    const write = (name: string) => ({ exec: { command: ['sh', '-c', `echo ${name} >> ${directory}/log`] } });
    const lifecycle = { postStart: write('begin'), preStop: write('end') };
    const app = { name: 'app', image, command: ['node', '-e', server], env: podEnv };
    await bed.create('hooks', { containers: [{ ...app, lifecycle }] });
    await bed.pod('hooks', 'ready', ready);
    const log = () => readFile(join(directory, 'log'), 'utf8');
    await until(async () => (await log()) === 'begin\n', { what: 'postStart' });
    await bed.api.delete(pods, { namespace: 'default', name: 'hooks' });
    await bed.gone('hooks');
    expect(await log()).toBe('begin\nend\n');
    await rm(directory, { recursive: true });
    await bed.create('unhooked', {
      containers: [{ ...app, lifecycle: { postStart: { exec: { command: ['false'] } } } }],
    });
    await bed.pod('unhooked', 'restarted', (pod) => (first(pod)?.restartCount ?? 0) > 0);
  });
});
