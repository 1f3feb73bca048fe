import { describe, expect, it } from '@jest/globals';
import { calmNetwork, Network, type NetworkConditions } from './network.ts';
import { SimRandom } from './random.ts';
import { Scheduler } from './scheduler.ts';

function bed(conditions: Partial<NetworkConditions> = {}) {
  const scheduler = new Scheduler();
  const network = new Network<number>(scheduler, new SimRandom(1));
  network.conditions = { ...calmNetwork, ...conditions };
  const received: string[] = [];
  for (const name of ['a', 'b', 'c']) network.listen(name, (from, n) => received.push(`${from}>${name}:${n}`));
  return { scheduler, network, received };
}

describe('network', () => {
  it('delivers all of it after at least the least delay', () => {
    const { scheduler, network, received } = bed({ delayMinMs: 5, delayMeanMs: 10 });
    for (let n = 0; n < 100; n++) network.send('a', 'b', n);
    scheduler.runUntil(4.9);
    expect(received).toEqual([]);
    scheduler.runUntil(1_000);
    expect(received).toHaveLength(100);
  });

  it('loses, doubles and reorders as often as it is told', () => {
    const lossy = bed({ lossChance: 0.3 });
    for (let n = 0; n < 1_000; n++) lossy.network.send('a', 'b', n);
    lossy.scheduler.runUntil(1_000);
    expect(lossy.received.length).toBeGreaterThan(600);
    expect(lossy.received.length).toBeLessThan(800);

    const doubling = bed({ duplicateChance: 1 });
    doubling.network.send('a', 'b', 1);
    doubling.scheduler.runUntil(1_000);
    expect(doubling.received).toEqual(['a>b:1', 'a>b:1']);

    const reordering = bed({ reorderChance: 0.5 });
    for (let n = 0; n < 50; n++) reordering.scheduler.after(n, () => reordering.network.send('a', 'b', n));
    reordering.scheduler.runUntil(1_000);
    expect(reordering.received).not.toEqual(Array.from({ length: 50 }, (_, n) => `a>b:${n}`));
  });

  it('cuts in both directions or in one, also what is under way, and heals', () => {
    const { scheduler, network, received } = bed();
    network.send('a', 'b', 0);
    network.partition(['a'], ['b', 'c'], 'both');
    network.send('a', 'b', 1);
    network.send('c', 'a', 2);
    network.send('b', 'c', 3);
    scheduler.runUntil(100);
    expect(received).toEqual(['b>c:3']);
    network.unblockAll();
    network.partition(['a'], ['b'], 'a-to-b');
    network.send('a', 'b', 4);
    network.send('b', 'a', 5);
    scheduler.runUntil(200);
    expect(received).toEqual(['b>c:3', 'b>a:5']);
    network.unblockAll();
    network.send('a', 'b', 6);
    scheduler.runUntil(300);
    expect(received).toEqual(['b>c:3', 'b>a:5', 'a>b:6']);
  });

  it('holds the messages of a clogged link', () => {
    const { scheduler, network, received } = bed();
    network.clog('a', 'b', 500);
    network.send('a', 'b', 1);
    network.send('b', 'a', 2);
    scheduler.runUntil(499);
    expect(received).toEqual(['b>a:2']);
    scheduler.runUntil(600);
    expect(received).toEqual(['b>a:2', 'a>b:1']);
  });

  it('loses what comes for a process that ended', () => {
    const { scheduler, network, received } = bed();
    network.send('a', 'b', 1);
    network.close('b');
    scheduler.runUntil(100);
    expect(received).toEqual([]);
    expect(network.counts).toMatchObject({ sent: 1, delivered: 0, blocked: 1 });
  });
});
