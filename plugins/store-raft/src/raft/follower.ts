/** What a follower does with its leader's appends and heartbeats (§5.2, §5.3). */
import { invariant } from '@timonel/sdk';
import { send, sendWhenDurable, type Core } from './core.ts';
import { becomeFollower } from './roles.ts';
import type { AppendRequest, Entry, HeartbeatRequest, Message } from './types.ts';

/** A message that only the leader of this term sends came. */
export function hearLeader(core: Core, message: Message): void {
  invariant(core.role !== 'leader', `term ${core.term} has one leader, not ${core.id} and ${message.from}`);
  if (core.role === 'follower' && core.leader === message.from) core.electionElapsed = 0;
  else becomeFollower(core, message.term, message.from);
}

export function handleAppendRequest(core: Core, message: AppendRequest): void {
  const { log } = core;
  const { from: to, prevIndex, prevTerm, entries, round } = message;
  // The state is about to be replaced: what the log does meanwhile would be in vain.
  if (core.receiving?.installing === true) return;
  if (prevIndex < log.commit) {
    // What is committed is equal in all logs.
    sendWhenDurable(core, { type: 'appendResponse', to, round, result: { type: 'accepted', index: log.commit } });
    return;
  }
  if (!log.matches(prevIndex, prevTerm)) {
    const hint = log.lastNotAfter(prevIndex, prevTerm);
    const result = { type: 'rejected', prevIndex, index: hint.index, hintTerm: hint.term } as const;
    send(core, { type: 'appendResponse', to, round, result });
    return;
  }
  const index = appendNew(core, prevIndex, entries);
  log.commitTo(Math.min(message.commit, index));
  sendWhenDurable(core, { type: 'appendResponse', to, round, result: { type: 'accepted', index } });
}

// An entry that is there already stays, with those behind it: the message may be an old one (§5.3).
function appendNew({ log }: Core, prevIndex: number, entries: readonly Entry[]): number {
  const fresh = entries.findIndex((entry) => !log.matches(entry.index, entry.term));
  if (fresh >= 0) {
    const first = entries[fresh] as Entry;
    if (first.index <= log.lastIndex) log.truncate(first.index);
    log.append(fresh === 0 ? entries : entries.slice(fresh));
  }
  return prevIndex + entries.length;
}

export function handleHeartbeatRequest(core: Core, message: HeartbeatRequest): void {
  // The leader says so only of entries that this member has acknowledged.
  if (core.receiving?.installing !== true) core.log.commitTo(message.commit);
  send(core, { type: 'heartbeatResponse', to: message.from, round: message.round });
}
