import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core/env';
import type { Entry, Raft, Ready } from '../raft/index.ts';
import { CoreLoop } from './core-loop.ts';

function bed() {
  const env = createSimulatedEnv({ seed: 1 });
  const state = { readies: [] as Entry[][], ticks: [] as number[], gathered: 0, handled: [] as number[] };
  const failures: unknown[] = [];
  const raft = {
    tick: (count: number) => void state.ticks.push(count),
    hasReady: () => state.readies.length > 0,
    ready: () => ({ committed: state.readies.shift() ?? [] }) as unknown as Ready,
  } as unknown as Raft;
  const loop = new CoreLoop({
    env,
    raft,
    tickMs: 10,
    gather: () => void state.gathered++,
    handle: ({ committed }) => void state.handled.push(committed.length),
    failed: (error) => failures.push(error),
  });
  return { env, state, failures, loop };
}

const entry = (bytes: number): Entry => ({ type: 'command', index: 1, term: 1, data: new Uint8Array(bytes) });

describe('CoreLoop', () => {
  it('takes what came in one turn together', async () => {
    const { env, state, loop } = bed();
    loop.input(() => state.readies.push([]));
    loop.input(() => undefined);
    expect([state.handled, state.gathered]).toEqual([[], 0]);
    await env.settle();
    expect([state.handled, state.gathered]).toEqual([[0], 1]);
  });

  it('lets the time that has passed come first, all at once', async () => {
    const { env, state, loop } = bed();
    await env.advance(95);
    loop.input(() => expect(state.ticks).toEqual([9]));
    await env.advance(5);
    loop.input(() => expect(state.ticks).toEqual([9, 1]));
  });

  it('gives others their turn amid much to apply', async () => {
    const { env, state, loop } = bed();
    for (let n = 0; n < 5; n++) state.readies.push([entry(600 * 1024)]);
    loop.pump();
    expect(state.handled).toHaveLength(2);
    expect(env.pendingTimers).toBe(1);
    await env.settle();
    expect(state.handled).toHaveLength(5);
  });

  it('stops for good when the core throws, and tells once', async () => {
    const { env, failures, state, loop } = bed();
    const broken = new Error('broken');
    const result = loop.input(() => {
      throw broken;
    });
    expect(result).toBeUndefined();
    state.readies.push([]);
    expect(loop.input(() => 1)).toBeUndefined();
    loop.pump();
    await env.settle();
    expect([failures, state.handled]).toEqual([[broken], []]);
  });
});
