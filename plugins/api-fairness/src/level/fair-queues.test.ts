import { describe, expect, it } from '@jest/globals';
import { FairQueues } from './fair-queues.ts';
import { deal } from './shuffle.ts';

interface Request {
  readonly flow: string;
  readonly width: number;
}

const queuing = { queues: 64, handSize: 6, queueLengthLimit: 50 };

function drain(queues: FairQueues<Request>, count: number): string[] {
  return Array.from({ length: count }, () => {
    const next = queues.peek();
    queues.shift();
    return next?.flow ?? 'nobody';
  });
}

describe('queues of flows', () => {
  it('serve a quiet flow among the first, however many of a noisy one came before', () => {
    const queues = new FairQueues<Request>(queuing);
    for (let count = 0; count < 200; count += 1) queues.push('noisy', { flow: 'noisy', width: 1 });
    for (let count = 0; count < 3; count += 1) queues.push('quiet', { flow: 'quiet', width: 1 });
    // Six queues of the noisy one have a first request, and each of the quiet one is in a queue of its own.
    expect(drain(queues, 9).filter((flow) => flow === 'quiet')).toHaveLength(3);
  });

  it('count wide requests by their width', () => {
    const queues = new FairQueues<Request>({ queues: 2, handSize: 1, queueLengthLimit: 50 });
    const [a, b] = ['a', 'b', 'c', 'd', 'e'].filter((flow, index, all) => {
      return all.findIndex((other) => deal(other, 2, 1)[0] === deal(flow, 2, 1)[0]) === index;
    });
    for (let count = 0; count < 10; count += 1) {
      queues.push(a ?? '', { flow: 'wide', width: 4 });
      queues.push(b ?? '', { flow: 'narrow', width: 1 });
    }
    const served = drain(queues, 10);
    expect(served.filter((flow) => flow === 'narrow')).toHaveLength(8);
  });

  it('are full for one flow while another finds room', () => {
    const queues = new FairQueues<Request>(queuing);
    let taken = 0;
    while (queues.push('noisy', { flow: 'noisy', width: 1 })) taken += 1;
    expect(taken).toBe(queuing.handSize * queuing.queueLengthLimit);
    expect(queues.push('quiet', { flow: 'quiet', width: 1 })).toBe(true);
    expect(queues.length).toBe(taken + 1);
  });

  it('forget a request that is taken out', () => {
    const queues = new FairQueues<Request>(queuing);
    const request = { flow: 'a', width: 1 };
    queues.push('a', request);
    queues.remove(request);
    expect([queues.length, queues.peek()]).toEqual([0, undefined]);
  });
});

describe('the hand of a flow', () => {
  it('is always the same, of different queues, spread over all', () => {
    const seen = new Set<number>();
    for (let flow = 0; flow < 200; flow += 1) {
      const hand = deal(`flow-${flow}`, 64, 6);
      expect(hand).toEqual(deal(`flow-${flow}`, 64, 6));
      expect(new Set(hand).size).toBe(6);
      for (const card of hand) {
        expect(card).toBeGreaterThanOrEqual(0);
        expect(card).toBeLessThan(64);
        seen.add(card);
      }
    }
    expect(seen.size).toBe(64);
  });
});
