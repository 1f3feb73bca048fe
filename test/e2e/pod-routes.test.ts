/** Pods of different nodes reach each other under their own addresses: network-bridge and routes-auto on machines of the bed. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { pings, PodNode, seenAs } from './bed/pod-nodes.ts';

jest.setTimeout(90_000);
const n3 = { name: 'n3', podCIDRs: ['10.244.3.0/24'], addresses: ['10.99.0.103'] };
const suite = bedMissing === undefined ? describe : describe.skip;

suite(`pods of several nodes${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let bed: Bed;
  let n1: PodNode;
  let n2: PodNode;
  const address = new Map<string, string>();

  beforeAll(async () => {
    bed = await createBed({ nodes: 2 });
    [n1, n2] = [new PodNode(bed.machine('n1'), ['10.244.1.0/24']), new PodNode(bed.machine('n2'), ['10.244.2.0/24'])];
    await Promise.all([n1.start(), n2.start()]);
    address.set('a', await n1.pod('a'));
    address.set('b', await n2.pod('b'));
  });
  afterAll(() => bed?.[Symbol.asyncDispose]());

  const at = (pod: string): string => address.get(pod) ?? '';

  it('do not reach each other without routes', async () => {
    expect([await n1.routes(), await n2.routes()]).toEqual([[], []]);
    expect(await pings(n1, 'a', at('b'))).toBe(false);
  });

  it("reach each other, and each other's nodes, under their own addresses", async () => {
    for (const teller of [n1, n2]) for (const node of [n1, n2]) await node.announceTo(teller);
    await until(async () => (await n1.routes()).length === 1 && (await n2.routes()).length === 1, { what: 'routes' });
    expect(await n1.routes()).toEqual([`10.244.2.0/24 via ${n2.machine.address} dev eth0`]);
    expect(await pings(n1, 'a', at('b'))).toBe(true);
    expect(await pings(n2, 'b', at('a'))).toBe(true);
    expect(await seenAs(n1, 'a', n2, 'b', at('b'))).toBe(at('a'));
    expect(await seenAs(n2, 'b', n1, 'a', at('a'))).toBe(at('b'));
    // A node's own processes reach pods elsewhere; a pod that leaves the cluster's ranges does so as its node.
    expect(await seenAs(n1, undefined, n2, 'b', at('b'))).toBe(n1.machine.address);
    expect(await seenAs(n1, 'a', n2, undefined, n2.machine.address)).toBe(n1.machine.address);
  });

  it('are cut off with their machines, and come back', async () => {
    await bed.cut('n1', 'n2');
    expect(await pings(n1, 'a', at('b'))).toBe(false);
    await bed.heal();
    expect(await pings(n1, 'a', at('b'))).toBe(true);
  });

  it('have their route again when somebody has deleted it; a node that is gone has none', async () => {
    const [route] = await n1.routes();
    await n1.machine.mustExec('ip', ['route', 'del', '10.244.2.0/24']);
    await until(async () => (await n1.routes())[0] === route, { what: 'the route to come back' });
    await n1.tell({ node: n3 });
    await until(async () => (await n1.routes()).length === 2, { what: 'the route to n3' });
    await n1.tell({ deleteNode: 'n3' });
    await until(async () => (await n1.routes()).length === 1, { what: 'the route to n3 to go' });
  });

  it('keep their routes while the API is away, over a restart, and with an API that does not know their node', async () => {
    await n1.tell({ endApi: true });
    const routes = await n1.routes();
    expect(routes).toHaveLength(1);
    await n1.kill9();
    expect(await n1.routes()).toEqual(routes);
    await n1.start(); // with an API that is empty
    await n1.tell({ node: n3 });
    await until(async () => (await n1.routes()).length === 2, { what: 'the route to n3' });
    expect(await n1.routes()).toContain(routes[0]);
    expect(await pings(n1, 'a', at('b'))).toBe(true);
    await n1.announceTo(n1);
    await until(async () => (await n1.routes()).length === 1, { what: 'the route to n2, which is unknown now, to go' });
    await n2.announceTo(n1);
    await until(async () => (await n1.routes()).includes(routes[0] ?? ''), { what: 'the route to n2' });
  });

  it('keep them when the plugin restarts, and lose them at a shutdown', async () => {
    await n2.tell({ stop: 'restart' });
    expect(await n2.routes()).toHaveLength(1);
    expect(await pings(n1, 'a', at('b'))).toBe(true);
    await n1.tell({ stop: 'shutdown' });
    expect(await n1.routes()).toEqual([]);
  });
});
