import { invariant } from '@timonel/sdk';
import { send, type Core } from './core.ts';
import { hasQuorum } from './quorum.ts';
import { Progress } from './progress.ts';
import { membersOf } from './membership.ts';
import type { MemberId } from './types.ts';

/**
 * A new random timeout of one to two election timeouts, so that two members seldom campaign at once (§5.2). With turns each draws from
 * the beginning of its share, a tick after it: by then the others have missed the leader too, and can vote before it is their turn.
 */
export function resetElectionTimer(core: Core): void {
  const { electionTicks } = core.settings;
  const { turn, turns } = turnToStand(core);
  const share = electionTicks / turns;
  core.electionElapsed = 0;
  core.electionTimeout =
    turns === 1
      ? electionTicks + core.random(electionTicks)
      : electionTicks + Math.floor(share * turn) + 1 + core.random(Math.max(1, Math.floor(share / 4)));
}

/**
 * The voters that follow a leader share the time out among them, in another order each term: when it falls silent, the first one stands
 * soon, and seldom two at once. Without a leader each draws from the whole of it.
 */
function turnToStand({ id, leader, term, log: { configuration } }: Core): { turn: number; turns: number } {
  const { voters } = configuration;
  if (leader === undefined || !voters.includes(id)) return { turn: 0, turns: 1 };
  let turns = 0;
  let before = 0;
  for (const voter of voters) {
    if (voter === leader) continue;
    turns++;
    if (voter < id) before++;
  }
  return turns === 0 ? { turn: 0, turns: 1 } : { turn: (before + term) % turns, turns };
}

export function becomeFollower(core: Core, term: number, leader: MemberId | undefined): void {
  invariant(term >= core.term, 'a term never goes back');
  invariant(
    term > core.term || core.leader === undefined || leader === undefined || leader === core.leader,
    `one term has one leader: ${core.term} has ${core.leader} and ${leader}`,
  );
  if (core.role === 'leader') leaveOffice(core);
  if (term > core.term) {
    core.term = term;
    core.votedFor = undefined;
  }
  core.role = 'follower';
  core.leader = leader;
  core.votes = new Map();
  resetElectionTimer(core);
}

export function becomePreCandidate(core: Core): void {
  invariant(core.role !== 'leader', 'a leader does not campaign');
  core.role = 'preCandidate';
  core.leader = undefined;
  core.votes = new Map();
  resetElectionTimer(core);
}

export function becomeCandidate(core: Core): void {
  invariant(core.role !== 'leader', 'a leader does not campaign');
  core.role = 'candidate';
  core.leader = undefined;
  core.term++;
  core.votedFor = core.id;
  core.votes = new Map();
  resetElectionTimer(core);
}

/** Takes office. The caller appends the first entry of the term. */
export function becomeLeader(core: Core): void {
  invariant(core.role === 'candidate', 'only a candidate becomes leader');
  const voted = (id: MemberId): boolean => core.votes.get(id) === true;
  invariant(hasQuorum(core.log.configuration, voted), 'a leader was elected by a majority');
  core.role = 'leader';
  core.leader = core.id;
  core.termStart = core.log.lastIndex + 1;
  core.electionElapsed = 0;
  core.heartbeatElapsed = 0;
  core.round = 0;
  core.roundStarts = [];
  core.leaseUntil = 0;
  core.leaseRevoked = false;
  core.pendingReads = [];
  core.transfer = undefined;
  core.snapshotBudgetBytes = core.settings.snapshotBytesPerTick;
  core.progress = new Map();
  syncProgress(core);
  for (const progress of core.progress.values()) if (voted(progress.id)) progress.lastActive = core.now;
}

/** One progress for each other member; those that a change not yet committed removes are still told of it. */
export function syncProgress(core: Core): void {
  const { log } = core;
  const wanted = new Set(membersOf(log.configuration));
  if (log.configurationIndex > log.commit) for (const id of membersOf(log.previousConfiguration)) wanted.add(id);
  wanted.delete(core.id);
  for (const id of core.progress.keys()) if (!wanted.has(id)) core.progress.delete(id);
  for (const id of wanted) {
    if (core.progress.has(id)) continue;
    core.progress.set(id, new Progress(id, log.lastIndex + 1, core.now - core.settings.electionTicks));
  }
}

function leaveOffice(core: Core): void {
  for (const read of core.pendingReads) {
    if (read.from === core.id) core.reads.push({ context: read.context, index: undefined });
    else send(core, { type: 'readResponse', to: read.from, context: read.context, index: undefined });
  }
  core.pendingReads = [];
  core.progress = new Map();
  core.roundStarts = [];
  core.leaseUntil = 0;
  core.transfer = undefined;
  core.snapshotReads = [];
}

/** Whether a majority, this leader included, answered within the last election timeout (dissertation 6.2). */
export function hasActiveQuorum(core: Core): boolean {
  return hasQuorum(core.log.configuration, (id) => isActive(core, id));
}

export function isActive(core: Core, id: MemberId): boolean {
  if (id === core.id) return true;
  const progress = core.progress.get(id);
  return progress !== undefined && core.now - progress.lastActive < core.settings.electionTicks;
}
