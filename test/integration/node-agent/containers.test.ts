/** The node agent with real containers: needs root, as the runtime and the bridge do. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { nodeEndpoint } from '@timonel/sdk/contracts/node';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { pods, type Pod } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import imagesLocal from '@timonel/plugin-images-local';
import networkBridge from '@timonel/plugin-network-bridge';
import runtimeLinux from '@timonel/plugin-runtime-linux';
import { startBed, type Bed } from './bed.ts';

const image = 'timonel.local/node:host';
const ready = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
const first = (pod: Pod) => pod.status?.containerStatuses?.[0];
const root = process.getuid?.() === 0;

(root ? describe : describe.skip)(`node agent with containers${root ? '' : ' (skipped: needs root)'}`, () => {
  let bed: Bed;
  let dataDir: string;
  const agentConfig = { nodeName: 'node-1', runtime: 'linux', onShutdown: 'keep', relistIntervalMs: 500 };
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-agent-'));
    bed = await startBed({
      runtime: runtimeLinux,
      handler: 'linux',
      agentConfig,
      dataDir,
      network: networkBridge,
      images: { definition: imagesLocal, source: 'built-in' },
      config: { 'network-bridge': { podCidr: '10.251.77.0/24', masquerade: false } },
    });
  }, 60_000);
  afterAll(async () => {
    const { items } = (await bed?.api.list(pods, { namespace: 'default' })) ?? { items: [] };
    for (const { metadata } of items) {
      await bed.api.delete(pods, { namespace: 'default', name: metadata.name ?? '' }, { gracePeriodSeconds: 1 });
    }
    await until(async () => (await sandboxes()).length === 0, { what: 'no sandboxes', timeoutMs: 20_000 });
    await bed?.kernel.stop();
    await rm(dataDir, { recursive: true, force: true });
  }, 60_000);

  const runtime = () => {
    const [provider] = bed.kernel.service(containerRuntime).all();
    if (provider === undefined) throw new Error('no runtime');
    return provider.service;
  };
  const sandboxes = () => runtime().listSandboxes();
  async function logs(pod: Pod, container = ''): Promise<string> {
    const [node] = bed.kernel.service(nodeEndpoint).all();
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const none = { tailLines: undefined, limitBytes: undefined, sinceSeconds: undefined, sinceTime: undefined };
    const signal = new AbortController().signal;
    const options = { container, follow: false, previous: false, timestamps: false, signal, ...none };
    let text = '';
    for await (const chunk of node?.service.logs({ name, namespace, uid }, options) ?? []) {
      text += Buffer.from(chunk).toString();
    }
    return text;
  }
  const ended = (name: string) =>
    bed.pod(name, 'ended', ({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed', 20_000);
  const shell = (name: string, code: string, more: object = {}) => ({
    name,
    image,
    command: ['sh', '-c', code],
    ...more,
  });

  it('gives a container its own pid 1, hostname and files', async () => {
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const code =
      'readlink /proc/self >/dev/null; echo "$(hostname) $(cat /etc/hostname) $$$$"; echo x > /v/file; grep $(hostname) /etc/hosts';
    const volumes = [{ name: 'v', emptyDir: {} }];
    await bed.create('inside', {
      restartPolicy: 'Never',
      volumes,
      containers: [shell('app', code, { volumeMounts })],
    });
    const pod = await ended('inside');
    expect(await logs(pod)).toBe(`inside inside 1\n${pod.status?.podIP}\tinside\n`);
    expect(pod.status?.phase).toBe('Succeeded');
    expect(pod.status?.podIP).toMatch(/^10\.251\.77\./);
  }, 30_000);

  it('lets two containers of a pod meet on 127.0.0.1', async () => {
    const listen = "require('node:http').createServer((q,r)=>r.end('hi')).listen(8080,'127.0.0.1')";
    const ask =
      "const a=()=>fetch('http://127.0.0.1:8080').then(r=>r.text()).then(console.log,()=>setTimeout(a,50));a()";
    const containers = [
      { name: 'server', image, command: ['node', '-e', listen] },
      { name: 'client', image, command: ['node', '-e', ask] },
    ];
    await bed.create('pair', { restartPolicy: 'OnFailure', containers });
    const done = (pod: Pod) => pod.status?.containerStatuses?.[1]?.state.terminated?.reason === 'Completed';
    const pod = await bed.pod('pair', 'the client to be done', done, 20_000);
    expect(await logs(pod, 'client')).toBe('hi\n');
  }, 30_000);

  it('says OOMKilled, and what command is missing', async () => {
    const greedy = 'const all=[];for(;;)all.push(Buffer.alloc(1<<20,1))';
    const limits = { memory: '64Mi' };
    const containers = [{ name: 'app', image, command: ['node', '-e', greedy], resources: { limits } }];
    await bed.create('greedy', { restartPolicy: 'Never', containers });
    expect(first(await ended('greedy'))?.state.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
    await bed.create('nothing', {
      restartPolicy: 'Never',
      containers: [{ name: 'app', image, command: ['/no/such'] }],
    });
    const { exitCode, reason, message } = first(await ended('nothing'))?.state.terminated ?? {};
    expect([127, 128]).toContain(exitCode);
    expect(reason).toBe('StartError');
    expect(message).toContain('/no/such');
  }, 40_000);

  it('reads the termination message', async () => {
    const containers = [shell('app', 'echo -n because > /dev/termination-log; exit 3')];
    await bed.create('message', { restartPolicy: 'Never', containers });
    expect(first(await ended('message'))?.state.terminated).toMatchObject({ exitCode: 3, message: 'because' });
  }, 30_000);

  it('probes by exec in the container', async () => {
    const readinessProbe = { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds: 1 };
    const code = 'mkdir -p /tmp; sleep 1; touch /tmp/ready; while :; do sleep 0.1; done';
    await bed.create('probed', { containers: [shell('app', code, { readinessProbe })] });
    const early = await bed.pod('probed', 'running', (pod) => first(pod)?.state.running !== undefined);
    expect(ready(early)).toBe(false);
    await bed.pod('probed', 'ready', ready);
  }, 30_000);

  it('does not touch a healthy container when the agent is restarted', async () => {
    await bed.create('kept', { containers: [shell('app', 'while :; do sleep 0.1; done')] });
    const before = await bed.pod('kept', 'ready', ready, 20_000);
    const [status] = (await runtime().listContainers()).filter(({ id }) => first(before)?.containerID?.endsWith(id));
    await bed.kernel.control.disable('node-agent');
    await bed.kernel.control.enable('node-agent', agentConfig);
    await bed.api.patch(
      pods,
      { namespace: 'default', name: 'kept' },
      { type: 'merge', body: { metadata: { labels: { a: 'b' } } } },
    );
    const after = await bed.pod('kept', 'still ready', (pod) => pod.metadata.labels?.['a'] === 'b' && ready(pod));
    expect(first(after)).toEqual(first(before));
    expect(await runtime().containerStatus(status?.id ?? '')).toEqual(status);
  }, 30_000);

  it('removes everything at shutdown when told to', async () => {
    await bed.kernel.control.disable('node-agent');
    await bed.kernel.control.enable('node-agent', { ...agentConfig, onShutdown: 'remove', shutdownGraceMs: 0 });
    await bed.pod('kept', 'ready', ready);
    await bed.kernel.control.disable('node-agent');
    expect(await sandboxes()).toEqual([]);
    expect(await bed.kernel.service(podNetwork).list()).toEqual([]);
    await bed.kernel.control.enable('node-agent', agentConfig);
    const again = await bed.pod('kept', 'running again', (pod) => first(pod)?.restartCount === 1 && ready(pod), 20_000);
    expect(first(again)?.lastState.terminated).toMatchObject({ exitCode: 137, reason: 'ContainerStatusUnknown' });
  }, 60_000);
});
