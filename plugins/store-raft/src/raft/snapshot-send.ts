/** The leader's half of InstallSnapshot (§7): which pieces are sent when. */
import { invariant } from '@timonel/sdk';
import { send, type Core } from './core.ts';
import type { Progress, SnapshotStream } from './progress.ts';
import type { MemberId, SnapshotChunk, SnapshotResponse } from './types.ts';

/** Asks the driver for the next pieces, within the window of the follower, the streams and the bytes of this tick. */
export function pumpSnapshot(core: Core, progress: Progress): void {
  const { stream } = progress;
  if (stream === undefined || stream.waiting || !mayStream(core, progress)) return;
  const { snapshotChunkBytes, snapshotChunksInflight } = core.settings;
  while (core.snapshotBudgetBytes > 0) {
    // Which snapshot, and how large, is known with its first piece only.
    if (stream.next >= (stream.meta?.sizeBytes ?? 1)) return;
    if (stream.next - stream.acked >= snapshotChunksInflight * snapshotChunkBytes) return;
    const left = stream.meta === undefined ? snapshotChunkBytes : stream.meta.sizeBytes - stream.next;
    const limitBytes = Math.min(snapshotChunkBytes, left);
    const minIndex = Math.max(core.log.base.index, progress.match + 1);
    const snapshotId = stream.meta?.id;
    core.snapshotReads.push({ to: progress.id, snapshotId, minIndex, offset: stream.next, limitBytes });
    stream.next += limitBytes;
    core.snapshotBudgetBytes -= limitBytes;
  }
}

// Those before it in the map have the streams; a stalled follower does not keep one.
function mayStream(core: Core, progress: Progress): boolean {
  let before = 0;
  for (const other of core.progress.values()) {
    if (other === progress) return before < core.settings.snapshotStreams;
    const alive = core.now - other.lastActive < core.settings.electionTicks;
    if (other.state === 'snapshot' && alive) before++;
  }
  return false;
}

export function provideSnapshotChunk(core: Core, to: MemberId, chunk: SnapshotChunk): void {
  const progress = core.progress.get(to);
  const stream = progress?.stream;
  if (core.role !== 'leader' || progress === undefined || stream === undefined) return;
  const { snapshot, offset, data, last } = chunk;
  if (stream.meta?.id !== snapshot.id) {
    // The one that was being sent is gone; pieces of another count from its beginning only.
    if (offset !== 0) {
      restartStream(stream);
      stream.meta = undefined;
      return;
    }
    invariant(snapshot.index <= core.log.applied, 'a snapshot holds what was applied, nothing else');
    invariant(data.byteLength > 0 && data.byteLength <= snapshot.sizeBytes, 'a snapshot is as long as it says');
    stream.meta = snapshot;
    stream.acked = 0;
    stream.next = data.byteLength;
  }
  send(core, { type: 'snapshotRequest', to, snapshot, offset, data, last });
}

export function snapshotUnavailable(core: Core, to: MemberId): void {
  const stream = core.progress.get(to)?.stream;
  if (stream === undefined) return;
  restartStream(stream);
  stream.meta = undefined;
  stream.waiting = true;
}

export function restartStream(stream: SnapshotStream): void {
  stream.acked = 0;
  stream.next = 0;
}

export function handleSnapshotResponse(progress: Progress, message: SnapshotResponse): void {
  const { stream } = progress;
  if (stream?.meta === undefined || message.snapshotId !== stream.meta.id) return;
  const offset = Math.min(message.offset, stream.meta.sizeBytes);
  // Less than before: it lost what it had. More than was sent: it has some from before.
  if (offset < stream.acked || offset > stream.next) stream.next = offset;
  stream.acked = offset;
}

/** A heartbeat was answered by a follower that waits for a snapshot. */
export function resendLostChunks(core: Core, progress: Progress): void {
  const { stream } = progress;
  if (stream === undefined) return;
  stream.waiting = false;
  if (stream.meta !== undefined && stream.acked >= stream.meta.sizeBytes) {
    // It has all of it. Whether it has installed it, an empty append tells.
    const { index, term } = stream.meta;
    const { commit } = core.log;
    send(core, {
      type: 'appendRequest',
      to: progress.id,
      prevIndex: index,
      prevTerm: term,
      entries: [],
      commit: Math.min(commit, index),
      round: core.round,
    });
    return;
  }
  if (stream.acked === stream.ackedAtHeartbeat) stream.next = stream.acked;
  stream.ackedAtHeartbeat = stream.acked;
}

/** The oldest snapshot that is being sent: entries behind it will be needed. */
export function oldestStreamed(core: Core): number {
  let oldest = Infinity;
  for (const { stream } of core.progress.values()) oldest = Math.min(oldest, stream?.meta?.index ?? Infinity);
  return oldest;
}
