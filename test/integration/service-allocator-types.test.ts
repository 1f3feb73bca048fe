/** Services whose type changes: what they get, what they give back, and what repairs the record of it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { coreEvents, endpoints, endpointSlices, services, type Service } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { UnsteadyStore } from '../support/unsteady-store.ts';

const allocations = '/timonel/allocations/';
const namespace = 'default';
type Spec = Partial<Service['spec']>;

let memory: MemoryStore;
let server: TestApiServer;
let sequence = 0;

beforeAll(async () => {
  memory = new MemoryStore(createRealEnv());
  server = await startApiServer({
    store: new UnsteadyStore(memory),
    config: {
      'service-allocator': {
        clusterIpRange: '10.7.0.0/24',
        nodePorts: { first: 30_000, last: 30_010 },
        repair: { periodMs: 100, graceMs: 300 },
      },
    },
  });
});
afterAll(async () => {
  await server.stop();
  memory.close();
});

async function claims(): Promise<string[]> {
  const { kvs } = await memory.range({ prefix: allocations });
  return kvs.map(({ key }) => key.slice(allocations.length));
}

function create(spec: Spec): Promise<Service> {
  const name = `s${(sequence += 1)}`;
  const whole = { ports: [{ port: 80 }], ...spec };
  return server.api.create(services, { metadata: { namespace, name }, spec: whole });
}

function change({ metadata: { name = '' } }: Service, spec: object): Promise<Service> {
  return server.api.patch(services, { namespace, name }, { type: 'merge', body: { spec } });
}

const get = ({ metadata: { name = '' } }: Service): Promise<Service> => server.api.get(services, { namespace, name });
const nodePort = ({ spec }: Service): number => spec.ports?.[0]?.nodePort ?? 0;
const toExternal = { type: 'ExternalName', externalName: 'a.example' };

/** The claims of the values that the service has. */
function valuesOf(service: Service): string[] {
  const { clusterIP = 'None' } = service.spec;
  const port = nodePort(service);
  return [...(clusterIP === 'None' ? [] : [`addresses/${clusterIP}`]), ...(port ? [`node-ports/${port}-TCP`] : [])];
}

async function claimedAre(service: Service): Promise<boolean> {
  const all = await claims();
  return valuesOf(service).every((value) => all.includes(value));
}

async function becomeFree(values: readonly string[]): Promise<void> {
  const gone = async (): Promise<boolean> => {
    const all = await claims();
    return values.every((value) => !all.includes(value));
  };
  await until(gone, { what: `${values.join()} to be free` });
}

const shapes: Readonly<Record<string, Spec>> = {
  ClusterIP: { type: 'ClusterIP' },
  NodePort: { type: 'NodePort' },
  LoadBalancer: { type: 'LoadBalancer', loadBalancerClass: 'example.com/lb' },
  headless: { type: 'ClusterIP', clusterIP: 'None' },
  ExternalName: toExternal,
};
const needsAddress = (shape: string): boolean => shape !== 'headless' && shape !== 'ExternalName';
const needsPort = (shape: string): boolean => shape === 'NodePort' || shape === 'LoadBalancer';
// An address stays for life, but for ExternalName, which has none.
const pairs = Object.keys(shapes).flatMap((from) =>
  Object.keys(shapes)
    .filter(
      (to) =>
        to !== from && (from === 'ExternalName' || to === 'ExternalName' || needsAddress(from) === needsAddress(to)),
    )
    .map((to): [string, string] => [from, to]),
);

describe('a service that becomes of another type', () => {
  it.each(pairs)('%s to %s has what it needs, and gives back the rest', async (from, to) => {
    const before = await create(shapes[from] ?? {});
    expect(await claimedAre(before)).toBe(true);
    const after = await change(before, shapes[to] ?? {});
    const { spec } = after;
    expect([Boolean(spec.clusterIP && spec.clusterIP !== 'None'), nodePort(after) > 0]).toEqual([
      needsAddress(to),
      needsPort(to),
    ]);
    if (needsAddress(from) && needsAddress(to)) expect(spec.clusterIP).toBe(before.spec.clusterIP);
    if (needsPort(from) && needsPort(to)) expect(nodePort(after)).toBe(nodePort(before));
    expect([spec.loadBalancerClass, spec.externalTrafficPolicy, spec.internalTrafficPolicy, spec.externalName]).toEqual(
      [
        to === 'LoadBalancer' ? 'example.com/lb' : undefined,
        needsPort(to) ? 'Cluster' : undefined,
        to === 'ExternalName' ? undefined : 'Cluster',
        to === 'ExternalName' ? 'a.example' : undefined,
      ],
    );
    expect(await claimedAre(after)).toBe(true);
    const kept = valuesOf(after);
    await becomeFree(valuesOf(before).filter((value) => !kept.includes(value)));
    await server.api.delete(services, { namespace, name: after.metadata.name ?? '' });
    await becomeFree(kept);
  });

  it('may be replaced by what a client has of it, with the values of before', async () => {
    const made = await create({ type: 'NodePort' });
    const { metadata, spec } = made;
    const replaced = await server.api.update(services, { metadata, spec: { ...spec, ...toExternal } });
    expect([replaced.spec.clusterIP, replaced.spec.clusterIPs, nodePort(replaced)]).toEqual([undefined, undefined, 0]);
    await becomeFree(valuesOf(made));
    const port = nodePort(made);
    const next = await create({ type: 'NodePort', ports: [{ port: 80, nodePort: port }] });
    expect(nodePort(next)).toBe(port);
  });

  it.each(Object.keys(shapes))('%s may say that its node port is null', async (shape) => {
    const made = await create({ ...shapes[shape], ports: [{ port: 80, nodePort: null as never }] });
    expect(nodePort(made) > 0).toBe(needsPort(shape));
    await server.api.delete(services, { namespace, name: made.metadata.name ?? '' });
    await becomeFree(valuesOf(made));
  });

  it('does not change its class, nor its address', async () => {
    const balanced = await create({ type: 'LoadBalancer', loadBalancerClass: 'example.com/lb' });
    await expect(change(balanced, { loadBalancerClass: 'example.com/other' })).rejects.toThrow(
      'may not change once set',
    );
    await expect(create({ type: 'ClusterIP', loadBalancerClass: 'example.com/lb' })).rejects.toThrow(
      'may only be used',
    );
    await expect(change(balanced, { clusterIP: '10.7.0.99' })).rejects.toThrow('may not change once set');
    const plain = await create({});
    await expect(change(plain, { clusterIP: 'None' })).rejects.toThrow('may not change once set');
    await server.api.delete(services, { namespace, name: balanced.metadata.name ?? '' });
  });
});

describe('the repair', () => {
  async function eventsOf({ metadata: { uid } }: Service): Promise<string[]> {
    const { items } = await server.api.list(coreEvents, { namespace });
    return items
      .filter(({ involvedObject }) => involvedObject.uid === uid)
      .map(({ reason, message, source }) => `${source?.component} ${reason}: ${message}`)
      .toSorted((a, b) => (a < b ? -1 : 1));
  }

  it('makes claims anew that were lost, and says so', async () => {
    const made = await create({ type: 'NodePort' });
    for (const value of valuesOf(made))
      await memory.txn({ compare: [], success: [{ op: 'delete', key: allocations + value }] });
    await until(() => claimedAre(made), { what: 'the claims' });
    await until(async () => (await eventsOf(made)).length === 2, { what: 'two events' });
    expect(await eventsOf(made)).toEqual([
      `ipallocator-repair-controller ClusterIPNotAllocated: Cluster IP [IPv4]: ${made.spec.clusterIP} is not allocated; repairing`,
      `portallocator-repair-controller PortNotAllocated: Port ${nodePort(made)} is not allocated; repairing`,
    ]);
  });

  it('tells of services that have one value, as a restore may leave them, once, and of values of no range', async () => {
    const [first, second] = [await create({ type: 'NodePort' }), await create({ type: 'NodePort' })];
    // Past the API server, as a restore of a part of the store does it.
    const key = `/registry/services/${namespace}/${second.metadata.name}`;
    const found = (await memory.range({ prefix: '/' })).kvs.find((kv) =>
      kv.key.endsWith(key.slice('/registry'.length)),
    );
    const text = Buffer.from(found?.value ?? []).toString('utf8');
    const altered = text
      .replaceAll(second.spec.clusterIP ?? '', first.spec.clusterIP ?? '')
      .replaceAll(`"nodePort":${nodePort(second)}`, '"nodePort":31999');
    expect(altered).not.toBe(text);
    await memory.txn({ compare: [], success: [{ op: 'put', key: found?.key ?? '', value: Buffer.from(altered) }] });
    const told = async (): Promise<string[]> => [...(await eventsOf(first)), ...(await eventsOf(second))];
    const words = async (reason: string): Promise<number> =>
      (await told()).filter((text) => text.includes(reason)).length;
    await until(async () => (await words('ClusterIPAlreadyAllocated')) === 1, { what: 'the event of the address' });
    await until(async () => (await words('PortOutOfRange')) === 1, { what: 'the event of the port' });
    await server.api.delete(services, { namespace, name: second.metadata.name ?? '' });
    // Which of the two is the elder one, and had the claim, is chance within one second.
    await until(async () => claimedAre(await get(first)), { what: 'the claim of the one that is left' });
  });
});

describe('the service kubernetes', () => {
  it('is made again when it is deleted, and put right when its ports are changed', async () => {
    const at = { namespace, name: 'kubernetes' };
    const before = await until(() => server.api.get(services, at), { what: 'the service' });
    await server.api.delete(services, at);
    const after = await until(() => server.api.get(services, at), { what: 'the service again', timeoutMs: 20_000 });
    expect([after.spec.clusterIP, after.spec.ports]).toEqual(['10.7.0.1', before.spec.ports]);
    // This server listens on a loopback address, which no endpoint may have.
    expect((await server.api.list(endpointSlices, { namespace })).items).toEqual([]);
    expect((await server.api.list(endpoints, { namespace })).items).toEqual([]);
  }, 30_000);
});
