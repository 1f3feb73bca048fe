/** Preemption: victims, nominations, and their end. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { nodes } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import {
  Bed,
  makeNode,
  makePod,
  getPod,
  remove,
  placed,
  conditionOf,
  waitsBecause,
  nominatedNode,
  eventOf,
} from './scheduler-host-bed.ts';

describe('preemption by scheduler-host', () => {
  let bed: Bed;
  let api: Bed['api'];
  let firstFit: Bed['firstFit'];

  beforeAll(async () => {
    bed = await Bed.start();
    ({ api, firstFit } = bed);
  });
  afterEach(() => bed.reset());
  afterAll(() => bed.kernel.stop());

  it('tells and deletes the victims, keeps the room, and binds when they have gone', async () => {
    await makeNode(api, 'a', '2');
    const victim = await makePod(api, '2', { priority: 1 });
    await placed(api, victim);
    const important = await makePod(api, '2', { priority: 10 });
    expect(await nominatedNode(api, important)).toBe('a');
    await until(async () => (await getPod(api, victim)).metadata.deletionTimestamp, {
      what: 'the end of the victim',
    });
    expect(await conditionOf(api, victim, 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'PreemptionByScheduler',
    });
    const { uid } = (await getPod(api, important)).metadata;
    expect(await eventOf(api, victim, 'Preempted')).toBe(`Preempted by pod ${uid} on node a`);
    expect(await waitsBecause(api, important)).toBe('0/1 nodes are available: 1 Insufficient cpu.');
    // The room is not for a pod of less priority.
    const lesser = await makePod(api, '1', { priority: 5 });
    await waitsBecause(api, lesser);
    expect(firstFit.snapshot?.rows[0]?.nominated.map(({ name }) => name)).toEqual([important]);
    await remove(api, victim);
    expect(await placed(api, important)).toBe('a');
    expect((await getPod(api, lesser)).spec.nodeName).toBeUndefined();
    await until(() => firstFit.snapshot?.rows[0]?.nominated.length === 0, { what: 'the end of the nomination' });
  });

  it('of a more important pod takes the nomination of a lesser one', async () => {
    await makeNode(api, 'a', '2');
    const victim = await makePod(api, '2', { priority: 1 });
    await placed(api, victim);
    const lesser = await makePod(api, '2', { priority: 10 });
    await nominatedNode(api, lesser);
    const greater = await makePod(api, '2', { priority: 20 });
    await nominatedNode(api, greater);
    await until(async () => (await getPod(api, lesser)).status?.nominatedNodeName === undefined, {
      what: 'the end of the nomination',
    });
    await remove(api, victim);
    expect(await placed(api, greater)).toBe('a');
  });

  it('ends with the node', async () => {
    await makeNode(api, 'a', '2');
    const victim = await makePod(api, '2', { priority: 1 });
    await placed(api, victim);
    const important = await makePod(api, '2', { priority: 10 });
    await nominatedNode(api, important);
    await api.delete(nodes, { name: 'a' });
    await until(async () => (await getPod(api, important)).status?.nominatedNodeName === undefined, {
      what: 'the end of the nomination',
    });
    await makeNode(api, 'b', '2');
    expect(await placed(api, important)).toBe('b');
  });

  it('is forgotten when the pod finds another node', async () => {
    await makeNode(api, 'a', '2');
    const victim = await makePod(api, '2', { priority: 1 });
    await placed(api, victim);
    const important = await makePod(api, '2', { priority: 10 });
    await nominatedNode(api, important);
    await makeNode(api, 'b', '2');
    expect(await placed(api, important)).toBe('b');
    await until(async () => (await getPod(api, important)).status?.nominatedNodeName === undefined, {
      what: 'the end of the nomination',
    });
  });
});
