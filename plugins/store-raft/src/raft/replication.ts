/** The leader's half of AppendEntries (§5.3). */
import { invariant } from '@timonel/sdk';
import { send, type Core } from './core.ts';
import { pumpSnapshot, restartStream } from './snapshot-send.ts';
import type { Progress } from './progress.ts';
import type { AppendResponse } from './types.ts';

/** Sends to every follower what it lacks and may be sent now. */
export function flushAppends(core: Core): void {
  for (const progress of core.progress.values()) flushAppend(core, progress);
}

function flushAppend(core: Core, progress: Progress): void {
  const { log, settings } = core;
  if (progress.state !== 'snapshot' && log.term(progress.next - 1) === undefined) progress.becomeSnapshot();
  if (progress.state === 'snapshot') {
    pumpSnapshot(core, progress);
    return;
  }
  let sent = false;
  while (progress.next <= log.lastIndex && mayPush(core, progress)) {
    const entries = log.slice(progress.next, settings.messageBytes, settings.messageEntries);
    sendAppend(core, progress, progress.next - 1, entries);
    sent = true;
  }
  const tell = progress.state === 'replicate' && progress.sentCommit < Math.min(log.commit, progress.next - 1);
  if (!sent && (tell || progress.sendEmpty)) sendAppend(core, progress, progress.next - 1, []);
  progress.sendEmpty = false;
}

function mayPush({ settings }: Core, progress: Progress): boolean {
  if (progress.state === 'probe') return !progress.probeSent;
  return progress.inflightEntries < settings.inflightEntries && progress.inflightBytes < settings.inflightBytes;
}

function sendAppend(core: Core, progress: Progress, prevIndex: number, entries: AppendEntries): void {
  const prevTerm = core.log.term(prevIndex);
  invariant(prevTerm !== undefined, `entry ${prevIndex} is in the log of the leader`);
  const { commit } = core.log;
  send(core, { type: 'appendRequest', to: progress.id, prevIndex, prevTerm, entries, commit, round: core.round });
  progress.sentCommit = Math.min(commit, prevIndex + entries.length);
  progress.sent(entries);
}
type AppendEntries = Parameters<Progress['sent']>[0];

/** A follower answered. True: its match index grew, so that more may be committed. */
export function handleAppendResponse(core: Core, progress: Progress, { result }: AppendResponse): boolean {
  if (result.type === 'rejected') {
    rejected(core, progress, result);
    return false;
  }
  invariant(result.index <= core.log.lastIndex, `${progress.id} has no entries of this term that its leader lacks`);
  const news = progress.accepted(result.index);
  if (progress.state === 'probe' && result.index >= progress.match) progress.becomeReplicate();
  // The log can go on from there: the rest of the snapshot is not needed.
  if (progress.state === 'snapshot') {
    const { stream } = progress;
    if (progress.match >= core.log.base.index) progress.becomeReplicate();
    // The log was compacted past the snapshot that it has got: it needs a newer one.
    else if (stream?.meta !== undefined && progress.match >= stream.meta.index) progress.becomeSnapshot();
  }
  return news;
}

function rejected(
  core: Core,
  progress: Progress,
  result: { readonly prevIndex: number; readonly index: number; readonly hintTerm: number },
): void {
  switch (progress.state) {
    case 'snapshot':
      if (progress.stream?.meta?.index === result.prevIndex) restartStream(progress.stream);
      return;
    case 'replicate':
      // Something was lost. Older than what it accepted since: an answer out of order.
      if (result.prevIndex > progress.match) progress.becomeProbe(progress.match + 1);
      return;
    case 'probe': {
      if (result.prevIndex !== progress.next - 1) return;
      // Skips all terms that cannot be where the logs meet, not one entry at a time (§5.3).
      const meet = core.log.lastNotAfter(result.index, result.hintTerm).index;
      progress.becomeProbe(Math.max(progress.match + 1, Math.min(result.prevIndex, meet + 1)));
    }
  }
}

/** A heartbeat was answered: what has not been answered before it may be lost. */
export function resendLost(core: Core, progress: Progress): void {
  progress.probeSent = false;
  if (progress.match < core.log.lastIndex) progress.sendEmpty = true;
}
