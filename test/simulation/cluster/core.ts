/** The seam to the code under test: everything else here knows only the types of the Raft core. */
import { createRaft as create } from '../../../plugins/store-raft/src/raft/index.ts';
import type { MemberId, Raft, StoredState } from '../../../plugins/store-raft/src/raft/types.ts';

export { SessionTable, type SessionSnapshot } from '../../../plugins/store-raft/src/raft/index.ts';

/** Small limits, so that a short run meets them. */
export interface RaftTuning {
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly checkpointEntries: number;
  readonly messageEntries: number;
  readonly inflightEntries: number;
  readonly tailEntries: number;
  readonly tailBytes: number;
  readonly snapshotChunkBytes: number;
  readonly promoteLagEntries: number;
}

export function createRaft(
  id: MemberId,
  stored: StoredState,
  random: (bound: number) => number,
  tuning: RaftTuning,
): Raft {
  const { tickMs: _tickMs, checkpointEntries: _checkpointEntries, ...options } = tuning;
  return create({ id, stored, random, ...options });
}
