/** Pods by crun, runc and the default runtime beside each other on one node, under real kubectl. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

const image = 'timonel.local/node:host';
const handlers = ['linux', 'crun', 'runc'] as const;

const serve = (name: string): string =>
  `require('node:http').createServer((_, answer) => answer.end('${name}')).listen(80, () => console.log('serving')); process.on('SIGTERM', () => process.exit(0));`;

const podOf = (handler: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: handler, labels: { app: 'all' } },
  spec: {
    terminationGracePeriodSeconds: 2,
    ...(handler === 'linux' ? {} : { runtimeClassName: handler }),
    containers: [
      {
        name: 'c',
        image,
        command: ['node', '-e', serve(handler)],
        resources: { limits: { memory: '200Mi', cpu: '500m' } },
        readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 1 },
      },
    ],
  },
});

/** Of either version of control groups. */
const limit = `const { readFileSync } = require('node:fs');
  const at = (path) => { try { return readFileSync('/sys/fs/cgroup/' + path, 'utf8').trim() } catch { return '' } };
  console.log(at('memory/memory.limit_in_bytes') || at('memory.max'))`;

describe('crun and runc', () => {
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = async (args: readonly string[], input?: object): Promise<string> =>
    (await cluster.mustKubectl(args, input && JSON.stringify(input))).trim();

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start();
    for (const handler of ['crun', 'runc']) {
      await cluster.timonel('plugin', 'enable', `runtime-${handler}`);
      const runtimeClass = { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: handler }, handler };
      await ok(['apply', '-f', '-'], runtimeClass);
    }
  }, 60_000);
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('serve beside the default runtime: one Service, logs, sessions, a program that ends', async () => {
    for (const handler of handlers) await ok(['apply', '-f', '-'], podOf(handler));
    await ok(['wait', '--for=condition=Ready', '--timeout=25s', ...handlers.map((name) => `pod/${name}`)]);
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'all' } };
    await ok(['apply', '-f', '-'], { ...service, spec: { selector: { app: 'all' }, ports: [{ port: 80 }] } });
    const address = await ok(['get', 'service', 'all', '-o', 'jsonpath={.spec.clusterIP}']);
    const seen = new Set<string>();
    const ask = async (): Promise<boolean> => {
      const options = { headers: { connection: 'close' }, signal: AbortSignal.timeout(2000) };
      const answer = await fetch(`http://${address}/`, options).catch(() => undefined);
      if (answer !== undefined) seen.add(await answer.text());
      return seen.size === handlers.length;
    };
    await until(ask, { what: 'all three to answer', timeoutMs: 20_000 });
    for (const handler of ['crun', 'runc']) {
      expect(await ok(['logs', handler])).toBe('serving');
      const node = (code: string): readonly string[] => ['exec', handler, '--', 'node', '-e', code];
      expect(await ok(node(`console.log(process.pid > 1, require('node:os').hostname())`))).toBe(`true ${handler}`);
      expect(await ok(node(limit))).toBe('209715200');
      expect((await cluster.kubectl(node('process.exit(9)'))).stderr).toContain('exit code 9');
    }
  }, 60_000);

  it('end with their plugin disabled and enabled again only when their pods do', async () => {
    const started = ['get', 'pod', 'crun', '-o', 'jsonpath={.status.containerStatuses[0].state.running.startedAt}'];
    const since = await ok(started);
    await cluster.timonel('plugin', 'disable', 'runtime-crun');
    await cluster.timonel('plugin', 'enable', 'runtime-crun');
    await ok(['wait', '--for=condition=Ready', '--timeout=20s', 'pod/crun']);
    expect(await ok(started)).toBe(since);
    expect(await ok(['get', 'pod', 'crun', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}'])).toBe('0');
    await ok(['delete', 'pod', ...handlers, '--timeout=25s']);
  }, 60_000);
});
