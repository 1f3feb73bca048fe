import type { ByteWriter } from './byte-writer.ts';
import type { LogFile } from './log-disk.ts';
import type { LogEnd, Segment } from './log-recovery.ts';
import { endBytes, recordHeadBytes, sealRecord, type RecordKind } from './segment-format.ts';

/** The segment that is being written. */
export class TailSegment {
  readonly segment: Segment;
  readonly #file: LogFile;
  readonly #salt: number;
  #position: number;
  #sequence: number;
  /** A failed write may have left something at `#position`. */
  #dirty: boolean;

  constructor(segment: Segment, file: LogFile, end: LogEnd) {
    this.segment = segment;
    this.#file = file;
    this.#salt = end.salt;
    this.#position = end.position;
    this.#sequence = end.sequence;
    this.#dirty = end.torn;
  }

  get position(): number {
    return this.#position;
  }

  /** Number of the next record. */
  get sequence(): number {
    return this.#sequence;
  }

  hasRoom(recordBytes: number): boolean {
    return this.#position + recordBytes + endBytes <= this.segment.sizeBytes;
  }

  /** Writes one record, whose head is still free. A failure leaves the log as it was. */
  async write(kind: RecordKind, record: ByteWriter): Promise<void> {
    const recordBytes = record.length;
    sealRecord(record.bytes, kind, this.#sequence, this.#salt);
    record.zeros(endBytes);
    this.#dirty = true;
    try {
      await this.#file.write(record.bytes, this.#position);
    } catch (error) {
      // The failure of the write is what the caller hears of; the tail stays dirty if this fails too.
      await this.clean().catch(() => undefined);
      throw error;
    }
    this.#dirty = false;
    this.#position += recordBytes;
    this.#sequence += 1;
  }

  /** Makes sure that nothing stands behind the last record: before another segment follows, and after a crash. */
  async clean(): Promise<void> {
    if (!this.#dirty) return;
    const room = Math.min(recordHeadBytes, this.segment.sizeBytes - this.#position);
    if (room > 0) await this.#file.write(Buffer.alloc(room), this.#position);
    this.#dirty = false;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
