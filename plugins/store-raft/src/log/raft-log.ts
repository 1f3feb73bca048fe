import { invariant, type Env, type Logger } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import type { HardState, LogBase } from '../raft/index.ts';
import { ByteWriter } from './byte-writer.ts';
import { corruptLog, isLogDamage } from './log-damage.ts';
import type { LogDisk } from './log-disk.ts';
import { readLog, type LogContent, type Segment } from './log-recovery.ts';
import { NodeLogDisk } from './node-log-disk.ts';
import { encodeBase, encodeWrite } from './record-body.ts';
import { nextSizeBytes, startSegment, type SegmentSizes } from './segment-start.ts';
import { recordHeadBytes } from './segment-format.ts';
import { SerialQueue } from './serial-queue.ts';
import { SpareSegments } from './spare-segments.ts';
import { TailSegment } from './tail-segment.ts';
import type { LogWrite, RaftLogFile, RecoveredLog } from './types.ts';

export interface RaftLogOptions {
  /** For the segment files alone; made if need be. */
  readonly directory: string;
  /** What a log begins with when there is none yet. */
  readonly newGroup: LogBase;
  readonly env: Env;
  readonly log: Logger;
  /** Size of a full-grown segment; the first ones are smaller. Default 64 MiB. */
  readonly segmentBytes?: number | undefined;
  /** Default: the file system. */
  readonly disk?: LogDisk | undefined;
}

const defaultSegmentBytes = 64 * 1024 * 1024;
const minSegmentBytes = 4096;
/** A small log takes little of the disk, and the first start little time. */
const firstSegmentBytes = 4 * 1024 * 1024;

/** Opens the log in a directory, or makes one. @throws StoreError CORRUPT; nothing has been touched then */
export async function openRaftLog(options: RaftLogOptions): Promise<RaftLogFile> {
  const { directory, env, log, segmentBytes = defaultSegmentBytes } = options;
  invariant(segmentBytes >= minSegmentBytes, `a segment has at least ${minSegmentBytes} bytes`);
  const disk = options.disk ?? new NodeLogDisk(directory);
  const content = await readLog(disk).catch((error: unknown) => {
    throw isLogDamage(error) ? corruptLog(error) : error;
  });
  const spares = new SpareSegments(disk, log);
  await spares.recover();
  const sizes = { firstBytes: Math.min(firstSegmentBytes, segmentBytes), fullBytes: segmentBytes };
  const parts = { disk, spares, sizes, salt: () => env.random.int(0x1_0000_0000) };
  if (content !== undefined) return new SegmentedLog(parts, await recoveredState(disk, log, content));
  const hardState: HardState = { term: 0, votedFor: undefined };
  const start = { hardState, base: options.newGroup, lastIndex: options.newGroup.index };
  const tail = await startSegment(parts, start, undefined, 0, () => undefined);
  return new SegmentedLog(parts, { ...start, entries: [], older: [], tail, resetIn: 0 });
}

/** Cuts off what a crash left of a last write. */
async function recoveredState(disk: LogDisk, log: Logger, content: LogContent): Promise<LogState> {
  const { replay, end } = content;
  const older = [...content.segments];
  const segment = older.pop() as Segment;
  const tail = new TailSegment(segment, await disk.open(segment.name), end);
  if (end.torn) {
    await tail.clean();
    const fields = { file: disk.pathOf(segment.name), offset: end.position };
    log.warn(fields, 'the last write to the Raft log was cut off by a crash, and has been dropped');
  }
  const { hardState, base, entries, lastIndex, resetIn } = replay;
  return { hardState, base, entries, lastIndex, older, tail, resetIn };
}

interface LogParts {
  readonly disk: LogDisk;
  readonly spares: SpareSegments;
  readonly sizes: SegmentSizes;
  readonly salt: () => number;
}

interface LogState extends RecoveredLog {
  readonly lastIndex: number;
  /** But for the one of `tail`, the oldest first. */
  readonly older: Segment[];
  readonly tail: TailSegment;
  readonly resetIn: number;
}

class SegmentedLog implements RaftLogFile {
  readonly #parts: LogParts;
  readonly #older: Segment[];
  readonly #writes: SerialQueue = new SerialQueue();
  readonly #removals: SerialQueue = new SerialQueue();
  readonly #scratch: ByteWriter = new ByteWriter();
  #recovered: RecoveredLog | undefined;
  #tail: TailSegment;
  /** The next segment may have its name already: nothing more goes into this one. */
  #sealed = false;
  #hardState: HardState;
  #base: LogBase;
  #lastIndex: number;
  #resetIn: number;
  #closed = false;

  constructor(parts: LogParts, { hardState, base, entries, lastIndex, older, tail, resetIn }: LogState) {
    this.#parts = parts;
    this.#recovered = { hardState, base, entries };
    this.#older = older;
    this.#tail = tail;
    this.#hardState = hardState;
    this.#base = base;
    this.#lastIndex = lastIndex;
    this.#resetIn = resetIn;
  }

  get recovered(): RecoveredLog {
    invariant(this.#recovered !== undefined, 'what was recovered is read before the log is written');
    return this.#recovered;
  }

  append(writes: readonly LogWrite[]): Promise<void> {
    return this.#write(async () => {
      let hardState = this.#hardState;
      let lastIndex = this.#lastIndex;
      this.#scratch.start(recordHeadBytes);
      for (const write of writes) {
        const first = write.entries[0]?.index ?? lastIndex + 1;
        invariant(first <= lastIndex + 1, `entry ${first} does not follow entry ${lastIndex}`);
        invariant(first > this.#base.index, `entry ${first} was dropped from the log`);
        encodeWrite(this.#scratch, write);
        hardState = write.hardState ?? hardState;
        if (write.entries.length > 0) lastIndex = first + write.entries.length - 1;
      }
      if (this.#scratch.length > recordHeadBytes) await this.#put('group');
      this.#hardState = hardState;
      this.#lastIndex = lastIndex;
    });
  }

  async dropUpTo(base: LogBase): Promise<void> {
    await this.#write(async () => {
      if (base.index <= this.#base.index) return;
      invariant(base.index <= this.#lastIndex, `entry ${base.index} is in the log that drops it`);
      await this.#putBase('base', base);
    });
    await this.#removeObsolete();
  }

  async reset(base: LogBase): Promise<void> {
    await this.#write(async () => {
      invariant(base.index >= this.#base.index, 'a snapshot never takes the log back');
      await this.#putBase('reset', base);
      this.#lastIndex = base.index;
      this.#resetIn = this.#tail.segment.number;
    });
    await this.#removeObsolete();
  }

  async check(): Promise<readonly string[]> {
    this.#throwIfClosed();
    await this.#removals.idle();
    return this.#writes.run(async () => {
      try {
        const content = await readLog(this.#parts.disk);
        const next = this.#tail.sequence;
        const found = content?.end.sequence ?? 0;
        // The header of a segment whose name may not last counts too.
        if (found === next || (this.#sealed && found === next + 1)) return [];
        const path = this.#parts.disk.pathOf(this.#tail.segment.name);
        return [`the Raft log in ${path} goes on with record ${found}, not with record ${next}`];
      } catch (error) {
        if (isLogDamage(error)) return [error.message];
        throw error;
      }
    });
  }

  sizeBytes(): number {
    const { spares } = this.#parts;
    return this.#older.reduce((sum, { sizeBytes }) => sum + sizeBytes, this.#tail.segment.sizeBytes + spares.sizeBytes);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writes.idle();
    await this.#removals.idle();
    await this.#parts.spares.close();
    await this.#tail.close();
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new StoreError('STOPPED', 'the Raft log has been closed');
  }

  async #write(job: () => Promise<void>): Promise<void> {
    this.#throwIfClosed();
    this.#recovered = undefined;
    return this.#writes.run(job);
  }

  async #putBase(kind: 'base' | 'reset', base: LogBase): Promise<void> {
    this.#scratch.start(recordHeadBytes);
    encodeBase(this.#scratch, base);
    await this.#put(kind);
    this.#base = base;
  }

  /** Writes the record that is in `#scratch`. */
  async #put(kind: 'group' | 'base' | 'reset'): Promise<void> {
    if (this.#sealed || !this.#tail.hasRoom(this.#scratch.length)) await this.#roll(this.#scratch.length);
    await this.#tail.write(kind, this.#scratch);
    const { sizeBytes } = this.#tail.segment;
    if (this.#tail.position * 2 > sizeBytes) this.#parts.spares.prepare(nextSizeBytes(this.#parts.sizes, sizeBytes));
  }

  async #roll(recordBytes: number): Promise<void> {
    const before = this.#tail;
    await before.clean();
    const start = { hardState: this.#hardState, base: this.#base, lastIndex: this.#lastIndex };
    this.#tail = await startSegment(this.#parts, start, before, recordBytes, () => {
      this.#sealed = true;
    });
    this.#sealed = false;
    this.#older.push(before.segment);
    await before.close();
  }

  #removeObsolete(): Promise<void> {
    return this.#removals.run(async () => {
      const { spares, sizes } = this.#parts;
      for (let oldest = this.#older[0]; oldest !== undefined; oldest = this.#older[0]) {
        const next = this.#older[1] ?? this.#tail.segment;
        if (this.#resetIn < next.number && this.#base.index < next.lastIndexBefore) return;
        // One after the other: a crash leaves no gap.
        await spares.recycle(oldest.name, oldest.sizeBytes, sizes.fullBytes);
        this.#older.shift();
      }
    });
  }
}
