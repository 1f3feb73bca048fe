import { statfsSync } from 'node:fs';
import { errorCode, errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import { StoreError, type RevisionEvents, type WatchHistory } from '@timonel/sdk/contracts/store';
import type { Transaction } from 'lmdb';
import type { Command } from './command.ts';
import { CommitLoop } from './commit-loop.ts';
import type { LogEntry } from './log/entry.ts';
import type { LogStorage } from './log/log-storage.ts';
import { lockDataDirectory } from './data-lock.ts';
import { openMemberData, type MemberData } from './member-data.ts';
import { RecentRevisions } from './recent-revisions.ts';
import { StateMachine, type Applied, type AppliedBatch } from './state/state-machine.ts';
import type { StateFile } from './state/state-file.ts';

interface MemberOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  readonly config: { readonly mapBytes?: number | undefined };
  readonly onFailure: (error: unknown) => void;
}

/** A file system with less room than this is full for LMDB, which writes whole pages of several trees. */
const fullBelowBytes = 256 * 1024;
const replayEntries = 1_000;
const collectVersions = 500;
/** How often the entries that the state has on disk are dropped from the log. */
const dropMs = 1_000;
/** Under load they are dropped whenever there are so many. */
const dropEntries = 5_000;
const recentEvents = 20_000;
const recentBytes = 32 * 1024 * 1024;

/** One member of the group: log → durable → applied. A group of one commits whatever is durable here. */
export class Member {
  readonly log: LogStorage;
  readonly machine: StateMachine;
  readonly history: WatchHistory;
  readonly sizeBytes: () => number;
  readonly #state: StateFile;
  readonly #logger: Logger;
  readonly #onFailure: (error: unknown) => void;
  readonly #dataDir: string;
  readonly #loop: CommitLoop<Applied>;
  readonly #recent = new RecentRevisions(recentEvents, recentBytes);
  readonly #dropTimer: TimerHandle;
  readonly #unlock: () => Promise<void>;
  #onApplied: (batch: AppliedBatch) => void = () => undefined;
  #dropping: Promise<void> | undefined;
  /** Applied entries that were on disk when entries were last dropped. */
  #onDisk = { index: 0, term: 0 };
  #lastDropIndex: number;

  /** @throws StoreError CORRUPT, UNAVAILABLE (another store has the directory open) */
  static async open(options: MemberOptions): Promise<Member> {
    const unlock = await lockDataDirectory(options.dataDir);
    try {
      return await Member.#openLocked(options, unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  static async #openLocked(options: MemberOptions, unlock: () => Promise<void>): Promise<Member> {
    const data = await openMemberData(options.dataDir, () => options.env.random.uuid(), options.config.mapBytes);
    const machine = new StateMachine(data.state);
    try {
      const replayed = await replay(data.log, machine);
      const { hardState } = data.log;
      await data.log.saveHardState({ ...hardState, term: hardState.term + 1, votedFor: hardState.memberId });
      const member = new Member(options, data, machine, unlock);
      // A leader first commits an entry of its own term (Raft paper, section 8).
      await member.propose({ type: 'noop' }, 0);
      options.log.info({ revision: machine.meta.revision, term: hardState.term + 1, replayed }, 'the store is open');
      return member;
    } catch (error) {
      await data.state.close();
      await data.log.close();
      throw error;
    }
  }

  private constructor(options: MemberOptions, data: MemberData, machine: StateMachine, unlock: () => Promise<void>) {
    this.#unlock = unlock;
    this.log = data.log;
    this.machine = machine;
    this.sizeBytes = () => data.sizeBytes();
    this.#state = data.state;
    this.#logger = options.log;
    this.#onFailure = options.onFailure;
    this.#dataDir = options.dataDir;
    this.#lastDropIndex = machine.meta.appliedIndex;
    this.history = {
      revision: () => machine.meta.revision,
      compactedRevision: () => machine.meta.compactedRevision,
      readEvents: (from, to, prefix) => this.#readEvents(from, to, prefix),
    };
    this.#loop = new CommitLoop<Applied>({
      nextEntry: (() => {
        let { lastIndex } = data.log;
        return (command: Command): LogEntry => ({ index: ++lastIndex, term: data.log.hardState.term, command });
      })(),
      append: (entries) => data.log.append(entries),
      apply: (entries) => this.#apply(entries),
      idle: () => this.#collect(options.env),
      failed: (error) => this.#fail(error),
    });
    this.#dropTimer = options.env.timers.every(dropMs, () => this.#drop());
  }

  /** Called after each applied batch, in the turn in which reads begin to see it. */
  onApplied(listener: (batch: AppliedBatch) => void): void {
    this.#onApplied = listener;
  }

  /** Resolves when the command is durable and applied. Rejects with what the state machine refused it for. */
  async propose(command: Command, bytes: number): Promise<Exclude<Applied, { type: 'refused' }>> {
    const applied = await this.#loop.propose(command, bytes);
    if (applied.type === 'refused') throw applied.error;
    return applied;
  }

  /** A read transaction of the state as it is now. Call `done` on it. */
  openRead(): Transaction {
    return this.#state.openRead();
  }

  async close(): Promise<void> {
    this.#dropTimer.cancel();
    await this.#loop.stop(new StoreError('STOPPED', 'the store has been stopped'));
    await this.#dropping;
    await this.#state.close();
    await this.log.close();
    await this.#unlock();
  }

  async #apply(entries: readonly LogEntry[]): Promise<readonly Applied[]> {
    const batch = await this.machine.apply(entries);
    for (const revision of batch.revisions) this.#recent.push(revision);
    this.#onApplied(batch);
    if (this.machine.meta.appliedIndex - this.#lastDropIndex >= dropEntries) this.#drop();
    return batch.applied;
  }

  async #collect(env: Env): Promise<boolean> {
    if (!this.machine.hasGarbage) return false;
    await this.machine.collect(collectVersions);
    // Reads and timers have their turn between two steps.
    await env.timers.sleep(0);
    return true;
  }

  *#readEvents(from: number, to: number, prefix: string): Generator<RevisionEvents> {
    const recent = this.#recent.read(from, to);
    if (recent === undefined) {
      yield* this.machine.reader.events(from, to, prefix);
      return;
    }
    for (const { revision, events } of recent) {
      const wanted = events.filter((event) => event.kv.key.startsWith(prefix));
      if (wanted.length > 0) yield { revision, events: wanted };
    }
  }

  #drop(): void {
    const { appliedIndex } = this.machine.meta;
    if (this.#dropping !== undefined || appliedIndex === this.#lastDropIndex) return;
    this.#lastDropIndex = appliedIndex;
    this.#dropping = this.#dropApplied()
      .catch((error: unknown) => {
        this.#logger.warn({ error: errorMessage(error) }, 'applied entries could not be dropped from the log');
      })
      .finally(() => {
        this.#dropping = undefined;
      });
  }

  // One round behind: what is dropped was on disk before this round began.
  async #dropApplied(): Promise<void> {
    const { appliedIndex: index, appliedTerm: term } = this.machine.meta;
    await this.#state.flushed();
    const { index: safeIndex, term: safeTerm } = this.#onDisk;
    this.#onDisk = { index, term };
    if (safeIndex > 0) await this.log.dropUpTo(safeIndex, safeTerm);
  }

  #fail(error: unknown): StoreError {
    const message = errorMessage(error);
    const full = errorCode(error) === 'ENOSPC' || /no space left|MDB_MAP_FULL/i.test(message) || isFull(this.#dataDir);
    const failure = full
      ? new StoreError('NO_SPACE', `there is no room left for the data in ${this.#dataDir}: make room and restart`, {
          cause: error,
        })
      : new StoreError('UNAVAILABLE', `the data in ${this.#dataDir} could not be written: ${message}; restart`, {
          cause: error,
        });
    this.#logger.error({ error: failure.message, cause: message }, 'the store cannot write any more');
    this.#onFailure(failure);
    return failure;
  }
}

/** LMDB tells that a write failed, and not always why. */
function isFull(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize < fullBelowBytes;
  } catch {
    return false;
  }
}

async function replay(log: LogStorage, machine: StateMachine): Promise<number> {
  let batch: LogEntry[] = [];
  let replayed = 0;
  const first = machine.meta.appliedIndex + 1;
  for (const entry of log.read(first)) {
    batch.push(entry);
    if (batch.length < replayEntries) continue;
    await machine.apply(batch);
    replayed += batch.length;
    batch = [];
  }
  if (batch.length > 0) await machine.apply(batch);
  return replayed + batch.length;
}
