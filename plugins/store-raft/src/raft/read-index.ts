/** Reads that see all that was committed before them, without an entry in the log (dissertation 6.4). */
import { send, type Core, type PendingRead } from './core.ts';
import { quorumValue } from './quorum.ts';
import { membersOf } from './membership.ts';
import type { ReadRequest } from './types.ts';

export function requestRead(core: Core, read: Pick<PendingRead, 'from' | 'context' | 'mode'>): void {
  if (core.role === 'leader') {
    if (core.pendingReads.length >= core.settings.pendingReads) {
      answer(core, read, undefined);
      return;
    }
    const index = hasCommittedInTerm(core) ? core.log.commit : undefined;
    if (read.mode === 'lease' && index !== undefined && leaseHolds(core)) answer(core, read, index);
    else core.pendingReads.push({ ...read, index, round: undefined });
  } else if (core.leader !== undefined && read.from === core.id) {
    send(core, { type: 'readRequest', to: core.leader, context: read.context, mode: read.mode });
  } else {
    answer(core, read, undefined);
  }
}

export function handleReadRequest(core: Core, { from, context, mode }: ReadRequest): void {
  requestRead(core, { from, context, mode });
}

function answer(core: Core, { from, context }: Pick<PendingRead, 'from' | 'context'>, index: number | undefined): void {
  if (from === core.id) core.reads.push({ context, index });
  else send(core, { type: 'readResponse', to: from, context, index });
}

/** Until then a new leader may not know all that is committed (§8). */
export function hasCommittedInTerm({ log, termStart }: Core): boolean {
  return log.commit >= termStart;
}

export function leaseHolds(core: Core): boolean {
  return core.role === 'leader' && !core.leaseRevoked && core.now < core.leaseUntil;
}

/** The answers to whatever is sent from now on confirm the reads that came before. */
export function beginRound(core: Core): void {
  core.round++;
  core.roundStarts.push({ round: core.round, tick: core.now });
}

/** Asks every member whether it still follows. */
export function startRound(core: Core): void {
  beginRound(core);
  for (const to of membersOf(core.log.configuration)) {
    const progress = core.progress.get(to);
    if (progress === undefined) continue;
    // It has no more than what it acknowledged for certain.
    const commit = Math.min(core.log.commit, progress.match);
    send(core, { type: 'heartbeatRequest', to, commit, round: core.round });
  }
}

/** One round for all reads that wait for one. */
export function flushReads(core: Core): void {
  const begin = core.pendingReads.some(({ round }) => round === undefined);
  if (begin) {
    startRound(core);
    for (const read of core.pendingReads) read.round ??= core.round;
  }
  confirmRounds(core);
}

/** Moves the lease on and answers the reads whose round a majority has answered. */
export function confirmRounds(core: Core): void {
  if (core.role !== 'leader') return;
  const confirmed = quorumValue(core.log.configuration, (id) =>
    id === core.id ? core.round : (core.progress.get(id)?.round ?? 0),
  );
  let done = 0;
  for (const { round, tick } of core.roundStarts) {
    if (round > confirmed) break;
    // The followers hear of a round after it began: their promise lasts longer than the lease.
    core.leaseUntil = Math.max(core.leaseUntil, tick + core.settings.leaseTicks);
    done++;
  }
  if (done > 0) core.roundStarts.splice(0, done);
  if (core.pendingReads.length === 0 || !hasCommittedInTerm(core)) return;
  const ready = core.pendingReads.filter(({ round }) => round !== undefined && round <= confirmed);
  if (ready.length === 0) return;
  core.pendingReads = core.pendingReads.filter(({ round }) => round === undefined || round > confirmed);
  for (const read of ready) answer(core, read, read.index ?? core.log.commit);
}
