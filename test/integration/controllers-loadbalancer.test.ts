import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import loadBalancerPool from '@timonel/plugin-loadbalancer-pool';
import { cleanupFinalizer, poolAnnotation } from '@timonel/sdk/contracts/loadbalancer';
import { explainers } from '@timonel/sdk/contracts/why';
import { services, type Service } from '@timonel/sdk/kube';
import { addIpv6, podAddress6, ProxyBed } from '@timonel/testkit/contracts/proxy';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { describeFaults } from '../support/controller-faults.ts';

const allocator = { clusterIpRange: '127.98.0.0/16', publishEndpoint: false };

function start(addresses: readonly string[], more: Partial<Parameters<typeof startCluster>[0]> = {}): Promise<Cluster> {
  const pools = addresses.length === 0 ? [] : [{ name: 'main', addresses }];
  return startCluster({
    controllers: [loadBalancerPool],
    nodes: 0,
    config: { 'loadbalancer-pool': { pools }, 'service-allocator': allocator },
    ...more,
  });
}

function aService(namespace: string, name: string, spec: Partial<Service['spec']> = {}): Service {
  return { metadata: { namespace, name }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec } };
}

function addressOf({ status }: Service): string | undefined {
  return status?.loadBalancer?.ingress?.[0]?.ip;
}

function allAddressesOf({ status }: Service): string {
  return (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join();
}

async function addressesIn({ api }: Cluster, namespace: string): Promise<(string | undefined)[]> {
  return (await api.list(services, { namespace })).items.map(addressOf);
}

describe('loadbalancer-pool', () => {
  it('gives services that come at once an address each, none twice; those that wait get what others leave', async () => {
    await using cluster = await start(['192.0.2.0/28']);
    const { api } = cluster;
    const namespace = await cluster.namespace();
    const names = Array.from({ length: 20 }, (_, index) => `s${index}`);
    const made = await Promise.all(names.map((name) => api.create(services, aService(namespace, name))));
    const given = async (): Promise<string[]> =>
      (await addressesIn(cluster, namespace)).flatMap((address) => address ?? []);
    await cluster.until('sixteen addresses', async () => (await given()).length === 16);
    await cluster.quiet();
    expect(new Set(await given()).size).toBe(16);
    const all = (await api.list(services, { namespace })).items;
    const waiting = all.filter((service) => addressOf(service) === undefined);
    expect(waiting.map(({ status }) => status?.conditions?.[0]?.reason)).toEqual(
      Array.from({ length: 4 }, () => 'PoolExhausted'),
    );
    const [first] = waiting;
    const told = made.find(({ metadata }) => metadata.uid === first?.metadata.uid) as Service;
    await cluster.until('an event', async () => {
      const events = await cluster.eventsOf(told);
      return events.some(({ reason, count = 1 }) => reason === 'SyncLoadBalancerFailed' && count === 1);
    });
    for (const { metadata } of all.filter((service) => addressOf(service) !== undefined).slice(0, 3))
      await api.delete(services, { namespace, name: metadata.name ?? '' });
    await cluster.until('three more addresses', async () => (await given()).length === 16);
    await cluster.quiet();
    expect(new Set(await given()).size).toBe(16);
    const before = cluster.record(services, namespace);
    await cluster.until('the services', () => before.length === 17);
    await cluster.quiet();
    expect(before).toHaveLength(17);
  });

  it('takes the address back when the type changes, and lets the service go when it is deleted', async () => {
    await using cluster = await start(['192.0.2.1']);
    const { api } = cluster;
    const namespace = await cluster.namespace();
    const at = { namespace, name: 'web' };
    await api.create(services, aService(namespace, 'web'));
    const got = await cluster.until('an address', async () => {
      const service = await api.get(services, at);
      return addressOf(service) === undefined ? undefined : service;
    });
    expect(got.metadata.finalizers).toEqual([cleanupFinalizer]);
    await api.patch(services, at, { type: 'merge', body: { spec: { type: 'ClusterIP' } } });
    await cluster.until('neither address nor finalizer', async () => {
      const { metadata, status } = await api.get(services, at);
      return metadata.finalizers === undefined && JSON.stringify(status) === '{"loadBalancer":{}}';
    });
    await api.create(services, aService(namespace, 'next'));
    await cluster.until('the address to be given again', async () =>
      (await addressesIn(cluster, namespace)).includes('192.0.2.1'),
    );
    await api.delete(services, { namespace, name: 'next' });
    await cluster.until('the service to go', async () => (await addressesIn(cluster, namespace)).length === 1);
  });

  it('a service that a client replaces keeps its address, and takes new finalizer and annotation', async () => {
    await using cluster = await start(['192.0.2.1']);
    const { api } = cluster;
    const namespace = await cluster.namespace();
    const at = { namespace, name: 'web' };
    const balanced = async (): Promise<boolean> => {
      const { metadata, status } = await api.get(services, at);
      const isClaimed = metadata.annotations?.[poolAnnotation] === 'main' && metadata.finalizers?.length === 1;
      return isClaimed && status?.loadBalancer?.ingress?.[0]?.ip === '192.0.2.1';
    };
    await api.create(services, aService(namespace, 'web'));
    await cluster.until('an address', balanced);
    const replaced = await api.update(services, aService(namespace, 'web'));
    expect([replaced.metadata.annotations, addressOf(replaced)]).toEqual([undefined, '192.0.2.1']);
    await cluster.until('the address to be claimed again', balanced);
  });

  it('repairs two services with one address, as a restore may leave them', async () => {
    await using cluster = await start(['192.0.2.1-192.0.2.2']);
    const { api } = cluster;
    const namespace = await cluster.namespace();
    for (const name of ['elder', 'younger']) {
      await api.create(services, aService(namespace, name));
      await cluster.until(
        'an address',
        async () => addressOf(await api.get(services, { namespace, name })) !== undefined,
      );
    }
    const younger = await api.get(services, { namespace, name: 'younger' });
    const ingress = [{ ip: '192.0.2.1', ipMode: 'VIP' }];
    await api.updateStatus(services, { ...younger, status: { loadBalancer: { ingress } } });
    await cluster.until('two addresses', async () => {
      const all = await addressesIn(cluster, namespace);
      return all.includes('192.0.2.1') && all.includes('192.0.2.2');
    });
  });

  it('gives a service of two families one of each, and adds and takes away the second as its policy changes', async () => {
    const pools = [{ name: 'main', addresses: ['192.0.2.1-192.0.2.9', 'fd00:9::/120'] }];
    const config = {
      'loadbalancer-pool': { pools },
      'service-allocator': { ...allocator, clusterIpRange: '127.98.0.0/16,fd00:98::/112' },
    };
    await using cluster = await start([], { config });
    const { api } = cluster;
    const namespace = await cluster.namespace();
    const at = { namespace, name: 'web' };
    const becomes = (expected: string): Promise<unknown> =>
      cluster.until(expected, async () => allAddressesOf(await api.get(services, at)) === expected);
    const follow = async (spec: Partial<Service['spec']>, expected: string): Promise<void> => {
      await api.patch(services, at, { type: 'merge', body: { spec } });
      await becomes(expected);
    };
    await api.create(services, aService(namespace, 'web'));
    await becomes('192.0.2.1');
    await follow({ ipFamilyPolicy: 'RequireDualStack' }, '192.0.2.1,fd00:9::1');
    await follow({ loadBalancerIP: 'fd00:9::7' }, '192.0.2.1,fd00:9::7');
    await follow({ ipFamilyPolicy: 'SingleStack', loadBalancerIP: null as never }, '192.0.2.1');
    const waits = { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'], loadBalancerIP: '192.0.2.1' };
    await api.create(services, aService(namespace, 'late', waits));
    const late = { namespace, name: 'late' };
    await cluster.until('a refusal', async () => {
      const { status } = await api.get(services, late);
      return status?.conditions?.[0]?.reason === 'AddressTaken' && status.loadBalancer?.ingress === undefined;
    });
    await api.delete(services, at);
    await cluster.until('both', async () => allAddressesOf(await api.get(services, late)) === 'fd00:9::1,192.0.2.1');
  });

  it('without a pool gives nothing, says so once, explains it, and leaves the addresses of others alone', async () => {
    await using cluster = await start([]);
    const { api } = cluster;
    const namespace = await cluster.namespace();
    const made = await api.create(services, aService(namespace, 'web'));
    const event = await cluster.until('an event', async () => (await cluster.eventsOf(made))[0]);
    expect(event).toMatchObject({ reason: 'SyncLoadBalancerFailed', message: expect.stringContaining('no pool') });
    const object = { group: '', resource: 'services', namespace, name: 'web' };
    const answers = await Promise.all(
      cluster.server.kernel
        .service(explainers)
        .all()
        .map(({ service }) => service.explain(object)),
    );
    expect(answers.flatMap((why) => why?.causes ?? [])).toContainEqual(
      expect.objectContaining({ component: 'loadbalancer-pool', code: 'NoPool' }),
    );
    const foreign = { loadBalancer: { ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] } };
    await api.updateStatus(services, {
      ...(await api.get(services, made.metadata as { name: string })),
      status: foreign,
    });
    await cluster.quiet();
    const { metadata, status } = await api.get(services, { namespace, name: 'web' });
    expect([status, metadata.annotations?.[poolAnnotation], metadata.finalizers]).toEqual([
      foreign,
      undefined,
      undefined,
    ]);
    expect(await cluster.eventsOf(made)).toHaveLength(1);
  });
});

const canMakeLinks = process.getuid?.() === 0 && spawnSync('nft', ['--version']).status === 0;
const describeAsRoot = canMakeLinks ? describe : describe.skip;

describeAsRoot(`an address on the link${canMakeLinks ? '' : ' (skipped: it needs root and the program nft)'}`, () => {
  const planeOf = (plugin: string): string =>
    new URL(`../../plugins/${plugin}/src/testing/open-data-plane.ts`, import.meta.url).href;
  const serviceCidr = '10.215.0.0/16,fd00:215::/112';
  // Of the network between the node and the machine outside: who wants it asks for it there (ARP).
  const address = '10.214.2.77';
  let bed: ProxyBed;

  beforeAll(async () => {
    bed = await ProxyBed.open(1);
    await addIpv6(bed);
    await bed.pod(0).call('serveTcp', 'pod-0', 8080, '::');
    await bed.node.call('openPlane', 'proxy', planeOf('proxy-nftables'), '/nowhere/proxy', serviceCidr);
    await bed.node.call('openPlane', 'link', planeOf('loadbalancer-link'), '/nowhere/link', serviceCidr);
  }, 60_000);
  afterAll(async () => {
    for (const plane of ['link', 'proxy']) await bed.node.call('closePlane', plane);
    await bed.close();
  });

  it('of IPv6 answers other machines and pods, and leaves no trace when it is withdrawn', async () => {
    const ipv6 = 'fd00:214:2::f7';
    const backends = [{ address: podAddress6(0), port: 8080, nodeName: 'node' }];
    const rules = [bed.rule([], { externalIPs: [ipv6], clusterIPs: ['fd00:215::77'], backends })];
    await bed.node.call('apply', 'proxy', rules);
    expect(await bed.outside.call('connect', ipv6, 80, 300)).not.toMatchObject({ code: 'CONNECTED' });
    await bed.node.call('apply', 'link', rules);
    await bed.outside.run('ip', ['-6', 'neigh', 'flush', 'all']);
    for (const client of [bed.outside, bed.pod(0), bed.onNode])
      expect(await client.call('connect', ipv6, 80, 3_000)).toMatchObject({ code: 'CONNECTED' });
    const holders = async (): Promise<string> => {
      const lines = (await bed.node.run('ip', ['-o', '-6', 'address'])).split('\n');
      return lines.flatMap((line) => (line.includes(` ${ipv6}/128`) ? (line.split(/\s+/)[1] ?? '') : [])).join(' ');
    };
    expect(await holders()).toMatch(/^out tl\w+$/);
    await bed.node.call('apply', 'link', []);
    expect(await holders()).toBe('');
    await bed.outside.run('ip', ['-6', 'neigh', 'flush', 'all']);
    expect(await bed.outside.call('connect', ipv6, 80, 300)).not.toMatchObject({ code: 'CONNECTED' });
  }, 60_000);

  it('answers other machines of its network, which find the node by it, and no more when it is withdrawn', async () => {
    const rules = [bed.rule([0], { externalIPs: [address] })];
    await bed.node.call('apply', 'proxy', rules);
    expect(await bed.outside.call('connect', address, 80, 300)).not.toMatchObject({ code: 'CONNECTED' });
    await bed.node.call('apply', 'link', rules);
    await bed.outside.run('ip', ['neigh', 'flush', 'all']);
    for (const client of [bed.outside, bed.pod(0), bed.onNode])
      expect(await client.call('connect', address, 80, 3_000)).toMatchObject({ code: 'CONNECTED' });
    await bed.node.call('apply', 'link', []);
    await bed.outside.run('ip', ['neigh', 'flush', 'all']);
    expect(await bed.outside.call('connect', address, 80, 300)).not.toMatchObject({ code: 'CONNECTED' });
    expect(await bed.node.run('ip', ['-o', 'link'])).not.toContain(': tl');
  }, 60_000);
});

describeFaults({
  name: 'loadbalancer',
  crashes: 8,
  controllers: [loadBalancerPool],
  config: { 'loadbalancer-pool': { pools: [{ name: 'main', addresses: ['192.0.2.0/29'] }] } },
  // The services are the users'.
  counted: [services],
  faultless: { services: { made: 11, deleted: 11 } },
  /** More services than addresses; one changes its type, one goes, one wishes an address; then all go. */
  async life({ api, namespace, reached, rests, remember }) {
    const at = (name: string): { namespace: string; name: string } => ({ namespace, name });
    const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
    const all = async (): Promise<readonly Service[]> => (await api.list(services, { namespace })).items;
    const given = async (): Promise<string[]> => (await all()).flatMap((service) => addressOf(service) ?? []);
    const eightAreGiven = async (): Promise<boolean> => {
      const addresses = await given();
      const isLeft = ({ metadata, spec }: Service): boolean =>
        spec.type === 'LoadBalancer' && metadata.deletionTimestamp === undefined;
      const balanced = (await all()).filter(isLeft);
      const served = balanced.filter((service) => addressOf(service) !== undefined);
      // None is left with a service that goes, or has another type by now.
      return addresses.length === 8 && new Set(addresses).size === 8 && served.length === 8;
    };
    for (const name of names) await api.create(services, aService(namespace, name));
    await reached('eight addresses', eightAreGiven);
    const holders = (await all()).filter((service) => addressOf(service) !== undefined);
    const [first, second] = holders.map(({ metadata }) => metadata.name ?? '');
    await api.patch(services, at(first ?? ''), { type: 'merge', body: { spec: { type: 'ClusterIP' } } });
    await reached('another to have its address', eightAreGiven);
    await rests();
    await api.delete(services, at(second ?? ''));
    await reached('the last to have an address', eightAreGiven);
    const wish = (await given())[0] ?? '';
    await api.create(services, aService(namespace, 'wishful', { loadBalancerIP: wish }));
    const wishful = async (): Promise<Service> => api.get(services, at('wishful'));
    await reached('a refusal', async () => (await wishful()).status?.conditions?.[0]?.reason === 'AddressTaken');
    const holder = (await all()).find((service) => addressOf(service) === wish)?.metadata.name ?? '';
    await api.delete(services, at(holder));
    await reached('the wished address', async () => addressOf(await wishful()) === wish);
    remember('addresses', new Set(await given()).size);
    await rests();
    for (const { metadata } of await all()) await api.delete(services, at(metadata.name ?? ''));
    await reached('the end', async () => (await all()).length === 0);
  },
});
