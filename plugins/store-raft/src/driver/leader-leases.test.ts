import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core/env';
import type { Lease } from '@timonel/sdk/contracts/store';
import { silentLogger } from '../../test/silent-logger.ts';
import type { StateMachine } from '../state/state-machine.ts';
import { LeaderLeases } from './leader-leases.ts';

function bed() {
  const env = createSimulatedEnv({ seed: 1 });
  const state = { leases: [{ id: 1, ttlMs: 1_000 }] as Lease[], failing: false };
  const expired: string[] = [];
  const leases = new LeaderLeases({
    env,
    log: silentLogger,
    machine: () => ({ leases: () => state.leases }) as unknown as StateMachine,
    expire: (id, term) => {
      expired.push(`${id} in ${term}`);
      return state.failing ? Promise.reject(new Error('no majority')) : Promise.resolve();
    },
  });
  return { env, state, expired, leases };
}

describe('LeaderLeases', () => {
  it('ends a lease that nobody keeps alive, once, in the term of its leader', async () => {
    const { env, expired, leases } = bed();
    leases.begin(3);
    await env.advance(900);
    expect(leases.keepAlive(1)).toEqual({ id: 1, ttlMs: 1_000 });
    await env.advance(900);
    expect(expired).toEqual([]);
    await env.advance(200);
    expect(expired).toEqual(['1 in 3']);
    expect(() => leases.keepAlive(1)).toThrow('there is no lease 1');
    leases.changed([{ revoked: 1 }]);
    await env.advance(5_000);
    expect(expired).toHaveLength(1);
  });

  it('gives every lease its full time in each term, whatever was tried in the term before', async () => {
    const { env, state, expired, leases } = bed();
    state.failing = true;
    leases.begin(3);
    await env.advance(1_100);
    expect(expired).toEqual(['1 in 3']);
    leases.end();
    state.failing = false;
    leases.begin(5);
    await env.advance(950);
    expect(expired).toHaveLength(1);
    leases.keepAlive(1);
    leases.begin(6);
    await env.advance(950);
    expect(expired).toHaveLength(1);
    await env.advance(100);
    expect(expired).toEqual(['1 in 3', '1 in 6']);
  });

  it('tries again to end a lease while it leads', async () => {
    const { env, state, expired, leases } = bed();
    state.failing = true;
    leases.begin(3);
    await env.advance(2_500);
    expect(expired).toEqual(['1 in 3', '1 in 3']);
    leases.end();
    await env.advance(5_000);
    expect(expired).toHaveLength(2);
  });
});
