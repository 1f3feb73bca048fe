import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import type { Command } from '../command.ts';
import type { MemberData } from '../member/open-member.ts';
import {
  createRaft,
  type ChangeResult,
  type Entry,
  type LogBase,
  type MemberId,
  type MembershipChange,
  type Message,
  type Raft,
  type RaftStatus,
  type Ready,
  type SnapshotChunk,
  type SnapshotRead,
  type SoftState,
} from '../raft/index.ts';
import { SnapshotReceiver } from '../snapshot/snapshot-receiver.ts';
import { SnapshotSender } from '../snapshot/snapshot-sender.ts';
import type { Applied } from '../state/applied.ts';
import type { Changes } from '../state/state-machine.ts';
import type { Transport } from '../transport/types.ts';
import { addressesOf } from './addresses.ts';
import { Checkpoints } from './checkpoints.ts';
import { Persister } from './persister.ts';
import { Proposals } from './proposals.ts';
import { Reads } from './reads.ts';

export interface DriverTiming {
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly requestTimeoutMs: number;
}

export interface DriverOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  readonly data: MemberData;
  /** Undefined: a group of one that nobody joins. */
  readonly transport: Transport | undefined;
  readonly timing: DriverTiming;
  /** In the turn in which reads begin to see it. `replaced`: a snapshot took the place of the state. */
  readonly onChanges: (changes: Changes, replaced: boolean) => void;
  readonly onSoftState: (soft: SoftState) => void;
  /** Told once when this member cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

/** Entries are applied in parts of so many bytes, so that no turn takes long. */
const committedBytes = 1024 * 1024;

/**
 * The driver of one member: does what the core's manual (`raft/README.md`) asks for. All input comes through this one object, turn
 * by turn; what comes in one turn goes into one Ready.
 */
export class Driver {
  readonly memberId: MemberId;
  readonly #options: DriverOptions;
  readonly #raft: Raft;
  readonly #persister: Persister;
  readonly #checkpoints: Checkpoints;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #timer: TimerHandle;
  #soft: SoftState;
  #tickedMs: number;
  #pumpQueued = false;
  #pumping = false;
  #installing = false;
  /** Pieces of a snapshot are written one after the other. */
  #receiving: Promise<void> = Promise.resolve();
  readonly #toApply: Entry[] = [];
  readonly #full = new Set<'log' | 'state'>();
  #failure: StoreError | undefined;
  #stopped = false;
  #waiters: { readonly done: () => boolean; readonly resolve: () => void }[] = [];

  constructor(options: DriverOptions) {
    const { env, log, dataDir, data, timing, transport } = options;
    const { machine } = data;
    this.#options = options;
    this.memberId = data.memberId;
    const electionMs = timing.tickMs * timing.electionTicks;
    this.#raft = createRaft({
      id: data.memberId,
      stored: data.stored,
      random: (bound) => env.random.int(bound),
      electionTicks: timing.electionTicks,
      heartbeatTicks: timing.heartbeatTicks,
      committedBytes,
    });
    this.#soft = this.#raft.status();
    this.#tickedMs = env.clock.monotonic();
    this.#persister = new Persister({
      env,
      log,
      file: data.log,
      persisted: (id) => this.#input(() => this.#raft.persisted(id)),
      full: (full) => this.#setFull('log', full),
      failed: (error) => this.#fail(error, 'the log could not be written'),
    });
    this.#checkpoints = new Checkpoints({
      env,
      log,
      dataDir,
      machine,
      durable: (index) => this.#input(() => this.#raft.stateDurable(index)),
      full: (full) => this.#setFull('state', full),
      failed: (error) => this.#fail(error, 'the state could not be written'),
    });
    const trouble = (): string => this.#trouble();
    const wake = (): void => this.#pumpSoon();
    this.#proposals = new Proposals({
      env,
      requestTimeoutMs: timing.requestTimeoutMs,
      retryMs: electionMs * 2,
      propose: (proposals) => this.#raft.propose(proposals),
      leads: () => this.leads,
      wake,
      trouble,
    });
    this.#reads = new Reads({
      env,
      requestTimeoutMs: timing.requestTimeoutMs,
      retryMs: electionMs,
      read: (context) => this.#input(() => this.#raft.read(context, 'quorum')),
      appliedIndex: () => machine.standing.appliedIndex,
      trouble,
    });
    const checkpoint = (): Promise<void> => this.#checkpoints.now();
    this.#sender = new SnapshotSender({ env, log, dataDir, machine, checkpoint, keepMs: electionMs * 20 });
    this.#receiver = new SnapshotReceiver(dataDir, data.states);
    // A group of one has nobody to hear from.
    const periodMs = transport === undefined ? Math.max(timing.tickMs, 250) : timing.tickMs;
    this.#timer = env.timers.every(periodMs, () => this.#tick());
  }

  /** Connects to the others, and begins to take part. */
  async start(onCall: (from: MemberId, method: string, payload: unknown) => Promise<unknown>): Promise<void> {
    await this.#receiver.drop();
    this.#raft.stateDurable(this.#options.data.stored.appliedIndex);
    await this.#options.transport?.start({
      onMessage: (message) => this.#input(() => this.#raft.step(message)),
      onCall: ({ from, method, payload }) => onCall(from, method, payload),
      onUnreachable: (member) => this.#input(() => this.#raft.unreachable(member)),
    });
    this.#connect();
    const { voters, outgoing } = this.#raft.status().configuration;
    if (outgoing.length === 0 && voters.length === 1 && voters[0] === this.memberId) this.#raft.campaign();
    this.#pump();
  }

  get leads(): boolean {
    return this.#soft.role === 'leader';
  }

  get soft(): SoftState {
    return this.#soft;
  }

  status(): RaftStatus {
    return this.#raft.status();
  }

  /** Resolves when the command is applied here. @throws StoreError UNAVAILABLE, NO_SPACE, STOPPED */
  async propose(command: Command): Promise<Applied> {
    this.#checkRunning();
    if (this.#full.size > 0) throw this.#noSpace(false);
    return this.#proposals.submit(command);
  }

  /** Resolves when the state holds all that was acknowledged anywhere before the call. @throws StoreError UNAVAILABLE, STOPPED */
  async barrier(): Promise<void> {
    this.#checkRunning();
    await this.#reads.barrier();
  }

  /** Asks the core of the leader for a change of the members, and waits until it is in force. @throws StoreError REFUSED, UNAVAILABLE */
  async changeMembership(change: MembershipChange): Promise<void> {
    this.#checkRunning();
    const result = this.#input((): ChangeResult => this.#raft.changeMembership(change));
    if (result === undefined) throw this.#failure ?? stopped();
    if (result.type === 'refused') {
      throw new StoreError(result.passing === true ? 'UNAVAILABLE' : 'REFUSED', result.reason);
    }
    await this.#until(() => {
      const status = this.#raft.status();
      return status.term !== result.term || (!status.changing && status.applied >= result.index);
    }, 'the change of the members was not agreed on in time; look at the members before you try again');
    if (this.#raft.status().term !== result.term) {
      throw new StoreError('UNAVAILABLE', 'the leader changed meanwhile: look at the members before you try again');
    }
  }

  /** Hands leadership over, and waits until another leads. @throws StoreError REFUSED, UNAVAILABLE */
  async transferLeadership(to?: MemberId): Promise<void> {
    this.#checkRunning();
    const result = this.#input(() => this.#raft.transferLeadership(to));
    if (result === undefined) throw this.#failure ?? stopped();
    if (result.type === 'refused') throw new StoreError('REFUSED', result.reason);
    await this.#until(
      () => this.#soft.role !== 'leader' && this.#soft.leader !== undefined,
      'no other member has taken over in time',
    );
  }

  /** Resolves when there is a leader. @throws StoreError UNAVAILABLE */
  async leaderKnown(): Promise<MemberId> {
    this.#checkRunning();
    await this.#until(() => this.#soft.leader !== undefined, this.#trouble());
    return this.#soft.leader as MemberId;
  }

  /** Brings all that is applied into the state file. */
  checkpoint(): Promise<void> {
    return this.#checkpoints.now();
  }

  async close(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer.cancel();
    const error = this.#failure ?? stopped();
    this.#proposals.close(error);
    this.#reads.close(error);
    this.#wakeWaiters(true);
    await this.#options.transport?.close();
    await this.#sender.close();
    await this.#receiving;
    await this.#persister.close();
    await this.#checkpoints.close();
    await this.#options.data.machine.file.close();
    await this.#options.data.log.close();
  }

  #checkRunning(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stopped) throw stopped();
  }

  #tick(): void {
    this.#input(() => undefined);
    this.#sender.tidy();
  }

  /** Something happens to the core; what it asks for is done at the end of the turn. undefined: it has stopped. */
  #input<T>(action: () => T): T | undefined {
    if (this.#stopped || this.#failure !== undefined) return undefined;
    try {
      this.#catchUp();
      const result = action();
      this.#pumpSoon();
      return result;
    } catch (error) {
      this.#fail(error, 'the member stops for good');
      return undefined;
    }
  }

  /** The ticks that have passed: after a pause all at once, before anything else. */
  #catchUp(): void {
    const { tickMs } = this.#options.timing;
    const ticks = Math.floor((this.#options.env.clock.monotonic() - this.#tickedMs) / tickMs);
    if (ticks <= 0) return;
    this.#tickedMs += ticks * tickMs;
    this.#raft.tick(ticks);
  }

  #pumpSoon(): void {
    if (this.#pumpQueued) return;
    this.#pumpQueued = true;
    // The end of this turn: what else comes in it shares the Ready.
    queueMicrotask(() => {
      this.#pumpQueued = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#pumping || this.#stopped || this.#failure !== undefined) return;
    this.#pumping = true;
    try {
      this.#catchUp();
      // While a write is under way new proposals gather for the next one.
      if (!this.#persister.busy || !this.leads) this.#proposals.flush();
      while (this.#raft.hasReady()) this.#handle(this.#raft.ready());
    } catch (error) {
      this.#fail(error, 'the member stops for good');
    } finally {
      this.#pumping = false;
    }
  }

  #handle(ready: Ready): void {
    if (ready.softState !== undefined) this.#softStateChanged(ready.softState);
    for (const message of ready.messages) this.#send(message);
    this.#persister.add(ready);
    for (const { proposal, reason } of ready.refused) this.#proposals.refused(proposal, reason);
    if (ready.entries.some((entry) => entry.type === 'configuration')) this.#connect();
    if (ready.committed.length > 0) this.#apply(ready.committed);
    for (const read of ready.reads) this.#reads.answered(read);
    for (const read of ready.snapshotReads) void this.#readSnapshot(read);
    for (const chunk of ready.snapshotChunks) this.#receive(chunk);
    this.#wakeWaiters();
  }

  #send(message: Message): void {
    this.#options.transport?.send(message);
  }

  #softStateChanged(soft: SoftState): void {
    const { log, onSoftState } = this.#options;
    const before = this.#soft;
    this.#soft = soft;
    if (before.leader !== soft.leader || before.role !== soft.role) {
      log.info({ role: soft.role, leader: soft.leader, term: soft.term }, 'role in the Raft group');
    }
    if (before.leader !== soft.leader || before.term !== soft.term) {
      this.#proposals.leaderChanged();
      this.#reads.leaderChanged();
    }
    onSoftState(soft);
  }

  #connect(): void {
    this.#options.transport?.setPeers(addressesOf(this.#raft.status().configuration, this.memberId));
  }

  #apply(entries: readonly Entry[]): void {
    if (this.#installing) {
      this.#toApply.push(...entries);
      return;
    }
    const { machine } = this.#options.data;
    for (const entry of entries) {
      const outcome = machine.apply(entry, this.#proposals.commandOf(entry));
      this.#proposals.applied(entry, outcome);
    }
    this.#raft.applied(machine.standing.appliedIndex);
    this.#options.onChanges(machine.takeChanges(), false);
    this.#reads.applied();
    this.#checkpoints.applied();
  }

  async #readSnapshot(read: SnapshotRead): Promise<void> {
    const chunk = await this.#sender.chunk(read).catch((error: unknown) => {
      this.#options.log.warn({ error: errorMessage(error) }, 'a piece of a snapshot could not be read');
      return undefined;
    });
    this.#input(() => {
      if (chunk === undefined) this.#raft.snapshotUnavailable(read.to);
      else this.#raft.provideSnapshotChunk(read.to, chunk);
    });
  }

  #receive(chunk: SnapshotChunk): void {
    this.#receiving = this.#receiving.then(async () => {
      try {
        await this.#receiver.add(chunk);
        if (chunk.last) await this.#install(chunk);
      } catch (error) {
        this.#options.log.warn({ error: errorMessage(error) }, 'a snapshot could not be taken in');
        this.#input(() => this.#raft.snapshotFailed(chunk.snapshot));
      }
    });
  }

  /** First the state, then the log: a crash in between leaves a state that is ahead of the log, which the start-up knows. */
  async #install({ snapshot }: SnapshotChunk): Promise<void> {
    const { data, log, onChanges } = this.#options;
    const file = await this.#receiver.build(snapshot);
    if (file === undefined || this.#stopped) {
      if (file !== undefined) await data.states.discard(file);
      this.#input(() => this.#raft.snapshotFailed(snapshot));
      return;
    }
    this.#installing = true;
    const base: LogBase = { index: snapshot.index, term: snapshot.term, configuration: snapshot.configuration };
    await this.#persister.replace(async () => {
      await this.#checkpoints.exclusively(async () => {
        const old = data.machine.install(file);
        await data.states.discard(old);
        await data.log.reset(base);
      });
    });
    this.#toApply.length = 0;
    this.#installing = false;
    await this.#receiver.drop();
    log.info({ index: snapshot.index, revision: data.machine.standing.revision }, 'a snapshot was installed');
    this.#input(() => {
      this.#raft.snapshotInstalled(snapshot);
      this.#proposals.leaderChanged();
      onChanges(data.machine.takeChanges(), true);
      this.#reads.applied();
      this.#connect();
    });
  }

  #until(done: () => boolean, trouble: string): Promise<void> {
    if (done()) return Promise.resolve();
    const { env, timing } = this.#options;
    return new Promise((resolve, reject) => {
      const waiter = { done, resolve: () => (timer.cancel(), resolve()) };
      const timer = env.timers.after(timing.requestTimeoutMs, () => {
        this.#waiters = this.#waiters.filter((one) => one !== waiter);
        reject(this.#failure ?? new StoreError('UNAVAILABLE', trouble));
      });
      this.#waiters.push(waiter);
    });
  }

  #wakeWaiters(all = false): void {
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter((waiter) => all || waiter.done());
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const waiter of due) waiter.resolve();
  }

  #trouble(): string {
    if (this.#full.size > 0) return this.#noSpace(true).message;
    const { configuration, leader } = this.#raft.status();
    const { voters, learners } = configuration;
    if (![...voters, ...configuration.outgoing, ...learners].includes(this.memberId)) {
      return voters.length === 0
        ? 'this member waits to be taken in by its group'
        : 'this member has been removed from its group';
    }
    if (leader === undefined) return `no leader: a majority of the ${voters.length} members must be up and connected`;
    return 'the members did not agree in time';
  }

  #setFull(what: 'log' | 'state', full: boolean): void {
    const had = this.#full.size > 0;
    if (full) this.#full.add(what);
    else this.#full.delete(what);
    const has = this.#full.size > 0;
    if (had === has) return;
    const { log, dataDir } = this.#options;
    if (!has) {
      log.info({ dataDir }, 'there is room for data again: writes go on');
      return;
    }
    log.error({ dataDir }, 'no room is left for data: reads go on, writes are refused until there is room');
    this.#proposals.failAll(this.#noSpace(true));
    // A leader whose disk is full holds nobody up, if another can lead.
    this.#input(() => this.#raft.transferLeadership());
  }

  #noSpace(begun: boolean): StoreError {
    const what = begun ? 'whether the write was done is not known' : 'the write was not done';
    return new StoreError(
      'NO_SPACE',
      `there is no room left for the data in ${this.#options.dataDir}: ${what}; make room, the store goes on by itself then`,
    );
  }

  #fail(error: unknown, what: string): void {
    if (this.#failure !== undefined || this.#stopped) return;
    const { log, dataDir, onFailure } = this.#options;
    this.#failure = new StoreError('UNAVAILABLE', `${what} (data in ${dataDir}): ${errorMessage(error)}`, {
      cause: error,
    });
    log.error({ error: errorMessage(error) }, what);
    this.#proposals.close(this.#failure);
    this.#reads.close(this.#failure);
    this.#wakeWaiters(true);
    onFailure(this.#failure);
  }
}

export function stopped(): StoreError {
  return new StoreError('STOPPED', 'the store has been stopped');
}
