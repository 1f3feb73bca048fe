/**
 * Every controller is switched off and on again on one live cluster: what is declared while it is off is carried out when it is back,
 * and nothing else changes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { ClusterClient } from '../support/cluster-client.ts';
import { liveCases, type LiveCase, type LiveCluster } from '../support/live-controllers.ts';
import { until } from '../support/until.ts';

const config = `plugins:
  controller-podgc: { config: { quarantineMs: 500 } }
  controller-horizontalpodautoscaler: { config: { syncPeriodMs: 1000 } }
`;

interface PluginView {
  readonly name: string;
  readonly state: string;
}

interface PodView {
  readonly metadata: { readonly uid: string };
}

describe('controllers on a live cluster', () => {
  let directory: string;
  let cluster: TestCluster;
  let client: ClusterClient;

  const plugins = async (): Promise<readonly PluginView[]> =>
    JSON.parse((await cluster.timonel('plugin', 'list', '-o', 'json')).stdout) as PluginView[];
  const turn = async (verb: 'disable' | 'enable', name: string, state: string): Promise<void> => {
    const result = await cluster.timonel('plugin', verb, name);
    expect(result).toMatchObject({ status: 0, stdout: `plugin ${name} is ${state}\n` });
  };
  const podsOf = async (namespace: string): Promise<string[]> => {
    const { items } = (await client.ask('GET', `/api/v1/namespaces/${namespace}/pods`)) as { items: PodView[] };
    return items.map(({ metadata }) => metadata.uid).toSorted((a, b) => (a < b ? -1 : 1));
  };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'timonel-live-'));
    const file = join(directory, 'timonel.yaml');
    writeFileSync(file, config);
    cluster = await TestCluster.start({ args: ['--profile', 'fake-nodes', '--config', file] });
    client = new ClusterClient(cluster.kubeconfig);
    // What runs all the time, and must not be touched by any of it.
    await client.ask('POST', '/apis/apps/v1/namespaces/default/deployments', bystander);
    await until(async () => (await podsOf('default')).length === 3, { what: 'the bystanders' });
  }, 120_000);
  afterAll(async () => {
    client?.close();
    await cluster.dispose();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  it('has a case for every controller that runs by default', async () => {
    const running = (await plugins()).filter(
      ({ name, state }) => name.startsWith('controller-') && state === 'running',
    );
    expect(new Set(running.map(({ name }) => name))).toEqual(new Set(liveCases.map(({ name }) => name)));
  });

  it.each(liveCases)('$name', runCase, 60_000);

  async function runCase({ name, before, change, isDone }: LiveCase): Promise<void> {
    const namespace = name.replace('controller-', 'live-');
    await client.ask('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    const live: LiveCluster = {
      namespace,
      ask: (method, path, body) => client.ask(method, path, body),
      update: async (path, change) => {
        await until(
          async () => {
            const object = await client.ask('GET', path);
            change(object);
            const { status, body } = await client.send('PUT', path, object);
            if (status !== 200 && status !== 409) throw new Error(`PUT ${path}: ${status} ${JSON.stringify(body)}`);
            return status === 200;
          },
          { what: `an update of ${path}`, abortOnThrow: true },
        );
      },
      until: (what, condition) => until(condition, { what, timeoutMs: 30_000 }),
    };
    const bystanders = await podsOf('default');
    await before?.(live);
    await turn('disable', name, 'disabled');
    await change(live);
    // The cluster works on: others see the change, and this controller does nothing about it.
    await client.ask('POST', `/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name: 'meanwhile' } });
    expect(await isDone(live)).toBe(false);
    await turn('enable', name, 'running');
    await until(() => isDone(live), { what: `${name} to carry out what was declared`, timeoutMs: 40_000 });
    expect(await podsOf('default')).toEqual(bystanders);
  }
});

const bystander = {
  metadata: { name: 'bystander' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'bystander' } },
    template: {
      metadata: { labels: { app: 'bystander' } },
      spec: {
        containers: [{ name: 'main', image: 'web:1' }],
        nodeSelector: { 'kubernetes.io/hostname': 'fake-000' },
      },
    },
  },
};
