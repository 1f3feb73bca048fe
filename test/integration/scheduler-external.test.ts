/** A scheduler outside of the cluster's processes, beside the one in charge: each pod is bound once, by whom it names. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { definePlugin } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { externalSchedulers, schedulerHooks } from '@timonel/sdk/contracts/scheduler';
import { nodes, pods, type Pod } from '@timonel/sdk/kube';
import schedulerDefault from '@timonel/plugin-scheduler-default';
import schedulerExternal from '@timonel/plugin-scheduler-external';
import schedulerHost from '@timonel/plugin-scheduler-host';
import { until } from '@timonel/testkit';
import { startApiServer, type HttpWatch, type TestApiServer } from '../support/api-server.ts';
import { RunningProgram } from '../support/running-program.ts';

const program = join(import.meta.dirname, '..', 'support', 'outside-scheduler.mjs');

interface Binding {
  readonly pod: string;
  readonly node: string;
  readonly status: number;
}

/** Names of the pods that the host bound. */
const boundByHost: string[] = [];
const witness = definePlugin({
  name: 'binding-witness',
  version: '1.0.0',
  apiVersion: 1,
  setup: (ctx) => ctx.tap(schedulerHooks.podBound, ({ name }) => void boundByHost.push(name)),
});

let server: TestApiServer;
let api: ApiClient;
let watch: HttpWatch;

async function makeNode(name: string, cpu: string): Promise<void> {
  await api.create(nodes, { metadata: { name }, spec: {} });
  const allocatable = { cpu, memory: '64Gi', pods: '200' };
  const made = structuredClone(await api.get(nodes, { name }));
  const conditions = [{ type: 'Ready', status: 'True' as const }];
  await api.updateStatus(nodes, { ...made, status: { capacity: allocatable, allocatable, conditions } });
}

async function makePods(prefix: string, count: number, spec: Partial<Pod['spec']>, cpu = '10m'): Promise<string[]> {
  const names = Array.from({ length: count }, (_, at) => `${prefix}-${at}`);
  const containers = [{ name: 'c', image: 'x:1', resources: { requests: { cpu } } }];
  await Promise.all(
    names.map((name) => api.create(pods, { metadata: { name, namespace: 'default' }, spec: { containers, ...spec } })),
  );
  return names;
}

const getPod = (name: string): Promise<Pod> => api.get(pods, { namespace: 'default', name });

/** The nodes that a pod was ever seen on. */
function nodesOf(name: string): string[] {
  const seen = watch.events.filter(({ object }) => object.metadata.name === name);
  return [...new Set(seen.map(({ object }) => (object.spec.nodeName as string | undefined) ?? ''))].filter(
    (node) => node !== '',
  );
}

async function allBound(names: readonly string[]): Promise<void> {
  await until(() => names.every((name) => nodesOf(name).length > 0), { what: `${names.length} pods to be bound` });
}

async function startOutside(schedulerName: string): Promise<{ bindings(): Binding[]; stop(): Promise<void> }> {
  const running = new RunningProgram(process.execPath, [program, server.kubeconfig, schedulerName]);
  const lines = (): string[] => running.output.split('\n').slice(0, -1);
  await until(() => lines()[0] === '{"watching":200}', { what: 'the scheduler outside' });
  return {
    bindings: () =>
      lines()
        .slice(1)
        .map((line) => JSON.parse(line) as Binding),
    async stop() {
      running.child.kill();
      await running.ended;
    },
  };
}

beforeAll(async () => {
  const schedulers = [{ name: 'outside', hint: 'started by hand' }];
  server = await startApiServer({
    plugins: [schedulerHost, schedulerDefault, schedulerExternal, witness],
    config: { 'scheduler-external': { schedulers } },
  });
  ({ api } = server);
  for (const name of ['a', 'b', 'c']) await makeNode(name, '16');
  watch = server.watch('/api/v1/namespaces/default/pods?watch=true');
});
afterAll(async () => {
  watch?.stop();
  await server?.stop();
});
beforeEach(() => void boundByHost.splice(0));

describe('a scheduler outside', () => {
  it('is named, with a hint for people', () => {
    const named = server.kernel.service(externalSchedulers).all();
    expect(named.map(({ service }) => service.list())).toEqual([[{ name: 'outside', hint: 'started by hand' }]]);
  });

  it('binds the pods that name it, while all others go on being bound here: each once', async () => {
    const outside = await startOutside('outside');
    const [theirs, ours] = await Promise.all([
      makePods('theirs', 30, { schedulerName: 'outside' }),
      makePods('ours', 30, {}),
    ]);
    await allBound([...theirs, ...ours]);
    await until(() => outside.bindings().length >= 30 && boundByHost.length >= 30, { what: 'all to be told' });
    await outside.stop();
    expect(boundByHost.toSorted()).toEqual(ours.toSorted());
    const bindings = outside.bindings();
    expect(bindings.map(({ pod }) => pod).toSorted()).toEqual(theirs.toSorted());
    for (const { pod, node, status } of bindings) {
      expect({ status, nodes: nodesOf(pod) }).toEqual({ status: 201, nodes: [node] });
    }
    for (const name of ours) expect(nodesOf(name)).toHaveLength(1);
  });

  it('that is not there is waited for: nobody else takes its pods', async () => {
    const [waiting = ''] = await makePods('waits', 1, { schedulerName: 'outside' });
    await allBound(await makePods('after', 5, {}));
    expect((await getPod(waiting)).spec.nodeName).toBeUndefined();
    expect(boundByHost).not.toContain(waiting);
    const outside = await startOutside('outside');
    await allBound([waiting]);
    await outside.stop();
    expect(boundByHost).not.toContain(waiting);
  });

  it('that claims the same pods as the one here gets those that it binds first: exactly one binds each', async () => {
    const rival = await startOutside('default-scheduler');
    // The one here finds no node for some of them; the rival does not look.
    const [easy, hopeless] = await Promise.all([makePods('easy', 40, {}), makePods('hopeless', 20, {}, '100')]);
    const names = [...easy, ...hopeless];
    await allBound(names);
    await until(() => rival.bindings().length >= names.length, { what: 'every answer to the rival' });
    const won = rival.bindings().filter(({ status }) => status === 201);
    await until(() => boundByHost.length >= names.length - won.length, { what: 'the bindings of the host' });
    await rival.stop();
    const others = rival.bindings().filter(({ status }) => status !== 201 && status !== 409);
    expect(others).toEqual([]);
    const wonNames = won.map(({ pod }) => pod);
    expect(wonNames).toEqual(expect.arrayContaining(hopeless));
    expect([...wonNames, ...boundByHost].toSorted()).toEqual(names.toSorted());
    for (const { pod, node } of won) expect((await getPod(pod)).spec.nodeName).toBe(node);
    for (const name of names) expect(nodesOf(name)).toHaveLength(1);
  });

  it('takes room: what it has bound counts on its node', async () => {
    await makeNode('small', '1');
    const target = { apiVersion: 'v1', kind: 'Node', name: 'small' };
    const [big = ''] = await makePods('big', 1, { schedulerName: 'outside' }, '1');
    const path = `/api/v1/namespaces/default/pods/${big}/binding`;
    const { status } = await server.send('POST', path, { body: { metadata: { name: big }, target } });
    expect(status).toBe(201);
    const here = { nodeSelector: { size: 'small' } };
    const small = structuredClone(await api.get(nodes, { name: 'small' }));
    await api.update(nodes, { ...small, metadata: { ...small.metadata, labels: { size: 'small' } } });
    const [second = ''] = await makePods('second', 1, here, '500m');
    const reason = await until(
      async () => (await getPod(second)).status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message,
      { what: 'a reason' },
    );
    expect(reason).toContain('1 Insufficient cpu');
    await api.delete(pods, { namespace: 'default', name: big }, { gracePeriodSeconds: 0 });
    await allBound([second]);
  });
});
