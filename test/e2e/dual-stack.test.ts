/** A cluster whose pods and services have addresses of both families, with real containers; and host ports of pods. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@timonel/testkit/free-port';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

const image = 'timonel.local/node:host';
const server = `require('node:http').createServer((q, a) => a.end(q.socket.remoteAddress)).listen(8080, '::')`;

function podOf(name: string, script: string, hostPort?: number): object {
  const ports = [{ containerPort: 8080, ...(hostPort === undefined ? {} : { hostPort }) }];
  const probe = { tcpSocket: { port: 8080 }, periodSeconds: 1 };
  const container = {
    name,
    image,
    command: ['node', '-e', script],
    ports,
    ...(name === 'web' ? { readinessProbe: probe } : {}),
  };
  const spec = { terminationGracePeriodSeconds: 0, containers: [container] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec };
}

describe('a cluster of both families', () => {
  let before: readonly string[];
  let cluster: TestCluster;
  let hostPort: number;

  const ok = async (args: readonly string[], input = ''): Promise<string> =>
    (await cluster.mustKubectl(args, input)).trim();
  const apply = (...items: object[]): Promise<string> =>
    ok(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const read = async (...what: string[]): Promise<string[]> =>
    (await ok(['get', ...what.slice(0, -1), '-o', `jsonpath={${what.at(-1)}}`])).split(' ');
  /** What a program in the pod `client` prints. */
  const inClient = (script: string): Promise<string> => ok(['exec', 'client', '--', 'node', '-e', script]);
  const fetched = (address: string): Promise<string> =>
    inClient(
      `fetch('http://${address}', { signal: AbortSignal.timeout(2000) }).then((a) => a.text()).then(console.log, (e) => console.log(e.name)).then(() => process.exit())`,
    );

  beforeAll(async () => {
    before = traces();
    hostPort = await freePort();
    const octet = 16 + (process.pid % 200);
    const ranges = ['--pod-cidr', `10.210.${octet}.0/24,fd00:210:${octet}::/64`];
    ranges.push('--service-cidr', `10.211.${octet}.0/24,fd00:211:${octet}::/112`);
    cluster = await TestCluster.start({ args: ranges });
    const ports = [{ port: 80, targetPort: 8080 }];
    const spec = { selector: { app: 'web' }, ipFamilyPolicy: 'RequireDualStack', ports };
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec };
    await apply(podOf('web', server, hostPort), podOf('client', 'setInterval(() => undefined, 1000)'), service);
    await ok(['wait', '--for=condition=Ready', 'pod/web', 'pod/client', '--timeout=60s']);
  }, 120_000);
  afterAll(async () => {
    await cluster?.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('gives node, pods and services addresses of both', async () => {
    const families = async (...what: string[]): Promise<boolean[]> =>
      (await read(...what)).map((address) => address.includes(':'));
    const both = [false, true];
    expect(await families('nodes', '.items[0].spec.podCIDRs[*]')).toEqual(both);
    expect(await families('pod', 'web', '.status.podIPs[*].ip')).toEqual(both);
    const ofNode = await families('pod', 'web', '.status.hostIPs[*].ip');
    // The machine may have none of IPv6.
    expect(ofNode).toEqual(both.slice(0, ofNode.length));
    expect(await families('service', 'web', '.spec.clusterIPs[*]')).toEqual(both);
    const slices = ['endpointslices', '-l', 'kubernetes.io/service-name=web'];
    expect((await read(...slices, '.items[*].addressType')).toSorted()).toEqual(['IPv4', 'IPv6']);
  }, 30_000);

  it('leads to services over both, by address and by name, and shows pods the address of their client', async () => {
    const own = await read('pod', 'client', '.status.podIPs[*].ip');
    const [ipv4 = '', ipv6 = ''] = await read('service', 'web', '.spec.clusterIPs[*]');
    await until(async () => (await fetched(`[${ipv6}]`)) === own[1], { what: 'an answer over IPv6' });
    expect(await fetched(ipv4)).toBe(`::ffff:${own[0]}`);
    const name = 'web.default.svc.cluster.local';
    expect(await inClient(`require('dns').resolve6('${name}', (e, all) => console.log(String(all)))`)).toBe(ipv6);
    expect(await inClient(`require('dns').resolve4('${name}', (e, all) => console.log(String(all)))`)).toBe(ipv4);
  }, 30_000);

  it('leads host ports to their pod', async () => {
    const text = async (address: string): Promise<string> =>
      (await fetch(`http://${address}:${hostPort}`, { signal: AbortSignal.timeout(3000) })).text();
    const node = (await read('pod', 'web', '.status.hostIP'))[0] ?? '';
    const bridge = /^::ffff:10\.210\.\d+\.1$/;
    expect(await text('127.0.0.1')).toMatch(bridge);
    expect(await text(node)).toMatch(/^::ffff:/);
    const own = await read('pod', 'client', '.status.podIPs[*].ip');
    expect(await fetched(`${node}:${hostPort}`)).toBe(`::ffff:${own[0]}`);
  }, 30_000);

  it('holds policies over both', async () => {
    const spec = { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] };
    await apply({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny' }, spec });
    const addresses = await read('service', 'web', '.spec.clusterIPs[*]');
    for (const address of addresses) {
      const url = address.includes(':') ? `[${address}]` : address;
      await until(async () => (await fetched(url)) === 'TimeoutError', { what: `no answer at ${url}` });
    }
  }, 40_000);
});
