import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core/env';
import type { Raft, SoftState } from '../raft/index.ts';
import { GroupChanges } from './group-changes.ts';

function bed() {
  const env = createSimulatedEnv({ seed: 1 });
  const state = { soft: { role: 'leader', leader: 'a', term: 1 } as SoftState };
  const raft = { transferLeadership: () => ({ type: 'started' }) } as unknown as Raft;
  const times = { timeoutMs: 5_000, handOverMs: 4_000, resignMs: 1_000 };
  const changes = new GroupChanges({
    env,
    raft,
    ...times,
    input: (action) => action(),
    soft: () => state.soft,
    trouble: () => 'no quorum',
  });
  const takesOver = (leader: string): void => {
    state.soft = { role: 'follower', leader, term: 2 };
    changes.wake();
  };
  return { changes, takesOver };
}

describe('transferLeadership', () => {
  it('is over when the wanted member leads, or any when none is named', async () => {
    for (const wanted of ['b', undefined]) {
      const { changes, takesOver } = bed();
      const over = changes.transferLeadership(wanted);
      takesOver('b');
      await expect(over).resolves.toBeUndefined();
    }
  });

  it('has not been done when another has taken over: it may be asked again', async () => {
    const { changes, takesOver } = bed();
    const over = changes.transferLeadership('b');
    takesOver('c');
    await expect(over).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('c leads now') });
  });
});
