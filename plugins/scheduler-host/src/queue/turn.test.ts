import { describe, expect, it } from '@jest/globals';
import { manualEnv } from '@timonel/testkit';
import { Turn } from './turn.ts';

const event = { kind: 'object-changed', resource: 'namespaces' } as const;

describe('a turn of the loop', () => {
  it('has the events since the last one; of too many it knows that there were many', () => {
    const turn = new Turn();
    turn.emit(event);
    expect(turn.take()).toEqual([event]);
    expect(turn.take()).toEqual([]);
    for (let index = 0; index < 10_001; index++) turn.emit(event);
    expect(turn.take()).toBeUndefined();
    expect(turn.take()).toEqual([]);
  });

  it('notes what goes only while a scheduler decides', () => {
    const turn = new Turn();
    turn.nodeLeft('before');
    turn.watchDepartures();
    turn.nodeLeft('during');
    turn.podLeft('during');
    const departures = turn.departures();
    turn.podLeft('after');
    expect([...departures.nodes, ...departures.pods]).toEqual(['during', 'during']);
    turn.watchDepartures();
    expect(turn.departures().nodes.size).toBe(0);
  });

  it('sleeps until it is woken, the time is over, or the host ends, and not when something came before', async () => {
    const env = manualEnv();
    const stop = new AbortController();
    const turn = new Turn();
    let awake = 0;
    const sleep = (): void => void turn.sleep(env.timers, 1000, stop.signal).then(() => (awake += 1));
    sleep();
    await env.advance(999);
    expect(awake).toBe(0);
    await env.advance(1);
    expect(awake).toBe(1);
    sleep();
    turn.emit(event);
    await env.settle();
    expect(awake).toBe(2);
    turn.wake();
    sleep();
    await env.settle();
    expect(awake).toBe(3);
    sleep();
    await env.settle();
    expect(awake).toBe(3);
    stop.abort();
    await env.settle();
    expect(awake).toBe(4);
    expect(env.pendingTimers).toBe(0);
  });
});
