import type { LogBase, SnapshotChunk, SnapshotMeta, SnapshotRead } from '../../../plugins/store-raft/src/raft/types.ts';
import { hashText, type KvMachine } from './kv-machine.ts';
import type { Member } from './member.ts';
import { encodeJson } from './wire.ts';

interface Snapshot {
  readonly meta: SnapshotMeta;
  readonly bytes: Uint8Array;
}

/** The snapshots that a leader sends: the last two, made when they are asked for. */
export class SnapshotSource {
  readonly #member: Member;
  readonly #current: () => { readonly base: LogBase; readonly machine: KvMachine };
  #snapshots: readonly Snapshot[] = [];
  readonly #waiting: (() => void)[] = [];
  #reading = false;

  constructor(member: Member, current: () => { readonly base: LogBase; readonly machine: KvMachine }) {
    this.#member = member;
    this.#current = current;
  }

  /** Pieces are read one after the other, as from one file. Without a piece: there is no snapshot to read from now. */
  read(reads: readonly SnapshotRead[], done: (read: SnapshotRead, chunk: SnapshotChunk | undefined) => void): void {
    for (const read of reads) this.#waiting.push(() => done(read, this.#chunk(read)));
    this.#next();
  }

  #next(): void {
    if (this.#reading || this.#waiting.length === 0) return;
    this.#reading = true;
    this.#member.after(this.#member.random.between(0, 1), () => {
      this.#reading = false;
      this.#waiting.shift()?.();
      this.#next();
    });
  }

  #chunk(read: SnapshotRead): SnapshotChunk | undefined {
    const snapshot = this.#choose(read);
    if (snapshot === undefined) return undefined;
    const { meta, bytes } = snapshot;
    const offset = meta.id === read.snapshotId ? read.offset : 0;
    const data = bytes.subarray(offset, offset + read.limitBytes);
    return { snapshot: meta, offset, data, last: offset + data.length === bytes.length };
  }

  #choose(read: SnapshotRead): Snapshot | undefined {
    const known = this.#snapshots.find(({ meta }) => meta.id === read.snapshotId);
    if (known !== undefined) return known;
    const recent = this.#snapshots.at(-1);
    if (recent !== undefined && recent.meta.index >= read.minIndex) return recent;
    const { base, machine } = this.#current();
    if (base.index < read.minIndex || this.#member.random.chance(0.1)) return undefined;
    const bytes = encodeJson(machine.snapshot());
    const id = `${this.#member.id}-${base.index}-${checksum(bytes)}`;
    const made = { meta: { ...base, id, sizeBytes: bytes.length }, bytes };
    this.#snapshots = [...this.#snapshots.slice(-1), made];
    return made;
  }
}

/** Whether all of the snapshot's bytes came as they were sent. */
export function isWhole(snapshot: SnapshotMeta, bytes: Uint8Array): boolean {
  return bytes.length === snapshot.sizeBytes && snapshot.id.endsWith(`-${checksum(bytes)}`);
}

function checksum(bytes: Uint8Array): number {
  return hashText(0, Buffer.from(bytes).toString('latin1'));
}
