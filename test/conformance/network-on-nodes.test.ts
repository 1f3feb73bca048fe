/** Pods, nodes and services as they reach each other over the network, on two nodes with machines of their own. */
import { describe, expect, it, jest } from '@jest/globals';
import { until } from '../support/until.ts';
import { bedNodes, nodeNames } from './support/real/bed-nodes.ts';
import type { Shown } from './support/real/real-pod.ts';
import { talker, type Dial } from './support/real/talkers.ts';

jest.setTimeout(60_000);
const nodes = bedNodes();
const hostPort = 18_080;
const [first, second] = nodeNames.map((node) => nodes.object('Pod', `on-${node}`, talker(`on-${node}`, node, [8080])));
const both = nodeNames.map((node) => `on-${node}`);
const hosts = nodeNames.map((node) => {
  const name = `host-${node}`;
  return nodes.object('Pod', name, { ...talker(name, node, [hostPort], { hostNetwork: true }), metadata: {} });
});
const selector = { app: 'talker' };
const ports = [{ port: 80, targetPort: 8080 }];
const often = { port: 80, times: 16 };
const addressOf = async (pod = ''): Promise<string> => (await nodes.read('pod', pod)).status.podIP;

/** Waits for these answers, as a change takes a moment to reach the nodes. */
async function answers(ask: () => Promise<string[]>, expected: readonly string[], what: string): Promise<void> {
  let last: string[] = [];
  await until(async () => (last = await ask()).join() === expected.join(), {
    what: () => `${what}: ${expected.join()}, not ${last.join()}`,
  });
}
/** From a pod of each node. */
async function fromPods(dial: Dial, expected: readonly string[]): Promise<void> {
  for (const pod of both) await answers(() => nodes.fromPod(pod, dial), expected, `${pod} hears`);
}
/** At the port of each node, from outside of the cluster. */
async function fromOutside(dial: Omit<Dial, 'address'>, expected: readonly string[]): Promise<void> {
  for (const node of nodeNames) {
    const { address } = nodes.bed.machine(node);
    await answers(() => nodes.fromMachine('client', { ...dial, address }), expected, `the client hears at ${node}`);
  }
}

const protocols = [
  { protocol: 'TCP', over: 'HTTP' },
  { protocol: 'UDP', over: 'UDP' },
] as const;

describe('architecture: nodes', () => {
  it('at least two are ready, schedulable and without taints', async () => {
    const { items } = JSON.parse(await nodes.kubectl(['get', 'nodes', '-o', 'json']));
    const open = items.filter(({ spec, status }: Shown) => {
      const ready = status.conditions.some(({ type, status: is }: Shown) => type === 'Ready' && is === 'True');
      return ready && spec.unschedulable !== true && (spec.taints ?? []).length === 0;
    });
    expect(open.map(({ metadata }: Shown) => metadata.name)).toEqual([...nodeNames]);
  });
});

describe('network: pods', () => {
  const dial = async (pod: string, protocol: 'TCP' | 'UDP'): Promise<Dial> => {
    return { address: await addressOf(pod), port: 8080, protocol };
  };

  it.each(protocols)('reach pods of their own node and of others over $over', async ({ protocol }) => {
    for (const from of both) {
      for (const to of both) {
        expect([from, to, await nodes.fromPod(from, await dial(to, protocol))]).toEqual([from, to, [to]]);
      }
    }
  });

  it.each(protocols)('are reached by nodes over $over', async ({ protocol }) => {
    for (const to of both) {
      for (const from of hosts) {
        expect([from, to, await nodes.fromPod(from, await dial(to, protocol))]).toEqual([from, to, [to]]);
      }
      for (const from of nodeNames) expect(await nodes.fromMachine(from, await dial(to, protocol))).toEqual([to]);
    }
  });
});

describe('network: Services reached', () => {
  const make = (name: string, spec: object): Promise<Shown> => nodes.create('Service', name, { spec });

  it('at the ClusterIP by pods and at the node port by all', async () => {
    const { spec } = await make('reached', { type: 'NodePort', selector, ports });
    await fromPods({ ...often, address: spec.clusterIP }, both);
    await fromOutside({ ...often, port: spec.ports[0].nodePort }, both);
    await answers(() => nodes.fromPod(hosts[0] ?? '', { ...often, address: spec.clusterIP }), both, 'a node hears');
  });

  it('after a change from ExternalName to ClusterIP', async () => {
    await make('named-1', { type: 'ExternalName', externalName: 'a.example.com' });
    const { spec } = await nodes.change('service', 'named-1', {
      spec: { type: 'ClusterIP', externalName: null, selector, ports },
    });
    expect(spec).toMatchObject({ type: 'ClusterIP', clusterIP: expect.stringMatching(/^10\./) });
    expect(spec.ports[0]).not.toHaveProperty('nodePort');
    await fromPods({ ...often, address: spec.clusterIP }, both);
  });

  it('after a change from ExternalName to NodePort', async () => {
    await make('named-2', { type: 'ExternalName', externalName: 'a.example.com' });
    const { spec } = await nodes.change('service', 'named-2', {
      spec: { type: 'NodePort', externalName: null, selector, ports },
    });
    expect(spec.ports[0].nodePort).toBeGreaterThanOrEqual(30_000);
    await fromPods({ ...often, address: spec.clusterIP }, both);
    await fromOutside({ ...often, port: spec.ports[0].nodePort }, both);
  });

  /** Its addresses and ports are free again, and nobody answers there. */
  async function becomesExternalName(type: string, name: string): Promise<void> {
    const { spec } = await make(name, { type, selector, ports });
    await fromPods({ ...often, address: spec.clusterIP }, both);
    const after = await nodes.change('service', name, {
      spec: { type: 'ExternalName', externalName: 'b.example.com' },
    });
    expect(after.spec).toMatchObject({ type: 'ExternalName', externalName: 'b.example.com' });
    expect(after.spec.clusterIP ?? '').toBe('');
    expect(after.spec.ports.map(({ nodePort = 0 }) => nodePort)).toEqual([0]);
    await fromPods({ port: 80, address: spec.clusterIP }, ['nobody']);
    const { clusterIP } = spec;
    const again = await make(`${name}-again`, { ...spec, clusterIP, clusterIPs: [clusterIP] });
    expect(again.spec).toMatchObject({ clusterIP, ports: spec.ports });
  }
  it('no more after a change from ClusterIP to ExternalName', () => becomesExternalName('ClusterIP', 'left-1'));
  it('no more after a change from NodePort to ExternalName', () => becomesExternalName('NodePort', 'left-2'));

  /** One of the pods answers a client always, and both answer it without affinity. */
  async function isSticky(ask: (dial: Omit<Dial, 'address'>) => Promise<string[]>): Promise<void> {
    const seen = await ask(often);
    expect(seen).toHaveLength(1);
    expect(await ask(often)).toEqual(seen);
  }
  const stickyness = { sessionAffinity: 'ClientIP' };
  const atCluster = (spec: Shown, pod: string) => (dial: Omit<Dial, 'address'>) =>
    nodes.fromPod(pod, { ...dial, address: spec.clusterIP });
  const atNode = (spec: Shown, node: string) => (dial: Omit<Dial, 'address'>) =>
    nodes.fromMachine('client', { ...dial, address: nodes.bed.machine(node).address, port: spec.ports[0].nodePort });

  it('with affinity of clients at the ClusterIP', async () => {
    const { spec } = await make('sticky-1', { selector, ports, ...stickyness });
    for (const pod of both) {
      await until(async () => !(await atCluster(spec, pod)({ port: 80 })).includes('nobody'), { what: 'an answer' });
      await isSticky(atCluster(spec, pod));
    }
  });

  it('with affinity of clients at the node port', async () => {
    const { spec } = await make('sticky-2', { type: 'NodePort', selector, ports, ...stickyness });
    for (const node of nodeNames) {
      await until(async () => !(await atNode(spec, node)({ port: 80 })).includes('nobody'), { what: 'an answer' });
      await isSticky(atNode(spec, node));
    }
  });

  /** Without affinity, with it, and without it again. */
  async function switches(
    name: string,
    spec: object,
    at: (spec: Shown) => (dial: Omit<Dial, 'address'>) => Promise<string[]>,
  ): Promise<void> {
    const made = await make(name, { selector, ports, ...spec });
    const ask = (): Promise<string[]> => at(made.spec)(often);
    await answers(ask, both, 'the client hears');
    await nodes.change('service', name, { spec: stickyness });
    await until(async () => (await ask()).length === 1, { what: 'one pod to answer' });
    await isSticky(at(made.spec));
    await nodes.change('service', name, { spec: { sessionAffinity: 'None', sessionAffinityConfig: null } });
    await answers(ask, both, 'the client hears');
  }
  it('with affinity that is switched at the ClusterIP', () =>
    switches('switch-1', {}, (spec) => atCluster(spec, first ?? '')));
  it('with affinity that is switched at the node port', () =>
    switches('switch-2', { type: 'NodePort' }, (spec) => atNode(spec, nodeNames[1])));

  it('by TCP and by UDP at one port', async () => {
    const each = ['TCP', 'UDP'] as const;
    const list = each.map((protocol) => ({ name: protocol.toLowerCase(), protocol, port: 80, targetPort: 8080 }));
    const { spec } = await make('mixed', { selector, ports: list });
    for (const protocol of each) await fromPods({ ...often, address: spec.clusterIP, protocol }, both);
  });

  const slice = (service: string, name: string, ips: readonly string[], list: object): Promise<Shown> =>
    nodes.create(
      'EndpointSlice',
      name,
      {
        metadata: { labels: { 'kubernetes.io/service-name': service } },
        addressType: 'IPv4',
        endpoints: ips.map((ip) => ({ addresses: [ip] })),
        ports: list,
      },
      'discovery.k8s.io/v1',
    );

  it('by the addresses of several slices, without a selector', async () => {
    const { spec } = await make('by-hand-1', { ports });
    const list = [{ name: '', protocol: 'TCP', port: 8080 }];
    for (const pod of both) await slice('by-hand-1', `of-${pod}`, [await addressOf(pod)], list);
    await fromPods({ ...often, address: spec.clusterIP }, both);
  });

  it('by different ports of several slices, without a selector', async () => {
    const names = { a: 8080, b: hostPort };
    const list = [80, 81].map((port, at) => ({ name: Object.keys(names)[at], protocol: 'TCP', port }));
    const { spec } = await make('by-hand-2', { ports: list });
    const hostAddress = nodes.bed.machine('n2').address;
    await slice('by-hand-2', 'port-a', [await addressOf(second)], [{ name: 'a', protocol: 'TCP', port: names.a }]);
    await slice('by-hand-2', 'port-b', [hostAddress], [{ name: 'b', protocol: 'TCP', port: names.b }]);
    await fromPods({ address: spec.clusterIP, port: 80 }, [second ?? '']);
    await fromPods({ address: spec.clusterIP, port: 81 }, ['host-n2']);
  });
});

describe('network: hostPort', () => {
  const port = 54_323;
  const own = (hostIP: string, protocol: string): object => ({
    ports: [{ containerPort: 8080, hostPort: port, hostIP, protocol }],
  });
  const make = async (name: string, hostIP: string, protocol: string): Promise<void> => {
    const { metadata, spec } = talker(name, 'n1', [8080]) as Shown;
    const containers = [{ ...spec.containers[0], ...own(hostIP, protocol) }];
    await nodes.create('Pod', name, { metadata: { ...metadata, labels: {} }, spec: { ...spec, containers } });
  };

  it('does not conflict with the same port of another address or protocol: each leads to its pod', async () => {
    const { address } = nodes.bed.machine('n1');
    await make('loopback', '127.0.0.1', 'TCP');
    await make('by-tcp', address, 'TCP');
    await make('by-udp', address, 'UDP');
    await nodes.kubectl(['wait', '--for=condition=Ready', 'pod/loopback', 'pod/by-tcp', 'pod/by-udp', '--timeout=30s']);
    const [host = ''] = hosts;
    const hears = (dial: Omit<Dial, 'port'>, expected: string): Promise<void> =>
      answers(() => nodes.fromPod(host, { ...dial, port }), [expected], 'the node hears');
    await hears({ address: '127.0.0.1' }, 'loopback');
    await hears({ address }, 'by-tcp');
    await hears({ address, protocol: 'UDP' }, 'by-udp');
    expect(await nodes.fromMachine('client', { address, port })).toEqual(['by-tcp']);
  });
});
