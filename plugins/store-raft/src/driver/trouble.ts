import type { MemberId, RaftStatus } from '../raft/index.ts';

/** Why a member gets no answer from its group. */
export function troubleWithGroup({ configuration, leader }: RaftStatus, member: MemberId): string {
  const { voters, outgoing, learners } = configuration;
  if (![...voters, ...outgoing, ...learners].includes(member)) {
    return voters.length === 0
      ? 'this member waits to be taken in by its group'
      : 'this member has been removed from its group';
  }
  if (leader === undefined) return `no leader: a majority of the ${voters.length} members must be up and connected`;
  return 'the members did not agree in time';
}
