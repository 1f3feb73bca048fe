/** What a leader does of its own accord: proposals, commitment, changes of membership, its clock. */
import { invariant } from '@timonel/sdk';
import { send, type Core } from './core.ts';
import { entryBytes } from './entry-size.ts';
import { firstStep, isJoint, isVoter, leaveJoint, planChange } from './membership.ts';
import { hasQuorum, quorumValue } from './quorum.ts';
import { beginRound, confirmRounds, hasCommittedInTerm, startRound } from './read-index.ts';
import { flushAppends } from './replication.ts';
import { becomeFollower, becomeLeader, hasActiveQuorum, isActive, syncProgress } from './roles.ts';
import { orderCampaign, tickTransfer } from './transfer.ts';
import type {
  ChangeResult,
  Configuration,
  Entry,
  MembershipChange,
  Proposal,
  ProposeResult,
  Refusal,
} from './types.ts';

/** An election was won: the first entry of the term commits what earlier terms left (§8). */
export function takeOffice(core: Core): void {
  becomeLeader(core);
  core.log.append([{ type: 'noop', index: core.log.lastIndex + 1, term: core.term }]);
  // The appends that follow tell everyone at once.
  beginRound(core);
}

export function propose(core: Core, proposals: readonly Proposal[]): ProposeResult {
  const reason = refusalOf(core, proposals);
  if (reason !== undefined) return { type: 'refused', reason };
  if (core.role !== 'leader') {
    const leader = core.leader as string;
    send(core, { type: 'forwardRequest', to: leader, proposals });
    return { type: 'forwarded', leader };
  }
  const firstIndex = core.log.lastIndex + 1;
  core.log.append(proposals.map((proposal, at) => entryOf(proposal, firstIndex + at, core.term)));
  return { type: 'appended', firstIndex, term: core.term };
}

// Field by field: a spread costs several times as much, and this is done for every write.
function entryOf(proposal: Proposal, index: number, term: number): Entry {
  if (proposal.type === 'register') return { type: 'register', index, term, nonce: proposal.nonce };
  const { id, data } = proposal;
  return id === undefined ? { type: 'command', index, term, data } : { type: 'command', index, term, id, data };
}

function refusalOf(core: Core, proposals: readonly Proposal[]): Refusal | undefined {
  const { log, settings } = core;
  let bytes = 0;
  for (const proposal of proposals) {
    const size = entryBytes(proposal);
    if (size > settings.entryBytes) return 'tooLarge';
    bytes += size;
  }
  if (core.role !== 'leader') return core.leader === undefined ? 'noLeader' : undefined;
  if (core.transfer !== undefined) return 'transferring';
  // A single batch is always taken, however large.
  return log.uncommittedBytes > 0 && log.uncommittedBytes + bytes > settings.uncommittedBytes ? 'busy' : undefined;
}

/** An entry is committed when a quorum has it and it is of this term; with it all before it (§5.3, §5.4.2). */
export function advanceCommit(core: Core): void {
  for (;;) {
    if (core.role !== 'leader') return;
    const { log } = core;
    const agreed = quorumValue(log.configuration, (id) =>
      id === core.id ? log.persisted : (core.progress.get(id)?.match ?? 0),
    );
    if (agreed <= log.commit || log.term(agreed) !== core.term) return;
    log.commitTo(agreed);
    if (log.configurationIndex > log.commit || !configurationCommitted(core)) return;
  }
}

// True: the quorum is another one now, and more may be committed.
function configurationCommitted(core: Core): boolean {
  const { log } = core;
  if (isJoint(log.configuration)) {
    appendConfiguration(core, leaveJoint(log.configuration));
    return true;
  }
  if (
    ![...core.progress.keys()].some((id) => !isMember(log.configuration, id)) &&
    isVoter(log.configuration, core.id)
  ) {
    return false;
  }
  // Tell those that leave, then forget them.
  flushAppends(core);
  syncProgress(core);
  if (!isVoter(log.configuration, core.id)) becomeFollower(core, core.term, undefined);
  return false;
}

function isMember(configuration: Configuration, id: string): boolean {
  return isVoter(configuration, id) || configuration.learners.includes(id);
}

function appendConfiguration(core: Core, configuration: Configuration): number {
  const index = core.log.lastIndex + 1;
  core.log.append([{ type: 'configuration', index, term: core.term, configuration }]);
  syncProgress(core);
  return index;
}

/** Begins a change of membership; a joint one is finished by whoever leads when its entry is committed (§6). */
export function changeMembership(core: Core, change: MembershipChange): ChangeResult {
  const { log } = core;
  const no = (reason: string): ChangeResult => ({ type: 'refused', reason });
  const notYet = (reason: string): ChangeResult => ({ type: 'refused', reason, passing: true });
  if (core.role !== 'leader') return notYet(`${core.id} is not the leader`);
  if (core.transfer !== undefined) return notYet('leadership is being handed over: try again');
  if (!hasCommittedInTerm(core)) return notYet('the leader has just been elected: try again');
  if (isJoint(log.configuration) || log.configurationIndex > log.commit) return notYet('another change is under way');
  const planned = planChange(log.configuration, change);
  if (planned.type === 'refused') return planned;
  for (const id of change.promote ?? []) {
    const lag = log.commit - (core.progress.get(id)?.match ?? 0);
    if (!isActive(core, id)) return no(`${id} does not answer: it is not promoted`);
    if (core.progress.get(id)?.state !== 'replicate' || lag > core.settings.promoteLagEntries) {
      return no(`${id} is ${lag} entries behind: it is not promoted before it has caught up`);
    }
  }
  if (!hasQuorum(planned.configuration, (id) => isActive(core, id))) {
    return no('of the voters that would be left too few answer: the group would lose its quorum');
  }
  const first = firstStep(log.configuration, planned.configuration);
  invariant(
    hasQuorum(first, (id) => isActive(core, id)),
    'a change begins with a quorum of both lists',
  );
  return { type: 'started', index: appendConfiguration(core, first), term: core.term };
}

export function tickLeader(core: Core): void {
  core.snapshotBudgetBytes = core.settings.snapshotBytesPerTick;
  if (!hasActiveQuorum(core)) {
    // Someone else may lead by now; whoever waits here shall ask there (dissertation 6.2).
    becomeFollower(core, core.term, undefined);
    return;
  }
  tickTransfer(core);
  if (++core.heartbeatElapsed < core.settings.heartbeatTicks) return;
  core.heartbeatElapsed = 0;
  startRound(core);
  confirmRounds(core);
  orderCampaign(core);
}
