/** The follower's half of InstallSnapshot (§7). */
import { send, sendWhenDurable, type Core } from './core.ts';
import type { SnapshotMeta, SnapshotRequest } from './types.ts';

export function handleSnapshotRequest(core: Core, message: SnapshotRequest): void {
  const { from: to, snapshot, offset, data, last } = message;
  const { log } = core;
  if (core.receiving?.installing === true) return;
  // A log that has the last entry of the snapshot has all before it: nothing need be replaced (§7).
  if (log.matches(snapshot.index, snapshot.term)) log.commitTo(snapshot.index);
  if (snapshot.index <= log.commit) {
    core.receiving = undefined;
    const result = { type: 'accepted', index: log.commit } as const;
    sendWhenDurable(core, { type: 'appendResponse', to, round: 0, result });
    return;
  }
  if (core.receiving?.snapshot.id !== snapshot.id) core.receiving = { snapshot, offset: 0, installing: false };
  const { receiving } = core;
  if (receiving.offset === offset) {
    receiving.offset += data.byteLength;
    receiving.installing = last;
    core.snapshotChunks.push({ snapshot, offset, data, last });
  }
  send(core, { type: 'snapshotResponse', to, snapshotId: snapshot.id, offset: receiving.offset });
}

export function snapshotInstalled(core: Core, snapshot: SnapshotMeta): void {
  if (core.receiving?.snapshot.id === snapshot.id) core.receiving = undefined;
  if (snapshot.index <= core.log.commit) return;
  core.log.restore(snapshot);
  core.durableState = Math.max(core.durableState, snapshot.index);
  if (core.leader === undefined || core.leader === core.id) return;
  const result = { type: 'accepted', index: snapshot.index } as const;
  send(core, { type: 'appendResponse', to: core.leader, round: 0, result });
}

export function snapshotFailed(core: Core, snapshot: SnapshotMeta): void {
  if (core.receiving?.snapshot.id !== snapshot.id) return;
  core.receiving = undefined;
  if (core.leader === undefined || core.leader === core.id) return;
  send(core, { type: 'snapshotResponse', to: core.leader, snapshotId: snapshot.id, offset: 0 });
}
