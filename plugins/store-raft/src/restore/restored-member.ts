/** Makes the files of a member from a snapshot: those of a group that begins with the snapshot's content. */
import { createReadStream } from 'node:fs';
import type { Env, Logger } from '@timonel/sdk';
import {
  SnapshotReader,
  StoreError,
  type KeyValue,
  type Lease,
  type SnapshotSummary,
} from '@timonel/sdk/contracts/store';
import { openRaftLog } from '../log/raft-log.ts';
import { logDirectory } from '../member/open-member.ts';
import { StateDirectory } from '../member/state-directory.ts';
import type { Configuration, LogBase } from '../raft/index.ts';
import { Overlay } from '../state/overlay.ts';
import { encodeRecord } from '../state/record.ts';
import type { StateFile } from '../state/state-file.ts';

export interface RestoredMemberOptions {
  /** Empty, and for these files alone. */
  readonly directory: string;
  /** Path of the snapshot. */
  readonly snapshot: string;
  readonly configuration: Configuration;
  /** Added to the revision, and to the id of the last lease. */
  readonly bumpRevision: number;
  readonly env: Env;
  readonly log: Logger;
}

/**
 * Where the log of a restored group begins. Not at 0: a member that joins with an empty log would then be sent the entries from 1 on,
 * and never the snapshot that holds what was before them.
 */
const start = { index: 1, term: 1 };
const pieceBytes = 1024 * 1024;
/** Numbers of 48 bits. */
const numberBound = 2 ** 48;

/** Writes state and log. They are on disk when it resolves. @throws StoreError CORRUPT, REFUSED; errors of the file system */
export async function writeRestoredMember(options: RestoredMemberOptions): Promise<SnapshotSummary> {
  const { directory, configuration, env, log } = options;
  const file = await new StateDirectory(directory, undefined).first();
  let summary: SnapshotSummary;
  try {
    summary = await fill(file, options);
  } finally {
    await file.close();
  }
  const newGroup: LogBase = { ...start, configuration };
  const logFile = await openRaftLog({ directory: logDirectory(directory), newGroup, env, log });
  try {
    await logFile.append([{ hardState: { term: start.term, votedFor: undefined }, entries: [] }]);
  } finally {
    await logFile.close();
  }
  return summary;
}

async function fill(file: StateFile, options: RestoredMemberOptions): Promise<SnapshotSummary> {
  const reader = new SnapshotReader();
  const leases = new RestoredLeases();
  for await (const piece of createReadStream(options.snapshot, { highWaterMark: pieceBytes })) {
    const records: { key: Buffer; record: Buffer }[] = [];
    for (const part of reader.add(piece as Buffer)) {
      if (part.type === 'lease') leases.add(part.lease);
      if (part.type !== 'kv') continue;
      const kv = leases.attach(part.kv);
      records.push({ key: Buffer.from(kv.key, 'utf8'), record: encodeRecord(kv) });
    }
    if (records.length > 0) await file.load(records);
  }
  const summary = reader.end();
  const revision = summary.revision + options.bumpRevision;
  if (revision >= numberBound / 2) {
    throw new StoreError('REFUSED', `the revision ${revision} is too large: choose a smaller step`);
  }
  await file.save(leases.overlay(), {
    format: 2,
    appliedIndex: start.index,
    appliedTerm: start.term,
    configuration: options.configuration,
    revision,
    // Whoever watched the old group, and saw more than the snapshot holds, is told to list anew.
    compactedRevision: revision,
    eventsRevision: revision + 1,
    lastLeaseId: leases.lastId + options.bumpRevision,
    installedIndex: 0,
    sessions: [],
  });
  await file.flushed();
  return summary;
}

/** Leases of a snapshot. Ids that are too large for this store, as those of etcd, are replaced. */
class RestoredLeases {
  readonly #leases: Lease[] = [];
  #ids: Map<number, number> | undefined;
  readonly #overlay = new Overlay();

  add(lease: Lease): void {
    this.#leases.push(lease);
  }

  get lastId(): number {
    let last = 0;
    for (const id of this.#known().values()) last = Math.max(last, id);
    return last;
  }

  /** @throws StoreError CORRUPT */
  attach(kv: KeyValue): KeyValue {
    if (kv.lease === 0) return kv;
    const leaseId = this.#known().get(kv.lease);
    if (leaseId === undefined) {
      throw new StoreError(
        'CORRUPT',
        `the snapshot cannot be used: ${kv.key} hangs on the lease ${kv.lease}, which is not in it; take another copy`,
      );
    }
    this.#overlay.leaseKeys.push({ leaseId, key: kv.key, added: true });
    return { ...kv, lease: leaseId };
  }

  overlay(): Overlay {
    for (const { id, ttlMs } of this.#leases) {
      const known = this.#known().get(id) ?? id;
      this.#overlay.leases.set(known, { id: known, ttlMs });
    }
    return this.#overlay;
  }

  /** By the id in the snapshot. All leases come before all keys. */
  #known(): Map<number, number> {
    if (this.#ids === undefined) {
      const fit = this.#leases.every(({ id }) => id < numberBound / 2);
      this.#ids = new Map(this.#leases.map(({ id }, at) => [id, fit ? id : at + 1]));
    }
    return this.#ids;
  }
}
