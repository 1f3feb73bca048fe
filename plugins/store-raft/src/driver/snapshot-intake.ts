import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { MemberData } from '../member/open-member.ts';
import type { SnapshotChunk, SnapshotMeta } from '../raft/index.ts';
import { SnapshotReceiver } from '../snapshot/snapshot-receiver.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Persister } from './persister.ts';

export interface SnapshotIntakeOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  readonly data: MemberData;
  readonly persister: Persister;
  readonly checkpoints: Checkpoints;
  /** In the turn in which reads begin to see the new state. */
  readonly replaced: () => void;
  /** State and log are those of the snapshot, on disk. */
  readonly installed: (snapshot: SnapshotMeta) => void;
  /** It has to be sent again. */
  readonly refused: (snapshot: SnapshotMeta) => void;
  /** Amid the change from one state to the other. */
  readonly failed: (error: unknown) => void;
}

/** A snapshot that could not be taken in (a full disk) is asked for again after so long. */
const retryMs = 1_000;

/** Takes in the snapshots of a leader: piece after piece into a file, then in place of state and log. */
export class SnapshotIntake {
  readonly #options: SnapshotIntakeOptions;
  readonly #receiver: SnapshotReceiver;
  readonly #stop = new AbortController();
  /** Pieces are written one after the other. */
  #working: Promise<void> = Promise.resolve();
  #installing = false;
  /** A piece is missing: those behind it are of no use. */
  #broken = false;

  constructor(options: SnapshotIntakeOptions) {
    this.#options = options;
    this.#receiver = new SnapshotReceiver(options.dataDir, options.data.states);
  }

  /** The state is being replaced: nothing may be applied, and whatever is handed out to be applied is in the snapshot. */
  get installing(): boolean {
    return this.#installing;
  }

  /** Removes what a former life has left. */
  start(): Promise<void> {
    return this.#receiver.drop();
  }

  add(chunk: SnapshotChunk): void {
    this.#working = this.#working.then(() => this.#add(chunk));
  }

  /** What is not installed yet is not installed any more. The log must have been told to stop before. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#working;
  }

  async #add(chunk: SnapshotChunk): Promise<void> {
    const { env, log, failed, refused } = this.#options;
    if (this.#stop.signal.aborted || (this.#broken && chunk.offset !== 0)) return;
    this.#broken = false;
    try {
      await this.#receiver.add(chunk);
      if (chunk.last) await this.#install(chunk.snapshot);
    } catch (error) {
      if (this.#installing) {
        failed(error);
        return;
      }
      this.#broken = true;
      log.warn({ error: errorMessage(error) }, 'a snapshot could not be taken in, asks for it again');
      await env.timers.sleep(retryMs, this.#stop.signal).catch(() => undefined);
      refused(chunk.snapshot);
    }
  }

  /** First the state, then the log: a crash in between leaves a state that is ahead of the log, which the start-up knows. */
  async #install(snapshot: SnapshotMeta): Promise<void> {
    const { data, log, persister, checkpoints, replaced, installed } = this.#options;
    const { machine, states } = data;
    const file = await this.#receiver.build(snapshot);
    if (file === undefined) throw new Error('it is damaged');
    this.#installing = true;
    // The term it came in, and entries that were acknowledged, come to disk before the log is emptied.
    if (!(await persister.idle())) {
      await file.close();
      return;
    }
    const old = await checkpoints.exclusively(async () => {
      const former = machine.install(file);
      replaced();
      return former;
    });
    await states.discard(old);
    const { index, term, configuration } = snapshot;
    if (!(await persister.reset({ index, term, configuration }))) return;
    this.#installing = false;
    installed(snapshot);
    log.info({ index, revision: machine.standing.revision }, 'a snapshot was installed');
    await this.#receiver.drop().catch(() => undefined);
  }
}
