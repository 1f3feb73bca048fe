/** `timonel why` and its route, on the real API server, with the real explainer over the objects of the API. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { explainers } from '@timonel/sdk/contracts/why';
import { informers } from '@timonel/sdk/controller';
import { nodes, pods } from '@timonel/sdk/kube';
import { defaultProfile, frameworkScheduler, listSnapshot, PodClasses, pluginRegistry } from '@timonel/sdk/scheduling';
import apiWhy from '@timonel/plugin-api-why';
import { until } from '@timonel/testkit';
import { main } from '../../cli/src/program.ts';
import { PodExplainer } from '../../plugins/scheduler-host/src/why/pod-explainer.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const classes = new PodClasses();

/** The explainer without a host: nothing is ever decided. */
const explainer: AnyPlugin = definePlugin({
  name: 'pod-explainer',
  version: '1.0.0',
  apiVersion: 1,
  provides: { explainers },
  requires: { api: apiClient },
  setup(ctx) {
    const all = informers(ctx, ctx.deps.api);
    const [knownPods, knownNodes] = [all.for(pods), all.for(nodes)];
    const service = frameworkScheduler({
      registry: pluginRegistry(),
      profiles: [defaultProfile()],
      timers: ctx.env.timers,
    });
    const podExplainer = (): PodExplainer =>
      new PodExplainer({
        clock: ctx.env.clock,
        snapshot: listSnapshot(knownNodes.list()),
        podNamed: async (namespace, name) => knownPods.get(`${namespace}/${name}`),
        nodeNamed: (name) => knownNodes.get(name),
        infoOf: (pod) => classes.infoOf(pod),
        waiting: () => undefined,
        decisionsOf: () => [],
        failureOf: () => undefined,
        waitsForVictims: () => false,
        assumedNode: () => undefined,
        inCharge: () => ({ name: 'test', service, profiles: new Set(['default-scheduler']) }),
        externalNamed: () => undefined,
        leads: () => true,
      });
    return {
      provides: {
        explainers: { kinds: () => podExplainer().kinds(), explain: (object) => podExplainer().explain(object) },
      },
      start: async () => {
        all.start();
        await all.synced();
      },
      stop: () => all.stop(),
    };
  },
});

let server: TestApiServer;
const path = '/apis/why.timonel.dev/v1';
const web = `${path}/namespaces/default/pods/web`;

beforeAll(async () => {
  server = await startApiServer({ plugins: [apiWhy, explainer] });
  const allocatable = { cpu: '1', memory: '1Gi', pods: '10' };
  const made = await server.api.create(nodes, { metadata: { name: 'n1' }, spec: {} });
  await server.api.updateStatus(nodes, { ...structuredClone(made), status: { allocatable } });
  const containers = [{ name: 'c', image: 'x:1', resources: { requests: { cpu: '4' } } }];
  await server.api.create(pods, { metadata: { name: 'web', namespace: 'default' }, spec: { containers } });
  await until(async () => (await server.send('GET', web)).body?.causes?.[0]?.code === 'oversized-cpu', {
    what: 'the explainer to know the pod and the node',
  });
});
afterAll(() => server.stop());

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const out = jest.spyOn(process.stdout, 'write').mockImplementation((text) => (written.out += String(text)) !== '');
  const err = jest.spyOn(process.stderr, 'write').mockImplementation((text) => (written.err += String(text)) !== '');
  try {
    const code = await main(['why', ...args, '--kubeconfig', server.kubeconfig]);
    return { code, ...written };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

describe('the route', () => {
  it('answers why a pod waits', async () => {
    const { status, body, text } = await server.send('GET', web);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: 'Why',
      apiVersion: 'why.timonel.dev/v1',
      metadata: { name: 'web', namespace: 'default', uid: expect.any(String) },
      state: 'Pending',
      summary: expect.stringContaining('0/1 nodes are available: 1 Insufficient cpu.'),
      causes: [{ plugin: 'NodeResourcesFit', nodes: { count: 1, names: ['n1'] }, alone: 1 }],
    });
    expect(text.length).toBeLessThan(16_384);
  });

  it('refuses what nobody knows, and strangers', async () => {
    expect((await server.send('GET', `${path}/namespaces/default/pods/other`)).body).toMatchObject({
      kind: 'Status',
      code: 404,
      message: 'pods "other" not found',
    });
    expect((await server.send('GET', `${path}/namespaces/default/secrets/a`)).body).toMatchObject({
      code: 400,
      message: 'nobody explains "secrets"; these can: pods',
    });
    expect((await server.send('GET', `${path}/nodes/n1`)).body).toMatchObject({ code: 400 });
    expect((await server.send('GET', web, { token: null })).status).toBe(401);
  });

  it('lists what can be explained', async () => {
    const { body } = await server.send('GET', path);
    expect(body).toMatchObject({ kind: 'APIResourceList', resources: [{ name: 'pods', verbs: ['get'] }] });
  });
});

describe('timonel why', () => {
  it('prints state, root cause and what would help', async () => {
    const { code, out } = await run('pod', 'web');
    expect(code).toBe(0);
    expect(out).toContain('Pod default/web is Pending: 0/1 nodes are available: 1 Insufficient cpu.');
    expect(out).toContain(
      'Root cause:\n1. Insufficient cpu (NodeResourcesFit)\n   1 node: n1; nothing else is in the way there',
    );
    expect(out).toContain('would help: ask for at most 1 cpu, or add a node with 4 cpu or more');
    expect((await run('pod/web')).out).toBe(out);
  });

  it('prints JSON', async () => {
    const { out } = await run('pod', 'web', '-o', 'json');
    expect(JSON.parse(out)).toMatchObject({ state: 'Pending', causes: [{ code: 'oversized-cpu' }] });
  });

  it('has exit codes for what cannot be answered', async () => {
    expect(await run('pod', 'other')).toMatchObject({ code: 1, err: 'error: pods "other" not found\n' });
    expect(await run('pod', 'web', '-n', 'elsewhere')).toMatchObject({ code: 1 });
    expect(await run('secret', 'a')).toMatchObject({ code: 1, err: expect.stringContaining('these can: pods') });
    expect(await run('pod')).toMatchObject({ code: 2, err: expect.stringContaining('timonel why pod web-0') });
  });
});
