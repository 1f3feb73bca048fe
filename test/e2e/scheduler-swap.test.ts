import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterClient, type ClusterWatch } from '../support/cluster-client.ts';
import { TestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const podCount = 200;
const podIntervalMs = 20;
const swapCount = 10;
const swapIntervalMs = 300;
const podsPath = '/api/v1/namespaces/default/pods';
const schedulerPath = '/apis/kernel.timonel.dev/v1/services/scheduler';
const pluginsPath = '/apis/kernel.timonel.dev/v1/plugins';

/** What the watch has shown of one pod. */
interface Seen {
  readonly name: string;
  /** Every value of spec.nodeName in order of its appearance; '' while it has none. */
  readonly nodes: string[];
  phase: string;
  deleted: boolean;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

/** A plugin that writes down every binding that the host reports, with the scheduler that decided it. */
const witnessSource = (file: string): string => `
import { appendFileSync } from 'node:fs';
import { definePlugin } from '@timonel/sdk';
import { schedulerHooks } from '@timonel/sdk/contracts/scheduler';
export default definePlugin({
  name: 'binding-witness',
  version: '1.0.0',
  apiVersion: 1,
  setup(ctx) {
    ctx.tap(schedulerHooks.podBound, (bound, { scheduler }) => {
      appendFileSync(${JSON.stringify(file)}, JSON.stringify({ ...bound, scheduler }) + '\\n');
    });
  },
});
`;

/** A scheduler that binds to the first node; \`parts\` is put into what setup returns, \`before\` runs in setup. */
const candidateSource = (name: string, { before = '', parts = '' }: { before?: string; parts?: string }): string => `
import { definePlugin } from '@timonel/sdk';
import { scheduler } from '@timonel/sdk/contracts/scheduler';
import { schedulerOf, standardFilters } from '@timonel/sdk/scheduling';
export default definePlugin({
  name: '${name}',
  version: '1.0.0',
  apiVersion: 1,
  provides: { scheduler },
  async setup({ env: { timers } }) {
    ${before}
    return { provides: { scheduler: schedulerOf({ plugins: standardFilters(), timers }) }, ${parts} };
  },
});
`;

const failing = {
  setup: { before: "if (Date.now() > 0) throw new Error('no chart aboard');" },
  probe: { parts: "probe() { throw new Error('the compass spins'); }" },
  start: { parts: "start() { throw new Error('the anchor is stuck'); }" },
  hanging: { before: 'await new Promise(() => undefined);' },
} as const;

describe('the scheduler of a live cluster', () => {
  const directory = mkdtempSync(join(tmpdir(), 'timonel-schedulers-'));
  const bindingsFile = join(directory, 'bindings.ndjson');
  const seen = new Map<string, Seen>();
  let cluster: TestCluster;
  let client: ClusterClient;
  let watch: ClusterWatch;

  const write = (name: string, source: string): string => {
    const file = join(directory, `${name}.ts`);
    writeFileSync(file, source);
    return file;
  };
  const createPod = async (name: string): Promise<void> => {
    const spec = { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'example.com/any:1' }] };
    await client.ask('POST', podsPath, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
  };
  const running = (names: (name: string) => boolean): Seen[] =>
    [...seen.values()].filter((pod) => names(pod.name) && pod.phase === 'Running');
  const provider = async (): Promise<string> => {
    const { provider: name } = (await client.ask('GET', schedulerPath)) as { provider: string };
    return name;
  };
  /** Pods made now are scheduled: someone serves. */
  const schedules = async (prefix: string): Promise<void> => {
    for (const n of [1, 2, 3]) await createPod(`${prefix}-${n}`);
    await until(() => running((name) => name.startsWith(`${prefix}-`)).length === 3, {
      what: `three pods ${prefix}-… to run`,
      timeoutMs: 5000,
    });
  };

  beforeAll(async () => {
    cluster = await TestCluster.start({ args: ['--profile', 'fake-nodes'] });
    client = new ClusterClient(cluster.kubeconfig);
    const { metadata } = (await client.ask('GET', podsPath)) as { metadata: { resourceVersion: string } };
    watch = client.watch(`${podsPath}?watch=true&resourceVersion=${metadata.resourceVersion}`, ({ type, object }) => {
      const pod = object as {
        metadata: { uid: string; name: string };
        spec: { nodeName?: string };
        status?: { phase?: string };
      };
      const { uid, name } = pod.metadata;
      const known = seen.get(uid) ?? { name, nodes: [], phase: '', deleted: false };
      const node = pod.spec.nodeName ?? '';
      if (known.nodes.at(-1) !== node) known.nodes.push(node);
      known.phase = pod.status?.phase ?? '';
      known.deleted ||= type !== 'ADDED' && type !== 'MODIFIED';
      seen.set(uid, known);
    });
    await watch.opened;
  }, 60_000);

  afterAll(async () => {
    watch?.stop();
    client?.close();
    await cluster?.dispose();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  it('is swapped ten times under load: every pod is bound exactly once, none is lost', async () => {
    await client.ask('POST', pluginsPath, { file: write('binding-witness', witnessSource(bindingsFile)) });
    const began = performance.now();
    let lastPodAt = 0;
    let created = 0;
    const swappedAt: number[] = [];
    const create = async (): Promise<void> => {
      const work: Promise<void>[] = [];
      // On a busy machine the swaps take longer: pods come as long as they do.
      while (created < podCount || (swappedAt.length < swapCount && created < podCount * 3)) {
        await sleep(began + created * podIntervalMs - performance.now());
        work.push(createPod(`load-${created}`));
        created += 1;
        lastPodAt = performance.now();
      }
      await Promise.all(work);
    };
    const swapAll = async (): Promise<void> => {
      for (let n = 0; n < swapCount; n += 1) {
        await sleep(began + (n + 0.5) * swapIntervalMs - performance.now());
        const to = n % 2 === 0 ? 'binpack' : 'default';
        if (n % 5 === 0) {
          const { status, stdout, stderr } = await cluster.timonel('scheduler', 'use', to);
          expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
          expect(stdout).toMatch(new RegExp(`→ scheduler-${to}: paused for [\\d.]+ ms, \\d+ calls held back`));
        } else {
          await client.ask('PUT', schedulerPath, { provider: `scheduler-${to}` });
        }
        swappedAt.push(performance.now());
      }
    };
    await Promise.all([create(), swapAll()]);
    expect(swappedAt).toHaveLength(swapCount);
    // The last one may have been what ended the stream of pods.
    expect(swappedAt.filter((at) => at < lastPodAt).length).toBeGreaterThanOrEqual(swapCount - 1);
    expect(await provider()).toBe('scheduler-default');

    const isLoad = (name: string): boolean => name.startsWith('load-');
    await until(() => running(isLoad).length === created, {
      what: () => `${created} pods to run; ${running(isLoad).length} do`,
    });
    const pods = [...seen].filter(([, pod]) => isLoad(pod.name));
    expect(pods).toHaveLength(created);
    expect(pods.filter(([, pod]) => pod.deleted || pod.nodes.length !== 2 || pod.nodes[0] !== '')).toEqual([]);
    const { items } = (await client.ask('GET', podsPath)) as {
      items: { metadata: { uid: string }; spec: { nodeName: string } }[];
    };
    expect(Object.fromEntries(items.map((pod) => [pod.metadata.uid, pod.spec.nodeName]))).toEqual(
      Object.fromEntries(pods.map(([uid, pod]) => [uid, pod.nodes[1]])),
    );

    // The host's own account agrees, and both schedulers had a part in it. The witness writes in a thread of its own.
    const witnessed = (): string[] => readFileSync(bindingsFile, 'utf8').trim().split('\n');
    await until(() => witnessed().length >= created, { what: `${created} bindings to be written down` });
    const bindings = witnessed().map(
      (line) => JSON.parse(line) as { uid: string; nodeName: string; scheduler: string },
    );
    expect(bindings).toHaveLength(created);
    expect(new Map(bindings.map(({ uid, nodeName }) => [uid, nodeName]))).toEqual(
      new Map(pods.map(([uid, pod]) => [uid, pod.nodes[1]])),
    );
    expect([...new Set(bindings.map(({ scheduler }) => scheduler))].sort()).toEqual([
      'scheduler-binpack',
      'scheduler-default',
    ]);
    const scheduledEvents = async (): Promise<string[]> => {
      const events = (await client.ask('GET', '/api/v1/namespaces/default/events')) as {
        items: { reason: string; involvedObject: { uid: string } }[];
      };
      return events.items
        .filter(({ reason }) => reason === 'Scheduled')
        .map(({ involvedObject }) => involvedObject.uid);
    };
    await until(async () => (await scheduledEvents()).length >= created, { what: `${created} events "Scheduled"` });
    expect((await scheduledEvents()).sort()).toEqual(pods.map(([uid]) => uid).sort());
  }, 40_000);

  it('goes on when a candidate fails in setup, in probe or in start', async () => {
    for (const step of ['setup', 'probe', 'start'] as const) {
      const file = write(`scheduler-bad-${step}`, candidateSource(`scheduler-bad-${step}`, failing[step]));
      const { status, stdout, stderr } = await cluster.timonel('scheduler', 'use', file);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toContain(`service 'scheduler' was not swapped, 'scheduler-default' serves it on`);
      expect(await provider()).toBe('scheduler-default');
      await schedules(`after-${step}`);
    }
    const { stdout } = await cluster.timonel('scheduler', 'list');
    expect(stdout).toMatch(/^\* +scheduler-default .* running/m);
    expect(stdout).toMatch(/scheduler-bad-setup .*failed.*no chart aboard/);
    expect(stdout).toMatch(/scheduler-bad-probe .*failed.*the compass spins/);
    expect(stdout).toMatch(/scheduler-bad-start .*failed.*the anchor is stuck/);
  }, 40_000);

  it('goes on while a candidate hangs in setup, which is given up at the deadline', async () => {
    const file = write('scheduler-hanging', candidateSource('scheduler-hanging', failing.hanging));
    let over = false;
    const swap = client.send('PUT', schedulerPath, { provider: file }).finally(() => {
      over = true;
    });
    await until(() => cluster.timonel('plugin', 'info', 'scheduler-hanging').then(({ status }) => status === 0), {
      what: 'the candidate to be known',
    });
    await schedules('while-hanging');
    expect(over).toBe(false);
    const { status, body } = await swap;
    expect(status).toBe(409);
    expect((body as { message: string }).message).toMatch(/was not swapped.*'scheduler-hanging'.*did not (end|finish)/);
    expect(await provider()).toBe('scheduler-default');
    const info = (await client.ask('GET', `${pluginsPath}/scheduler-hanging`)) as { state: string; reason: string };
    expect(info).toMatchObject({ state: 'failed', reason: expect.stringContaining('ERR_PLUGIN_TIMEOUT') });
    await schedules('after-hanging');
  }, 40_000);

  it('may come from a file, and is in charge again after a restart', async () => {
    const file = write('scheduler-first-node', candidateSource('scheduler-first-node', {}));
    expect(await cluster.timonel('scheduler', 'use', file)).toMatchObject({ status: 0, stderr: '' });
    await schedules('by-file');
    watch.stop();
    client.close();
    expect(await cluster.signal('SIGINT')).toBe(0);
    await cluster.up();
    client = new ClusterClient(cluster.kubeconfig);
    expect(await provider()).toBe('scheduler-first-node');
    expect([...seen.values()].filter((pod) => pod.deleted || pod.nodes.length > 2)).toEqual([]);
  }, 40_000);
});
