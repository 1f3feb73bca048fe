/** Roll-outs under load, with real containers and real kubectl: none of the requests to the service fails. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster, timonel } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { ServiceLoad } from '../support/service-load.ts';
import { until } from '../support/until.ts';

const replicas = 4;

/** A server that answers with its version. After SIGTERM it serves for a while, as those do that know of load balancers. */
const program = `
const server = require('node:http').createServer((request, response) => {
  response.setHeader('connection', 'close');
  response.end(process.env.VERSION);
});
if (process.env.VERSION !== 'bad') server.listen(8080, process.env.POD_IP);
else setInterval(() => undefined, 1000);
process.on('SIGTERM', () => setTimeout(() => server.close(() => process.exit(0)), 1500));
`;

const manifest = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'shop', annotations: { 'kubernetes.io/change-cause': 'the first version' } },
      spec: {
        replicas,
        progressDeadlineSeconds: 60,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        selector: { matchLabels: { app: 'shop' } },
        template: {
          metadata: { labels: { app: 'shop' } },
          spec: {
            terminationGracePeriodSeconds: 10,
            containers: [
              {
                name: 'server',
                image: 'timonel.local/node:host',
                command: ['node', '-e', program],
                env: [
                  { name: 'VERSION', value: 'v1' },
                  { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
                ],
                ports: [{ name: 'http', containerPort: 8080 }],
                readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'shop' },
      spec: { selector: { app: 'shop' }, ports: [{ port: 80, targetPort: 'http' }] },
    },
  ],
});

describe('roll-outs under constant load', () => {
  let before: readonly string[];
  let cluster: TestCluster;
  let load: ServiceLoad | undefined;

  const ok = (...args: string[]): Promise<string> => cluster.mustKubectl(args);
  /** Only this version answers, and the load has gone on with it for a while. */
  const served = async (version: string): Promise<void> => {
    const only = async (): Promise<boolean> => {
      load?.answers.clear();
      await until(() => (load?.answered ?? 0) >= 200, { what: '200 answers', timeoutMs: 20_000 });
      return [...(load?.answers.keys() ?? [])].every((answer) => answer === version);
    };
    // The last old pod may be ending.
    await until(only, { what: `${version} alone to answer`, timeoutMs: 20_000 });
  };
  const rolledOut = (): Promise<string> => ok('rollout', 'status', 'deployment/shop', '--timeout=60s');

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start();
    const file = join(cluster.dataDir, 'shop.json');
    writeFileSync(file, manifest);
    await ok('apply', '-f', file);
    await rolledOut();
    const address = (await ok('get', 'service', 'shop', '-o', 'jsonpath={.spec.clusterIP}')).trim();
    load = new ServiceLoad({ address, port: 80 });
    await served('v1');
  }, 360_000);
  afterAll(async () => {
    await load?.stop();
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('roll a new version out without a failed request', async () => {
    await ok('set', 'env', 'deployment/shop', 'VERSION=v2');
    await ok('annotate', 'deployment/shop', 'kubernetes.io/change-cause=the second version', '--overwrite');
    await rolledOut();
    await served('v2');
    expect(load?.failures).toEqual([]);
  }, 90_000);

  it('go back by `rollout undo` without a failed request, and the history tells', async () => {
    const history = await ok('rollout', 'history', 'deployment/shop');
    expect(history).toMatch(/1 +the first version\n2 +the second version/);
    await ok('rollout', 'undo', 'deployment/shop');
    await rolledOut();
    await served('v1');
    expect(load?.failures).toEqual([]);
    expect(await ok('rollout', 'history', 'deployment/shop')).toMatch(/2 +the second version\n3 +the first version/);
  }, 90_000);

  it('stop at the progress deadline when the version is bad; the old one serves on', async () => {
    await ok('patch', 'deployment', 'shop', '-p', '{"spec":{"progressDeadlineSeconds":4}}');
    await ok('set', 'env', 'deployment/shop', 'VERSION=bad');
    const status = await cluster.kubectl(['rollout', 'status', 'deployment/shop', '--timeout=60s']);
    expect(status.stderr).toContain('exceeded its progress deadline');
    expect(status.status).toBe(1);
    await served('v1');
    expect(load?.failures).toEqual([]);
    expect(await ok('get', 'deployment', 'shop')).toMatch(/shop +4\/4 +1 +4 /);
    const why = await timonel(['why', 'deployment', 'shop', '--kubeconfig', cluster.kubeconfig]);
    expect(why.stdout).toMatch(/progress/i);
    await ok('rollout', 'undo', 'deployment/shop');
    await rolledOut();
    expect(load?.failures).toEqual([]);
  }, 90_000);
});
