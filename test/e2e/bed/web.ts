/** A Deployment with a Service whose pods tell who they are, and what can be seen of them. */
import { expect } from '@jest/globals';
import { until } from '../../support/until.ts';
import type { Bed } from './bed.ts';
import { kubectl, type Master } from './cluster.ts';
import type { Machine } from './machine.ts';

const patience = { timeoutMs: 90_000 };

/** `/` tells its name and when it started, `/crash` ends it, `/ADDRESS:PORT/PATH` passes on what another answers. */
const serve = `
const began = Date.now();
require('node:http')
  .createServer((request, response) => {
    if (request.url === '/crash') process.exit(3);
    if (request.url === '/') return response.end(process.env.POD + ' ' + began);
    fetch('http:/' + request.url)
      .then((answer) => answer.text())
      .then((text) => response.end(text), () => response.destroy());
  })
  .listen(8080, '0.0.0.0');
process.on('SIGTERM', () => process.exit(0));
`;
const container = {
  name: 'app',
  image: 'timonel.local/node:host',
  command: ['node', '-e', serve],
  env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
};
const podSpec = { terminationGracePeriodSeconds: 1, containers: [container] };

export const web: readonly object[] = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: podSpec },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
];

/** Such a pod alone, on one node. */
export function pinnedPod(name: string, nodeName: string): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { ...podSpec, nodeName } };
}

export function configMap(name: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
}

/** Input of `kubectl apply -f -`. */
export function manifest(objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

/** kubectl at this master, which must succeed; answers what it printed. */
export async function ask(
  bed: Bed,
  master: Master,
  args: readonly string[],
  objects: readonly object[] = [],
): Promise<string> {
  const { status, stdout, stderr } = await kubectl(bed, master, args, { input: manifest(objects), timeoutMs: 120_000 });
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')} at ${master.machine.name}: ${stderr}`);
  return stdout;
}

export interface WebPod {
  readonly name: string;
  readonly node: string;
  readonly address: string;
  readonly containerID: string;
  readonly restartCount: number;
}

interface PodShown {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly podIP: string;
    readonly containerStatuses?: readonly {
      readonly ready: boolean;
      readonly containerID: string;
      readonly restartCount: number;
    }[];
  };
}

/** The pods of the Deployment. @throws Error unless there are so many and all are ready */
export async function webPods(bed: Bed, master: Master, count: number): Promise<WebPod[]> {
  const { items } = JSON.parse(await ask(bed, master, ['get', 'pods', '-l', 'app=web', '-o', 'json'])) as {
    items: readonly PodShown[];
  };
  const ready = items.flatMap(({ metadata, spec, status }) => {
    const [app] = status.containerStatuses ?? [];
    if (app?.ready !== true) return [];
    const { containerID, restartCount } = app;
    return [{ name: metadata.name, node: spec.nodeName, address: status.podIP, containerID, restartCount }];
  });
  if (ready.length === count && items.length === count) return ready;
  throw new Error(`${ready.length} of ${items.length} pods are ready, not ${count}`);
}

export function readyWebPods(bed: Bed, master: Master, count: number): Promise<WebPod[]> {
  return until(() => webPods(bed, master, count), { what: `${count} ready pods`, ...patience });
}

/** From a machine, over HTTP. @throws Error when there is no answer */
export async function fetchFrom(machine: Machine, url: string): Promise<string> {
  const code = `fetch(process.argv[1], { signal: AbortSignal.timeout(3000) }).then((r) => r.text()).then(console.log, () => process.exit(1))`;
  const { status, stdout } = await machine.exec(process.execPath, ['-e', code, url]);
  if (status !== 0) throw new Error(`${url} does not answer on ${machine.name}`);
  return stdout.trim();
}

/** The service answers on each of these machines, by one of these pods. */
export async function expectService(machines: readonly Machine[], url: string, pods: readonly WebPod[]): Promise<void> {
  const names = pods.map(({ name }) => name);
  for (const machine of machines) {
    const answer = await until(() => fetchFrom(machine, url), { what: `the service on ${machine.name}`, ...patience });
    expect(names).toContain(answer.split(' ')[0]);
  }
}
