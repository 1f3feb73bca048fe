/** The examples of services under real kubectl, with real containers; the address of the load balancer answers on this machine. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster, timonel } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

const examples = join(import.meta.dirname, '..', '..', 'examples');

describe('services under kubectl', () => {
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = async (...args: string[]): Promise<string> => (await cluster.mustKubectl(args)).trim();
  const apply = (name: string): Promise<string> => ok('apply', '-f', join(examples, name, `${name}.yaml`));
  const jsonpath = (path: string, ...what: string[]): Promise<string> => ok('get', ...what, '-o', `jsonpath={${path}}`);
  const ask = async (address: string): Promise<string> => {
    const signal = AbortSignal.timeout(2_000);
    const response = await fetch(`http://${address}/`, { headers: { connection: 'close' }, signal });
    return (await response.text()).trim();
  };
  /** The names of the two pods that answer at the address. */
  const answers = (address: string, app: string): Promise<unknown> =>
    until(async () => (await ask(address).catch(() => '')).startsWith(`${app}-`), {
      what: `an answer of ${app} at ${address}`,
      timeoutMs: 30_000,
    });

  /** None of them: whoever answers there beyond this machine is another. */
  const silence = (address: string, app: string): Promise<unknown> =>
    until(async () => !(await ask(address).catch(() => '')).startsWith(`${app}-`), {
      what: `no answer of ${app} at ${address}`,
    });

  beforeAll(async () => {
    before = traces();
    const config = join(examples, 'service-loadbalancer', 'timonel.yaml');
    cluster = await TestCluster.start({ args: ['--config', config] });
  }, 360_000);
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('ClusterIP: it answers, its endpoints are in both shapes, and why is content', async () => {
    await apply('service-clusterip');
    await answers(await jsonpath('.spec.clusterIP', 'service', 'inside'), 'inside');
    await ok('rollout', 'status', 'deployment/inside', '--timeout=40s');
    const addresses = await until(
      async () => {
        const found = await jsonpath('.subsets[0].addresses[*].ip', 'endpoints', 'inside');
        return found.split(' ').length === 2 ? found.split(' ') : undefined;
      },
      { what: 'two addresses' },
    );
    const label = ['-l', 'kubernetes.io/service-name=inside'];
    const inSlices = await jsonpath('.items[*].endpoints[*].addresses[0]', 'endpointslices', ...label);
    expect(inSlices.split(' ').toSorted()).toEqual(addresses.toSorted());
    const why = await timonel(['why', 'service', 'inside', '--kubeconfig', cluster.kubeconfig]);
    expect(why.stdout).toContain('AsDeclared');
  }, 60_000);

  it('LoadBalancer: it has the wished address, which answers, is shown, and goes with the service', async () => {
    await apply('service-loadbalancer');
    await until(async () => (await ok('get', 'service', 'front')).includes('10.213.0.10'), { what: 'the address' });
    await answers('10.213.0.10', 'front');
    expect(await ok('describe', 'service', 'front')).toContain('EnsuredLoadBalancer');
    await ok('expose', 'deployment', 'front', '--name=second', '--type=LoadBalancer', '--port=8080');
    await until(async () => (await ok('get', 'service', 'second')).includes('10.213.0.2 '), {
      what: 'a first address',
    });
    await answers('10.213.0.2:8080', 'front');
    await ok('patch', 'service', 'second', '-p', '{"spec":{"type":"ClusterIP"}}');
    await ok('delete', 'service', 'front', '--timeout=20s');
    await silence('10.213.0.10', 'front');
    await silence('10.213.0.2:8080', 'front');
  }, 90_000);

  it('LoadBalancer without an address: an event and why say what would help', async () => {
    await ok('create', 'service', 'loadbalancer', 'greedy', '--tcp=80');
    await ok('patch', 'service', 'greedy', '-p', '{"spec":{"loadBalancerIP":"192.0.2.1"}}');
    await until(async () => (await ok('describe', 'service', 'greedy')).includes('no pool has the address 192.0.2.1'), {
      what: 'the event',
    });
    const why = await timonel(['why', 'svc/greedy', '--kubeconfig', cluster.kubeconfig]);
    expect(why.stdout).toContain('no pool has the address 192.0.2.1');
    expect(why.stdout).toContain('no pod of the namespace default has the labels app=greedy');
  }, 30_000);

  it('NodePort: it answers at the address of the node, and no more when it becomes ExternalName', async () => {
    await apply('service-nodeport');
    const node = await jsonpath('.status.addresses[?(@.type=="InternalIP")].address', 'node', 'node-1');
    await answers(`${node}:30808`, 'outside');
    const external = '{"spec":{"type":"ExternalName","externalName":"a.example"}}';
    await ok('patch', 'service', 'outside', '-p', external);
    await silence(`${node}:30808`, 'outside');
    await ok('create', 'service', 'nodeport', 'again', '--tcp=80', '--node-port=30808');
  }, 60_000);

  it('headless, ExternalName, and endpoints by hand', async () => {
    for (const name of ['service-headless', 'service-externalname', 'service-by-hand']) await apply(name);
    const slices = (name: string, path: string): Promise<string> =>
      jsonpath(path, 'endpointslices', '-l', `kubernetes.io/service-name=${name}`);
    await until(async () => (await slices('peers', '.items[*].endpoints[*].hostname')).split(' ').length === 2, {
      what: 'two peers by name',
      timeoutMs: 30_000,
    });
    expect((await slices('peers', '.items[*].endpoints[*].hostname')).split(' ').toSorted()).toEqual([
      'peer-a',
      'peer-b',
    ]);
    expect(await ok('get', 'service', 'database')).toMatch(/ExternalName +<none> +db\.example\.com/);
    await until(
      async () => (await slices('legacy', '.items[*].endpoints[*].addresses[0]')) === '192.0.2.10 192.0.2.11',
      {
        what: 'the mirror',
      },
    );
  }, 60_000);
});
