/** An Ingress with real containers and real kubectl: enabled while the cluster runs, rolled out under load, and gone without a trace. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@timonel/testkit/free-port';
import { outputOf, TestCluster, timonel } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

/** Answers with its version. After SIGTERM it serves for a while, as those do that know of load balancers. */
const program = `
const server = require('node:http').createServer((request, response) => response.end(process.env.VERSION));
server.listen(8080, process.env.POD_IP);
process.on('SIGTERM', () => setTimeout(() => server.close(() => process.exit(0)), 1000));
`;

function manifest(version: string): string {
  const container = {
    name: 'server',
    image: 'timonel.local/node:host',
    command: ['node', '-e', program],
    env: [
      { name: 'VERSION', value: version },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
  };
  const backend = { service: { name: 'shop', port: { name: 'http' } } };
  const items = [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'shop' },
      spec: {
        replicas: 3,
        strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        selector: { matchLabels: { app: 'shop' } },
        template: {
          metadata: { labels: { app: 'shop' } },
          spec: { terminationGracePeriodSeconds: 10, containers: [container] },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'shop' },
      spec: { selector: { app: 'shop' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'shop' },
      spec: { rules: [{ host: 'shop.test', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] },
    },
  ];
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

describe('an Ingress', () => {
  let before: readonly string[];
  let directory: string;
  let cluster: TestCluster;
  let port: number;
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });

  const ok = (args: readonly string[], input = ''): Promise<string> => cluster.mustKubectl(args, input);
  const command = async (...args: string[]): Promise<string> =>
    outputOf(await timonel([...args, '--kubeconfig', cluster.kubeconfig]), `timonel ${args.join(' ')}`);
  /** The body, or the status where it is not 200. */
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, headers: { host: 'shop.test' }, agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve(response.statusCode === 200 ? text : String(response.statusCode)));
      });
      sent.on('error', reject).end();
    });

  beforeAll(async () => {
    before = traces();
    directory = mkdtempSync(join(tmpdir(), 'timonel-ingress-'));
    port = await freePort();
    const config = { httpPort: port, httpsPort: 0, threads: 1 };
    const file = join(directory, 'timonel.yaml');
    writeFileSync(file, JSON.stringify({ plugins: { 'ingress-haproxy': { enabled: false, config } } }));
    cluster = await TestCluster.start({ args: ['--config', file] });
  }, 120_000);
  afterAll(async () => {
    agent.destroy();
    await cluster.dispose();
    rmSync(directory, { recursive: true, force: true });
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('is served once the plugin is enabled, and says where', async () => {
    await expect(ask()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await command('plugin', 'enable', 'ingress-haproxy');
    await ok(['apply', '-f', '-'], manifest('v1'));
    await until(async () => (await ask().catch(() => '')) === 'v1', { what: 'an answer', timeoutMs: 60_000 });
    const node = await ok([
      'get',
      'node',
      'node-1',
      '-o',
      'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}',
    ]);
    await until(async () => (await ok(['get', 'ingress', 'shop'])).includes(node), { what: 'the address' });
    expect(await ok(['describe', 'ingress', 'shop'])).toContain('Served at');
    await until(async () => (await command('why', 'ingress/shop')).includes('AsDeclared'), {
      what: 'why to be content',
    });
  }, 90_000);

  it('fails no request while its pods are replaced', async () => {
    const answers = new Map<string, number>();
    const over = new AbortController();
    const client = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const answer = await ask().catch((error: unknown) => String(error));
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    };
    const load = Promise.all([client(), client(), client()]);
    await ok(['apply', '-f', '-'], manifest('v2'));
    await ok(['rollout', 'status', 'deployment/shop', '--timeout=60s']);
    const old = (): number => answers.get('v1') ?? 0;
    await until(
      async () => {
        const [seen, fresh] = [old(), answers.get('v2') ?? 0];
        await until(() => (answers.get('v2') ?? 0) > fresh + 50, { what: 'more answers' });
        return old() === seen;
      },
      { what: 'only new pods to answer' },
    );
    over.abort();
    await load;
    expect([...answers.keys()].toSorted()).toEqual(['v1', 'v2']);
  }, 90_000);

  it('goes with the plugin', async () => {
    await command('plugin', 'disable', 'ingress-haproxy');
    agent.destroy();
    await expect(ask()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  }, 30_000);
});
