/** Where a message goes, by its term first (figure 2: rules for all servers) and its type then. */
import { invariant } from '@timonel/sdk';
import { send, type Core } from './core.ts';
import { campaign, handleVoteRequest, handleVoteResponse, leaderStands, mayCampaign } from './election.ts';
import { handleAppendRequest, handleHeartbeatRequest, hearLeader } from './follower.ts';
import { advanceCommit, propose, takeOffice } from './leader.ts';
import type { Progress } from './progress.ts';
import { confirmRounds, handleReadRequest } from './read-index.ts';
import { handleAppendResponse, resendLost } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { handleSnapshotRequest } from './snapshot-receive.ts';
import { handleSnapshotResponse, resendLostChunks } from './snapshot-send.ts';
import { orderCampaign } from './transfer.ts';
import type {
  AppendResponse,
  ForwardRequest,
  HeartbeatResponse,
  Message,
  Refusal,
  SnapshotResponse,
  VoteResponse,
} from './types.ts';

export function step(core: Core, message: Message): void {
  if (message.to !== core.id) return;
  if (message.term > core.term && !admitLater(core, message)) return;
  if (message.term < core.term) {
    answerEarlier(core, message);
    return;
  }
  handle(core, message);
}

function isFromLeader({ type }: Message): boolean {
  return type === 'appendRequest' || type === 'heartbeatRequest' || type === 'snapshotRequest';
}

/** A later term was seen. False: the message is left alone. */
function admitLater(core: Core, message: Message): boolean {
  if (message.type === 'voteRequest') {
    // Whoever cannot hear the leader shall not bring it down (dissertation 4.2.3), unless the leader itself wants it.
    if (!message.transfer && leaderStands(core)) return false;
    if (message.preVote) return true;
  }
  if (message.type === 'voteResponse' && message.preVote && message.granted) return true;
  becomeFollower(core, message.term, isFromLeader(message) ? message.from : undefined);
  return true;
}

/** The sender is behind: it learns the term from the answer, and steps down if it led (§5.1). */
function answerEarlier(core: Core, message: Message): void {
  if (isFromLeader(message)) {
    send(core, { type: 'heartbeatResponse', to: message.from, round: 0 });
  } else if (message.type === 'voteRequest') {
    send(core, { type: 'voteResponse', to: message.from, preVote: message.preVote, granted: false });
  } else if (message.type === 'forwardRequest') {
    refuse(core, message, 'notLeader');
  } else if (message.type === 'readRequest') {
    send(core, { type: 'readResponse', to: message.from, context: message.context, index: undefined });
  }
}

function handle(core: Core, message: Message): void {
  switch (message.type) {
    case 'voteRequest':
      handleVoteRequest(core, message);
      return;
    case 'voteResponse':
      handleVote(core, message);
      return;
    case 'appendRequest':
      hearLeader(core, message);
      handleAppendRequest(core, message);
      return;
    case 'heartbeatRequest':
      hearLeader(core, message);
      handleHeartbeatRequest(core, message);
      return;
    case 'snapshotRequest':
      hearLeader(core, message);
      handleSnapshotRequest(core, message);
      return;
    case 'appendResponse':
    case 'heartbeatResponse':
    case 'snapshotResponse':
      handleFollowerAnswer(core, message);
      return;
    case 'timeoutNow':
      if (core.leader === message.from && mayCampaign(core)) campaign(core, true);
      return;
    case 'forwardRequest':
      handleForward(core, message);
      return;
    case 'forwardRefusal':
      for (const proposal of message.proposals) core.refused.push({ proposal, reason: message.reason });
      return;
    case 'readRequest':
      handleReadRequest(core, message);
      return;
    case 'readResponse':
      core.reads.push({ context: message.context, index: message.index });
      return;
  }
}

function handleVote(core: Core, message: VoteResponse): void {
  if (handleVoteResponse(core, message) !== 'won') return;
  if (message.preVote) campaign(core, false);
  else takeOffice(core);
}

function handleFollowerAnswer(core: Core, message: AppendResponse | HeartbeatResponse | SnapshotResponse): void {
  if (core.role !== 'leader') return;
  const progress = core.progress.get(message.from);
  // It was removed.
  if (progress === undefined) return;
  progress.lastActive = core.now;
  if (message.type === 'snapshotResponse') {
    handleSnapshotResponse(progress, message);
    return;
  }
  invariant(message.round <= core.round, `${message.from} answers a round that has begun`);
  if (message.round > progress.round) {
    progress.round = message.round;
    confirmRounds(core);
  }
  if (message.type === 'heartbeatResponse') {
    heartbeatAnswered(core, progress);
  } else if (handleAppendResponse(core, progress, message)) {
    advanceCommit(core);
    if (core.transfer?.to === message.from) orderCampaign(core);
  }
}

function heartbeatAnswered(core: Core, progress: Progress): void {
  if (progress.state === 'snapshot') resendLostChunks(core, progress);
  else resendLost(core, progress);
}

function handleForward(core: Core, message: ForwardRequest): void {
  // Passed on once only: two members that take each other for the leader must not send it round for ever.
  if (core.role !== 'leader') {
    refuse(core, message, 'notLeader');
    return;
  }
  const result = propose(core, message.proposals);
  if (result.type === 'refused') refuse(core, message, result.reason);
}

function refuse(core: Core, { from, proposals }: ForwardRequest, reason: Refusal): void {
  send(core, { type: 'forwardRefusal', to: from, proposals, reason });
}
