/** What goes on while the network of a cluster changes: downloads, keep-alive connections, and services whose pods come and go. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { callee } from './bed/callers.ts';
import { kubectl, startAgent, startMaster, startWhole, type Agent, type Master } from './bed/cluster.ts';
import { startEndpointChurn } from './bed/churn.ts';
import { Download, downloadPod, slowPod } from './bed/download.ts';
import { networkState } from './bed/network-state.ts';
import { Traffic } from './bed/traffic.ts';

jest.setTimeout(120_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const [slowPort, shopPort, churnPort] = [30_821, 30_822, 30_823];
const downloadSeconds = 60;
const image = 'timonel.local/node:host';

function nodePortService(name: string, nodePort: number, selector?: Readonly<Record<string, string>>): object {
  const ports = [{ port: 80, targetPort: 8080, nodePort }];
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { type: 'NodePort', selector, ports } };
}

/** Tells its version. After SIGTERM it serves for a while and lets clients go, as servers behind load balancers do. */
const shopServer = `
let ends = false;
const server = require('node:http')
  .createServer((request, response) => {
    if (ends) response.setHeader('connection', 'close');
    response.end(process.env.VERSION);
  })
  .listen(8080, '0.0.0.0');
process.on('SIGTERM', () => {
  ends = true;
  setTimeout(() => server.close(() => process.exit(0)), 1500);
});
`;

const shop = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'shop' },
  spec: {
    replicas: 4,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    selector: { matchLabels: { app: 'shop' } },
    template: {
      metadata: { labels: { app: 'shop' } },
      spec: {
        terminationGracePeriodSeconds: 10,
        containers: [
          {
            name: 'server',
            image,
            command: ['node', '-e', shopServer],
            env: [{ name: 'VERSION', value: 'v1' }],
            readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
};

const slowService = nodePortService('slow', slowPort, { app: 'slow' });
const objects: readonly object[] = [
  slowPod('n2'),
  slowService,
  downloadPod('loader', 'n1', 'slow:80'),
  shop,
  nodePortService('shop', shopPort, { app: 'shop' }),
  ...[1, 2, 3, 4].map((index) => callee(`p${index}`, index % 2 === 0 ? 'n2' : 'n1', { app: 'churn' })),
  nodePortService('churn', churnPort),
];

suite(`a network that changes under load${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let master: Master;
  /** A cluster of its own on one machine: its kernel is told by way of its API. */
  let whole: Master;
  let stateBefore: string[];
  let agents: Agent[];
  /** They begin before all tests and end after them. */
  let downloads: Record<'fromPod' | 'fromOutside' | 'ofWhole', Download>;

  const askOf = async (cluster: Master, args: readonly string[], input?: string): Promise<string> => {
    const { status, stdout, stderr } = await kubectl(bed, cluster, args, {
      timeoutMs: 90_000,
      ...(input === undefined ? {} : { input }),
    });
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const ask = (...args: string[]): Promise<string> => askOf(master, args);
  const apply = (cluster: Master, ...items: readonly object[]): Promise<string> =>
    askOf(cluster, ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const at = (port: number): string[] => ['n1', 'n2'].map((name) => `${bed.machine(name).address}:${port}`);
  const goOn = (): Promise<unknown> => Promise.all(Object.values(downloads).map((download) => download.goesOn()));
  const atWhole = (): string => `${whole.machine.address}:${slowPort}`;

  /** All to pods of other machines: n2, or the whole. */
  async function startDownloads(): Promise<typeof downloads> {
    // The agent of its node is away for a while.
    const asked = { what: 'the logs of a pod', timeoutMs: 60_000 };
    const logs = (): Promise<string> => until(async () => `${await ask('logs', 'loader', '--tail=3')}\n`, asked);
    const [fromPod, fromOutside, ofWhole] = await Promise.all([
      Download.of(logs),
      Download.start(bed.client, at(slowPort)[0] ?? ''),
      Download.start(bed.client, atWhole()),
    ]);
    return { fromPod, fromOutside, ofWhole };
  }

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 2, nodes: 2 });
    stateBefore = await networkState(bed.machine('m2'));
    [master, whole] = await Promise.all([startMaster(bed.machine('m1')), startWhole(bed.machine('m2'))]);
    agents = await Promise.all(['n1', 'n2'].map((name) => startAgent(bed.machine(name), { masters: [master] })));
    await until(async () => (await ask('get', 'nodes', '--no-headers')).match(/ Ready /g)?.length === 2, {
      what: 'two nodes to be Ready',
      timeoutMs: 60_000,
    });
    await Promise.all([apply(master, ...objects), apply(whole, slowPod(), slowService)]);
    downloads = await startDownloads();
    await ask('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=60s');
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('no request on a kept connection fails while a new version is rolled out', async () => {
    const traffic = await Traffic.start(bed.client, { targets: at(shopPort), keepAlive: true, workers: 8 });
    await ask('set', 'env', 'deployment/shop', 'VERSION=v2');
    await ask('rollout', 'status', 'deployment/shop', '--timeout=60s');
    await until(async () => Object.keys((await traffic.goesOn(100)).answers).join() === 'v2', {
      what: 'the new version alone to answer',
    });
    expect((await traffic.stop()).failures).toEqual([]);
  });

  it('no connection fails while the endpoints of a service change 100 times a second', async () => {
    const pods = await ask('get', 'pods', '-l', 'app=churn', '-o', 'jsonpath={.items[*].status.podIP}');
    const churn = await startEndpointChurn(bed, master, { service: 'churn', addresses: pods.split(' '), port: 8080 });
    const clusterIp = await ask('get', 'service', 'churn', '-o', 'jsonpath={.spec.clusterIP}');
    const loads = await Promise.all([
      Traffic.start(bed.client, { targets: at(churnPort) }),
      Traffic.start(bed.machine('n1'), { targets: [`${clusterIp}:80`] }),
    ]);
    await churn.changes(300);
    const counts = await Promise.all(loads.map((load) => load.stop()));
    await churn.stop();
    expect(counts.map(({ failures }) => failures)).toEqual([[], []]);
    for (const { answers } of counts) {
      const names = new Set(Object.keys(answers).map((answer) => answer.split(' ')[0]));
      expect(names).toEqual(new Set(['p1', 'p2', 'p3', 'p4']));
    }
  });

  it('downloads go on while the agents of both nodes end and start', async () => {
    for (const [index, end] of (['stop', 'kill9'] as const).entries()) {
      const agent = agents[index];
      if (agent === undefined) throw new Error('there is no such agent');
      await agent.process[end]();
      await downloads.fromOutside.goesOn();
      agents[index] = await startAgent(agent.machine);
      await goOn();
    }
  });

  it('downloads go on, and new connections succeed, over a link that is slow and loses packets', async () => {
    await bed.slow('n2', { delayMs: 20, jitterMs: 10 });
    await bed.lossy('n2', 1);
    await goOn();
    // Half of the connections lead over the link.
    const traffic = await Traffic.start(bed.client, { targets: at(shopPort), workers: 8 });
    expect((await traffic.goesOn(200)).failures).toEqual([]);
    await bed.heal();
    expect((await traffic.stop()).failures).toEqual([]);
    await goOn();
  });

  it('downloads go on when the rules of a node were deleted and are all written anew', async () => {
    const { machine } = agents[0] ?? {};
    const { port } = new URL(`http://${at(slowPort)[0]}`);
    const tables = async (): Promise<string[]> =>
      ((await machine?.mustExec('nft', ['list', 'tables'])) ?? '').split('\n').filter((line) => line.endsWith('_svc'));
    const [table = ''] = await tables();
    await machine?.mustExec('nft', ['delete', ...table.split(' ')]);
    // The next change finds that what it builds on is gone.
    await apply(master, nodePortService('more', Number(port) + 10, { app: 'slow' }));
    await until(async () => (await tables()).join() === table, { what: 'the rules of the node' });
    const traffic = await Traffic.start(bed.client, { targets: [`${machine?.address}:${port}`] });
    expect((await traffic.stop()).failures).toEqual([]);
    await goOn();
  });

  it('downloads go on while one service proxy takes the place of another, and back', async () => {
    for (const proxy of ['userspace', 'nftables']) {
      const path = '/apis/kernel.timonel.dev/v1/services/proxy';
      const input = JSON.stringify({ provider: `proxy-${proxy}` });
      const swapped = await askOf(whole, ['replace', '--raw', path, '-f', '-'], input);
      expect(JSON.parse(swapped)).toMatchObject({ report: { to: `proxy-${proxy}` } });
      await downloads.ofWhole.goesOn();
    }
  });

  it(`downloads through all of this lasted ${downloadSeconds} s, and no byte of them is missing or wrong`, async () => {
    const all = Object.values(downloads);
    await Promise.all(all.map((download) => download.hasLasted(downloadSeconds)));
    await Promise.all([at(slowPort)[0] ?? '', atWhole()].map((target) => Download.end(bed.client, target)));
    await Promise.all(all.map((download) => download.isWhole()));
  });

  it('a cluster that stops leaves the network of its machine as it was', async () => {
    await whole.process.stop();
    expect(await networkState(whole.machine)).toEqual(stateBefore);
  });
});
