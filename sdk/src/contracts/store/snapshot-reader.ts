import { createHash } from 'node:crypto';
import {
  corruptSnapshot,
  decodeFrame,
  digestBytes,
  frameHeadBytes,
  longestBodyBytes,
  magic,
  type SnapshotPart,
} from './snapshot-frames.ts';

export type { SnapshotPart } from './snapshot-frames.ts';

/** What a whole, sound snapshot holds. */
export interface SnapshotSummary {
  readonly revision: number;
  readonly keys: number;
  readonly leases: number;
  readonly sizeBytes: number;
  /** Hex SHA-256 of all before it, which the snapshot ends with. */
  readonly sha256: string;
}

/**
 * Reads a snapshot in pieces of any length: its revision, then its leases, then its keys. Holds little more than one key
 * and its value. What it answers can be trusted when `end` has returned: the checksum is the last thing in a snapshot.
 */
export class SnapshotReader {
  readonly #digest = createHash('sha256');
  /** What has come and is not read, in pieces. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  /** So many bytes are needed to go on. */
  #wanted: number = magic.length;
  #stage: 'magic' | 'frames' | 'digest' = 'magic';
  #revision = 0;
  #keys = 0;
  #leases = 0;
  #sizeBytes = 0;

  /** Takes the next piece; answers the parts that it completes. They are views of it: use them before the next piece. @throws StoreError CORRUPT */
  add(piece: Uint8Array): SnapshotPart[] {
    const given = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    this.#pieceBytes += piece.byteLength;
    this.#sizeBytes += piece.byteLength;
    this.#refuseMore();
    if (this.#pieceBytes < this.#wanted || this.#stage === 'digest') {
      // A copy: the caller may use its bytes again.
      this.#pieces.push(Buffer.from(given));
      return [];
    }
    const bytes = this.#pieces.length === 0 ? given : Buffer.concat([...this.#pieces, given]);
    const parts: SnapshotPart[] = [];
    const read = this.#read(bytes, parts);
    this.#digest.update(bytes.subarray(0, read));
    const rest = bytes.subarray(read);
    this.#pieces = rest.byteLength === 0 ? [] : [Buffer.from(rest)];
    this.#pieceBytes = rest.byteLength;
    this.#refuseMore();
    return parts;
  }

  /** Nothing more comes. @throws StoreError CORRUPT when a byte is wrong or missing */
  end(): SnapshotSummary {
    if (this.#stage !== 'digest' || this.#pieceBytes < digestBytes) {
      throw corruptSnapshot(this.#stage === 'magic' ? 'it has no header' : 'it is cut off');
    }
    const digest = this.#digest.digest();
    if (!digest.equals(Buffer.concat(this.#pieces))) throw corruptSnapshot('its checksum does not fit');
    return {
      revision: this.#revision,
      keys: this.#keys,
      leases: this.#leases,
      sizeBytes: this.#sizeBytes,
      sha256: digest.toString('hex'),
    };
  }

  #refuseMore(): void {
    if (this.#stage === 'digest' && this.#pieceBytes > digestBytes) throw corruptSnapshot('bytes follow its end');
  }

  /** Reads what is whole. Answers where it stopped. */
  #read(bytes: Buffer, parts: SnapshotPart[]): number {
    let at = 0;
    if (this.#stage === 'magic') {
      if (bytes.toString('latin1', 0, magic.length) !== magic) throw corruptSnapshot('it has no header');
      at = magic.length;
      this.#stage = 'frames';
    }
    for (;;) {
      this.#wanted = frameHeadBytes;
      if (bytes.byteLength - at < this.#wanted) return at;
      const bodyBytes = bytes.readUInt32BE(at + 1);
      if (bodyBytes > longestBodyBytes()) throw corruptSnapshot(`it has a frame of ${bodyBytes} bytes`);
      this.#wanted += bodyBytes;
      if (bytes.byteLength - at < this.#wanted) return at;
      const part = decodeFrame(bytes.readUInt8(at), bytes.subarray(at + frameHeadBytes, at + this.#wanted));
      at += this.#wanted;
      this.#count(part);
      if (part.type === 'end') {
        this.#stage = 'digest';
        return at;
      }
      parts.push(part);
    }
  }

  #count(part: SnapshotPart): void {
    if ((part.type === 'revision') !== (this.#revision === 0)) throw corruptSnapshot('it has not one revision');
    if (part.type === 'revision') this.#revision = part.revision;
    else if (part.type === 'lease') {
      if (this.#keys > 0) throw corruptSnapshot('it has a lease behind its keys');
      this.#leases += 1;
    } else if (part.type === 'kv') {
      if (part.kv.modRevision > this.#revision) throw corruptSnapshot('a key in it is newer than itself');
      this.#keys += 1;
    }
  }
}
