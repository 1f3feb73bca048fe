import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { MemberData } from '../member/open-member.ts';
import type { Raft, Ready, SnapshotMeta, SnapshotRead } from '../raft/index.ts';
import { SnapshotSender } from '../snapshot/snapshot-sender.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Persister } from './persister.ts';
import { SnapshotIntake } from './snapshot-intake.ts';

export interface SnapshotsOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  readonly data: MemberData;
  readonly raft: Raft;
  readonly persister: Persister;
  readonly checkpoints: Checkpoints;
  /** Runs what tells the core of something. */
  readonly input: (action: () => void) => void;
  /** In the turn in which reads begin to see the new state. */
  readonly replaced: () => void;
  /** State and log are those of the snapshot, on disk. */
  readonly installed: (snapshot: SnapshotMeta) => void;
  readonly failed: (error: unknown) => void;
  /** One for others that nobody asked for so long is removed. */
  readonly keepMs: number;
}

/** The snapshots that this member gives to others, and those that it takes. */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #sender: SnapshotSender;
  readonly #intake: SnapshotIntake;

  constructor(options: SnapshotsOptions) {
    const { env, log, dataDir, data, raft, checkpoints, input, keepMs } = options;
    this.#options = options;
    const checkpoint = (): Promise<void> => checkpoints.now();
    this.#sender = new SnapshotSender({ env, log, dataDir, machine: data.machine, checkpoint, keepMs });
    this.#intake = new SnapshotIntake({
      ...options,
      refused: (snapshot) => input(() => raft.snapshotFailed(snapshot)),
    });
  }

  start(): Promise<void> {
    return this.#intake.start();
  }

  /** Nothing may be applied: see {@link SnapshotIntake.installing}. */
  get installing(): boolean {
    return this.#intake.installing;
  }

  /** The log is not cut behind it. */
  get neededIndex(): number {
    return this.#sender.neededIndex;
  }

  handle({ snapshotReads, snapshotChunks }: Ready): void {
    for (const read of snapshotReads) void this.#give(read);
    for (const chunk of snapshotChunks) this.#intake.add(chunk);
  }

  tidy(): void {
    this.#sender.tidy();
  }

  async close(): Promise<void> {
    try {
      await this.#intake.close();
    } finally {
      await this.#sender.close();
    }
  }

  async #give(read: SnapshotRead): Promise<void> {
    const { log, raft, input } = this.#options;
    const chunk = await this.#sender.chunk(read).catch((error: unknown) => {
      log.warn({ error: errorMessage(error) }, 'a piece of a snapshot could not be read');
      return undefined;
    });
    input(() => {
      if (chunk === undefined) raft.snapshotUnavailable(read.to);
      else raft.provideSnapshotChunk(read.to, chunk);
    });
  }
}
