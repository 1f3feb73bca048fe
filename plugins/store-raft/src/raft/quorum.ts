import type { Configuration, MemberId } from './types.ts';

export type VoteResult = 'won' | 'lost' | 'pending';

/** The greatest value that a majority of `voters` has reached. No voters: no bound. */
export function majorityValue(voters: readonly MemberId[], valueOf: (id: MemberId) => number): number {
  if (voters.length === 0) return Infinity;
  if (voters.length === 1) return valueOf(voters[0] as MemberId);
  const values = voters.map(valueOf).sort((a, b) => b - a);
  return values[Math.floor(voters.length / 2)] as number;
}

/** The greatest value that the group has agreed to reach: while joint, a majority of both lists (§6). */
export function quorumValue(configuration: Configuration, valueOf: (id: MemberId) => number): number {
  const incoming = majorityValue(configuration.voters, valueOf);
  if (configuration.outgoing.length === 0) return configuration.voters.length === 0 ? 0 : incoming;
  return Math.min(incoming, majorityValue(configuration.outgoing, valueOf));
}

/** Whether those for whom `has` is true are a quorum. */
export function hasQuorum(configuration: Configuration, has: (id: MemberId) => boolean): boolean {
  return quorumValue(configuration, (id) => (has(id) ? 1 : 0)) === 1;
}

function majorityVote(voters: readonly MemberId[], votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  const needed = Math.floor(voters.length / 2) + 1;
  let granted = 0;
  let denied = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === true) granted++;
    else if (vote === false) denied++;
  }
  if (voters.length === 0 || granted >= needed) return 'won';
  return voters.length - denied < needed ? 'lost' : 'pending';
}

/** The state of an election (§5.2); while joint it has to be won in both lists (§6). */
export function voteResult(configuration: Configuration, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  if (configuration.voters.length === 0) return 'lost';
  const incoming = majorityVote(configuration.voters, votes);
  const outgoing = majorityVote(configuration.outgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}
