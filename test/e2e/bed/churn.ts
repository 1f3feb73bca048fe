/** Endpoints of a service without a selector that are ready and not ready in turn, but for the first one: 100 changes a second. */
import { readKubeconfig } from '../../../cli/src/cluster/kubeconfig.ts';
import { until } from '../../support/until.ts';
import type { Bed } from './bed.ts';
import { kubectl, type Master } from './cluster.ts';

export interface ChurnOptions {
  readonly service: string;
  /** Of pods that are ready all the time. */
  readonly addresses: readonly string[];
  readonly port: number;
}

export interface Churn {
  /** Resolves when so many more changes have been made. */
  changes(count: number): Promise<void>;
  stop(): Promise<void>;
}

const intervalMs = 10;

// Changes may overtake each other.
const changeAgainAndAgain = `
const { url, ca, token, paths } = JSON.parse(process.argv[1]);
const agent = new (require('node:https').Agent)({ keepAlive: true, ca });
const headers = { authorization: 'Bearer ' + token, 'content-type': 'application/json-patch+json' };
const patch = (path, ready) => new Promise((resolve) => {
  const options = { method: 'PATCH', agent, headers };
  const call = require('node:https').request(url + path, options, (answer) => {
    answer.resume().on('end', () => resolve(answer.statusCode === 200));
  });
  call.on('error', () => resolve(false));
  call.end(JSON.stringify([{ op: 'replace', path: '/endpoints/0/conditions/ready', value: ready }]));
});
let made = 0;
let failed = 0;
let turn = 0;
const began = Date.now();
setInterval(async () => {
  for (; turn < (Date.now() - began) / ${intervalMs}; turn++) {
    // Not ready for three turns.
    const index = turn % 2 === 0 ? turn / 2 : (turn - 3) / 2;
    if (index >= 0) patch(paths[index % paths.length], turn % 2 === 1).then((done) => (done ? made++ : failed++));
  }
}, ${intervalMs});
setInterval(() => console.log('made ' + made + ' failed ' + failed), 100);
`;

function slice({ service, port }: ChurnOptions, address: string, index: number): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-${index}`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ name: '', port, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  };
}

/** Resolves when all endpoints are there and change. */
export async function startEndpointChurn(bed: Bed, master: Master, options: ChurnOptions): Promise<Churn> {
  const items = options.addresses.map((address, index) => slice(options, address, index));
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { status, stderr } = await kubectl(bed, master, ['apply', '-f', '-'], { input });
  if (status !== 0) throw new Error(stderr);
  const { token, caCertificate: ca } = readKubeconfig(master.kubeconfig);
  const paths = items.map((_, index) => {
    return `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/${options.service}-${index}`;
  });
  const settings = JSON.stringify({ url: master.url, ca, token, paths: paths.slice(1) });
  const running = await bed.client.spawn(process.execPath, ['-e', changeAgainAndAgain, settings]);
  const made = (): number => Number([...running.stdout.matchAll(/^made (\d+) failed 0$/gm)].at(-1)?.[1] ?? 0);
  const changes = async (count: number): Promise<void> => {
    const before = made();
    await until(() => made() >= before + count, { what: () => `${count} changes: ${running.output.slice(-200)}` });
  };
  await changes(10);
  return { changes, stop: () => running.kill9() };
}
