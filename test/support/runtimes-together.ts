/** Pods by several runtimes of one node. */
import type { TestCluster } from './cluster.ts';
import { until } from './until.ts';

/** Of pods that name no class. */
const ordinary = 'linux';

const serve = (name: string): string =>
  `require('node:http').createServer((_, answer) => answer.end('${name}')).listen(80, () => console.log('serving')); process.on('SIGTERM', () => process.exit(0));`;

const podOf = (handler: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: handler, labels: { app: 'all' } },
  spec: {
    terminationGracePeriodSeconds: 2,
    ...(handler === ordinary ? {} : { runtimeClassName: handler }),
    containers: [
      {
        name: 'c',
        image: 'timonel.local/node:host',
        command: ['node', '-e', serve(handler)],
        resources: { limits: { memory: '200Mi', cpu: '500m' } },
        readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 1 },
      },
    ],
  },
});

export async function apply(cluster: TestCluster, object: object): Promise<void> {
  await cluster.mustKubectl(['apply', '-f', '-'], JSON.stringify(object));
}

export const runtimeClassOf = (handler: string): object => ({
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: { name: handler },
  handler,
});

/** Makes a pod by each of the handlers, with the name of that, behind one Service. Resolves when all have answered. */
export async function serveTogether(cluster: TestCluster, handlers: readonly string[]): Promise<void> {
  for (const handler of handlers) await apply(cluster, podOf(handler));
  const pods = handlers.map((name) => `pod/${name}`);
  await cluster.mustKubectl(['wait', '--for=condition=Ready', '--timeout=30s', ...pods]);
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'all' } };
  await apply(cluster, { ...service, spec: { selector: { app: 'all' }, ports: [{ port: 80 }] } });
  const address = await cluster.mustKubectl(['get', 'service', 'all', '-o', 'jsonpath={.spec.clusterIP}']);
  const seen = new Set<string>();
  const ask = async (): Promise<boolean> => {
    const options = { headers: { connection: 'close' }, signal: AbortSignal.timeout(2000) };
    const answer = await fetch(`http://${address}/`, options).catch(() => undefined);
    if (answer !== undefined) seen.add(await answer.text());
    return seen.size === handlers.length;
  };
  await until(ask, { what: () => `all of ${handlers.join(', ')} to answer: ${[...seen].join(', ')} did` });
}
