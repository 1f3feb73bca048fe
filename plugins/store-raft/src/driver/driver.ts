import { errorMessage, type TimerHandle } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import type { Command } from '../command.ts';
import {
  createRaft,
  type Configuration,
  type Entry,
  type MemberId,
  type MembershipChange,
  type Message,
  type Raft,
  type RaftStatus,
  type Ready,
  type SnapshotMeta,
  type SoftState,
} from '../raft/index.ts';
import type { Applied } from '../state/applied.ts';
import { addressesOf } from './addresses.ts';
import { Checkpoints } from './checkpoints.ts';
import { CoreLoop } from './core-loop.ts';
import { DiskAlarm } from './disk-alarm.ts';
import { GroupChanges } from './group-changes.ts';
import type { DriverOptions } from './options.ts';
import { Persister } from './persister.ts';
import { Proposals } from './proposals.ts';
import { Reads } from './reads.ts';
import { Snapshots } from './snapshots.ts';
import { troubleWithGroup } from './trouble.ts';

/** Entries are handed out to be applied in parts of so many bytes. */
const committedBytes = 1024 * 1024;
const entryBytes = 8 * 1024 * 1024;
/** A leader whose disk is full tries to hand over so often. */
const handOverMs = 5_000;

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
  readonly #snapshots: Snapshots;
  readonly #alarm: DiskAlarm;
  readonly #changes: GroupChanges;
  readonly #loop: CoreLoop;
  readonly #timer: TimerHandle;
  #soft: SoftState;
  #connectedTo: Configuration | undefined;
  #handedOverMs = -Infinity;
  #failure: StoreError | undefined;
  #stopped = false;

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
      entryBytes,
    });
    this.#soft = this.#raft.status();
    this.#loop = new CoreLoop({
      env,
      raft: this.#raft,
      tickMs: timing.tickMs,
      // While a write is under way new proposals gather for the next one.
      gather: () => {
        if (!this.#persister.busy || !this.leads) this.#proposals.flush();
      },
      handle: (ready) => this.#handle(ready),
      failed: (error) => this.#fail(error, 'the member stops for good'),
    });
    this.#alarm = new DiskAlarm(dataDir, log, () => this.#diskFull());
    this.#persister = new Persister({
      env,
      log,
      file: data.log,
      persisted: (id) => this.#input(() => this.#raft.persisted(id)),
      full: (full) => this.#alarm.set('log', full),
      failed: (error) => this.#fail(error, 'the log could not be written'),
    });
    this.#checkpoints = new Checkpoints({
      env,
      log,
      dataDir,
      machine,
      durable: (index) => this.#stateDurable(index),
      full: (full) => this.#alarm.set('state', full),
      failed: (error) => this.#fail(error, 'the state could not be written'),
    });
    const trouble = (): string => this.#trouble();
    this.#changes = new GroupChanges({
      env,
      raft: this.#raft,
      timeoutMs: timing.requestTimeoutMs,
      handOverMs: Math.min(timing.requestTimeoutMs, electionMs * 4),
      resignMs: electionMs,
      input: (action) => this.#mustRun(action),
      soft: () => this.#soft,
      trouble,
    });
    this.#proposals = new Proposals({
      env,
      requestTimeoutMs: timing.requestTimeoutMs,
      entryBytes,
      retryMs: electionMs * 2,
      propose: (proposals) => this.#raft.propose(proposals),
      leads: () => this.leads,
      wake: () => this.#loop.pumpSoon(),
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
    this.#snapshots = new Snapshots({
      env,
      log,
      dataDir,
      data,
      raft: this.#raft,
      persister: this.#persister,
      checkpoints: this.#checkpoints,
      input: (action) => this.#input(action),
      replaced: () => options.onChanges(machine.takeChanges(), true),
      installed: (snapshot) => this.#installed(snapshot),
      failed: (error) => this.#fail(error, 'a snapshot could not be installed'),
      keepMs: electionMs * 20,
    });
    // A group of one has nobody to hear from.
    const periodMs = transport === undefined ? Math.max(timing.tickMs, 250) : timing.tickMs;
    this.#timer = env.timers.every(periodMs, () => this.#tick());
  }

  /** Connects to the others, and begins to take part. */
  async start(onCall: (from: MemberId, method: string, payload: unknown) => Promise<unknown>): Promise<void> {
    await this.#snapshots.start();
    this.#raft.stateDurable(this.#options.data.stored.appliedIndex);
    await this.#options.transport?.start({
      onMessage: (message) => this.#input(() => this.#raft.step(message)),
      onCall: ({ from, method, payload }) => onCall(from, method, payload),
      onUnreachable: (member) => this.#input(() => this.#raft.unreachable(member)),
    });
    this.#connect();
    const { voters, outgoing } = this.#raft.status().configuration;
    if (outgoing.length === 0 && voters.length === 1 && voters[0] === this.memberId) this.#raft.campaign();
    this.#loop.pump();
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
    if (this.#alarm.on) throw this.#alarm.refusal(false);
    return this.#proposals.submit(command);
  }

  /** Resolves when the state holds all that was acknowledged anywhere before the call. @throws StoreError UNAVAILABLE, STOPPED */
  async barrier(): Promise<void> {
    this.#checkRunning();
    await this.#reads.barrier();
  }

  /** Of the leader: done when it is in force. @throws StoreError REFUSED, UNAVAILABLE */
  async changeMembership(change: MembershipChange): Promise<void> {
    await this.#changes.changeMembership(change);
  }

  /** Hands leadership over, and waits until another leads. @throws StoreError REFUSED, UNAVAILABLE */
  async transferLeadership(to?: MemberId): Promise<void> {
    await this.#changes.transferLeadership(to);
  }

  /** Before it is closed: see `GroupChanges.resign`. */
  async resign(): Promise<void> {
    if (this.leads) await this.#changes.resign();
  }

  /** Resolves when there is a leader. @throws StoreError UNAVAILABLE */
  async leaderKnown(): Promise<MemberId> {
    this.#checkRunning();
    return this.#changes.leaderKnown();
  }

  /** Brings all that is applied into the state file. @throws StoreError NO_SPACE */
  checkpoint(): Promise<void> {
    return this.#checkpoints.now();
  }

  /** Lets go of everything, whatever of it fails. */
  async close(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#loop.stop();
    this.#timer.cancel();
    this.#refuseAll(this.#failure ?? stopped());
    const { transport, data, log } = this.#options;
    const steps: (() => Promise<void> | undefined)[] = [
      () => transport?.close(),
      () => this.#persister.close(),
      () => this.#snapshots.close(),
      () => this.#checkpoints.close(),
      () => data.machine.file.close(),
      () => data.log.close(),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        log.warn({ error: errorMessage(error) }, 'a part of the store did not stop cleanly');
      }
    }
  }

  #checkRunning(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stopped) throw stopped();
  }

  /** @throws StoreError */
  #mustRun<T>(action: () => T): T {
    this.#checkRunning();
    const result = this.#input(action);
    this.#checkRunning();
    return result as T;
  }

  #tick(): void {
    this.#input(() => undefined);
    this.#snapshots.tidy();
    if (this.#alarm.on) this.#handOver();
  }

  #input<T>(action: () => T): T | undefined {
    return this.#loop.input(action);
  }

  #handle(ready: Ready): void {
    if (ready.softState !== undefined) this.#softStateChanged(ready.softState);
    for (const message of ready.messages) this.#send(message);
    this.#persister.add(ready);
    for (const { proposal, reason } of ready.refused) this.#proposals.refused(proposal, reason);
    if (ready.entries.length > 0) this.#connect();
    if (ready.committed.length > 0) this.#apply(ready.committed);
    for (const read of ready.reads) this.#reads.answered(read);
    this.#snapshots.handle(ready);
    this.#changes.wake();
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

  /** To the members of the latest configuration, which a new leader may also have taken back. */
  #connect(): void {
    const { configuration } = this.#raft.status();
    if (configuration === this.#connectedTo) return;
    this.#connectedTo = configuration;
    this.#options.transport?.setPeers(addressesOf(configuration, this.memberId));
  }

  #apply(entries: readonly Entry[]): void {
    if (this.#snapshots.installing) return;
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

  #stateDurable(index: number): void {
    this.#input(() => this.#raft.stateDurable(Math.min(index, this.#snapshots.neededIndex)));
  }

  #installed(snapshot: SnapshotMeta): void {
    this.#input(() => {
      this.#raft.snapshotInstalled(snapshot);
      this.#connect();
      this.#proposals.stateReplaced();
      this.#reads.applied();
    });
  }

  #trouble(): string {
    return this.#alarm.on ? this.#alarm.trouble : troubleWithGroup(this.#raft.status(), this.memberId);
  }

  #diskFull(): void {
    this.#proposals.failAll((proposed) => this.#alarm.refusal(proposed));
    this.#handOver();
  }

  /** A leader whose disk is full holds nobody up, if another can lead. */
  #handOver(): void {
    const now = this.#options.env.clock.monotonic();
    if (!this.leads || now < this.#handedOverMs + handOverMs) return;
    this.#handedOverMs = now;
    this.#input(() => this.#raft.transferLeadership());
  }

  #fail(error: unknown, what: string): void {
    if (this.#failure !== undefined || this.#stopped) return;
    const { log, dataDir, onFailure } = this.#options;
    const message = `${what} (data in ${dataDir}): ${errorMessage(error)}`;
    this.#failure = new StoreError('UNAVAILABLE', message, { cause: error });
    this.#loop.stop();
    log.error({ error: errorMessage(error) }, what);
    this.#refuseAll(this.#failure);
    onFailure(this.#failure);
  }

  #refuseAll(error: StoreError): void {
    this.#proposals.close(error);
    this.#reads.close(error);
    this.#changes.close(error);
  }
}

export function stopped(): StoreError {
  return new StoreError('STOPPED', 'the store has been stopped');
}
