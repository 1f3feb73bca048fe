/** Elections (§5.2, §5.4.1), with pre-vote (dissertation 9.6) and votes held back for a living leader (4.2.3). */
import { invariant } from '@timonel/sdk';
import { send, sendWhenDurable, type Core } from './core.ts';
import { isVoter } from './membership.ts';
import { voteResult, type VoteResult } from './quorum.ts';
import { becomeCandidate, becomeFollower, becomePreCandidate } from './roles.ts';
import type { VoteRequest, VoteResponse } from './types.ts';

/** A leader was heard less than the least election timeout ago, or may have been before a restart. */
export function leaderStands(core: Core): boolean {
  if (core.now < core.promisedUntil) return true;
  return core.leader !== undefined && core.electionElapsed < core.settings.electionTicks;
}

/** Whether it may lead: it votes, or did before a change that may never be, and is not about to get another state. */
export function mayCampaign(core: Core): boolean {
  return core.role !== 'leader' && !isOut(core) && core.receiving?.installing !== true;
}

/**
 * Without a vote for good. One that the latest configuration leaves out is needed until that is committed: others may lack the
 * entry, and cannot win against a log that has it (dissertation 4.2.2).
 */
function isOut({ id, log }: Core): boolean {
  if (isVoter(log.configuration, id)) return false;
  return log.configurationIndex <= log.commit || !isVoter(log.previousConfiguration, id);
}

export function isAlone({ id, log: { configuration } }: Core): boolean {
  return configuration.outgoing.length === 0 && configuration.voters.length === 1 && configuration.voters[0] === id;
}

/** Asks whether an election could be won. No term changes, so that one who cannot win disturbs nobody. */
export function preCampaign(core: Core): void {
  if (!mayCampaign(core)) return;
  if (isAlone(core)) {
    campaign(core, false);
    return;
  }
  becomePreCandidate(core);
  core.votes.set(core.id, true);
  requestVotes(core, core.term + 1, true, false);
}

export function campaign(core: Core, transfer: boolean): void {
  if (!mayCampaign(core)) return;
  becomeCandidate(core);
  // Its own vote counts, and is asked others', when term and vote are on disk.
  sendWhenDurable(core, { type: 'voteResponse', to: core.id, preVote: false, granted: true });
  requestVotes(core, core.term, false, transfer);
}

function requestVotes(core: Core, term: number, preVote: boolean, transfer: boolean): void {
  const { configuration, lastIndex, lastTerm } = core.log;
  for (const to of new Set([...configuration.voters, ...configuration.outgoing])) {
    if (to === core.id) continue;
    const request = { type: 'voteRequest', to, term, preVote, transfer, lastIndex, lastTerm } as const;
    if (preVote) send(core, request);
    else sendWhenDurable(core, request);
  }
}

/** Of this term, or of a later one when it is a pre-vote. */
export function handleVoteRequest(core: Core, message: VoteRequest): void {
  const { from, preVote, term } = message;
  const free = core.votedFor === from || (core.votedFor === undefined && core.leader === undefined);
  const may = preVote ? term > core.term || free : free;
  const granted = may && core.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (!granted) {
    // In the term the sender is in, so that it does not take the answer for an old one.
    const answered = preVote ? Math.max(core.term, term - 1) : term;
    send(core, { type: 'voteResponse', to: from, term: answered, preVote, granted });
    return;
  }
  if (preVote) {
    send(core, { type: 'voteResponse', to: from, term, preVote, granted });
    return;
  }
  invariant(core.votedFor === undefined || core.votedFor === from, 'one vote is given in a term');
  invariant(core.role === 'follower' || core.role === 'preCandidate', 'a candidate has voted for itself');
  // It wanted to stand itself, and does not any more.
  if (core.role === 'preCandidate') becomeFollower(core, core.term, undefined);
  core.votedFor = from;
  core.electionElapsed = 0;
  sendWhenDurable(core, { type: 'voteResponse', to: from, preVote, granted });
}

/** The outcome so far, when the answer belongs to the election under way. */
export function handleVoteResponse(core: Core, message: VoteResponse): VoteResult {
  if (core.role !== (message.preVote ? 'preCandidate' : 'candidate')) return 'pending';
  if (message.preVote && message.granted && message.term !== core.term + 1) return 'pending';
  if (!core.votes.has(message.from)) core.votes.set(message.from, message.granted);
  const result = voteResult(core.log.configuration, core.votes);
  if (result === 'lost') becomeFollower(core, core.term, undefined);
  return result;
}
