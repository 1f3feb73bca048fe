import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import {
  checkKey,
  checkRange,
  checkRevision,
  checkTtl,
  checkTxn,
  CompactionSchedule,
  encodeSnapshot,
  WatchHub,
  type GetResult,
  type Lease,
  type RangeOptions,
  type RangeResult,
  type ReadOptions,
  type Store,
  type StoreAdmin,
  type StoreStatus,
  type StoreWatch,
  type Txn,
  type TxnResult,
  type WatchOptions,
} from '@timonel/sdk/contracts/store';
import type { Command } from './command.ts';
import type { RaftStoreConfig } from './config.ts';
import { lockDataDirectory } from './data-lock.ts';
import { formatAddress } from './driver/addresses.ts';
import { Driver, stopped } from './driver/driver.ts';
import { LeaderLeases } from './driver/leader-leases.ts';
import { GroupAdmin } from './group-admin.ts';
import { openMember, type MemberData } from './member/open-member.ts';
import { accepted, type Applied } from './state/applied.ts';
import type { Changes } from './state/state-machine.ts';
import { createTlsTransport } from './transport/tls-transport.ts';
import type { Transport } from './transport/types.ts';

export interface RaftStoreOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  readonly config: RaftStoreConfig;
  /** Told once when the store cannot go on. */
  readonly onFailure: (error: unknown) => void;
  /** In place of TLS connections. */
  readonly transport?: ((memberId: string) => Transport) | undefined;
}

const promoteRetryMs = 100;

type Accepted<T extends Applied['type']> = Extract<Applied, { readonly type: T }>;

/** One member of the replicated store. */
export class RaftStore implements Store {
  readonly admin: StoreAdmin;
  readonly #options: RaftStoreOptions;
  readonly #data: MemberData;
  readonly #driver: Driver;
  readonly #admin: GroupAdmin;
  readonly #hub: WatchHub;
  readonly #leases: LeaderLeases;
  readonly #compaction: CompactionSchedule;
  readonly #unlock: () => Promise<void>;
  #promoteTimer: TimerHandle | undefined;
  #promoting = false;
  #closing: Promise<void> | undefined;

  /** Opens the data and begins to take part. Does not wait for the other members. @throws StoreError CORRUPT, REFUSED, UNAVAILABLE */
  static async open(options: RaftStoreOptions): Promise<RaftStore> {
    const unlock = await lockDataDirectory(options.dataDir);
    let store: RaftStore | undefined;
    try {
      const { cluster, mapBytes, segmentBytes } = options.config;
      const data = await openMember({
        env: options.env,
        log: options.log,
        dataDir: options.dataDir,
        memberId: cluster?.memberId,
        address: cluster === undefined ? '' : formatAddress({ name: cluster.name, peerUrl: cluster.advertise }),
        join: cluster?.join ?? false,
        mapBytes,
        segmentBytes,
      });
      store = new RaftStore(options, data, unlock);
      await store.#start();
      return store;
    } catch (error) {
      // Nothing of it may go on: the next try has the same files.
      await (store === undefined ? unlock() : store.close());
      throw error;
    }
  }

  private constructor(options: RaftStoreOptions, data: MemberData, unlock: () => Promise<void>) {
    const { env, log, config, dataDir } = options;
    const { machine } = data;
    this.#options = options;
    this.#data = data;
    this.#unlock = unlock;
    const transport = transportOf(options, data.memberId);
    const { timing } = config;
    this.#driver = new Driver({
      env,
      log,
      dataDir,
      data,
      transport,
      timing,
      onChanges: (changes, replaced) => this.#changed(changes, replaced),
      onSoftState: (soft) => (soft.role === 'leader' ? this.#leases.begin(soft.term) : this.#leases.end()),
      onFailure: options.onFailure,
    });
    this.#leases = new LeaderLeases({
      env,
      log,
      machine: () => machine,
      expire: (leaseId, term) => this.#driver.propose({ type: 'expireLease', leaseId, term }),
    });
    this.#hub = new WatchHub(
      {
        revision: () => machine.standing.revision,
        compactedRevision: () => machine.standing.eventsRevision,
        readEvents: (from, to, prefix) => machine.reader.events(from, to, prefix),
      },
      env,
    );
    this.#admin = new GroupAdmin({
      env,
      driver: this.#driver,
      data,
      leases: this.#leases,
      transport,
      requestTimeoutMs: timing.requestTimeoutMs,
      compact: (revision) => this.compact(revision),
      barrier: () => this.barrier(),
    });
    this.admin = this.#admin;
    this.#compaction = new CompactionSchedule(
      env,
      config.compaction,
      () => machine.standing.revision,
      (revision) => this.#compactByItself(revision),
    );
  }

  async #start(): Promise<void> {
    await this.#driver.start((_from, method, payload) => this.#admin.handle(method, payload));
    const { cluster } = this.#options.config;
    const { revision } = this.#data.machine.standing;
    this.#options.log.info({ revision, memberId: this.#data.memberId }, 'the store is open');
    if (cluster?.join === true)
      this.#promoteTimer = this.#options.env.timers.every(promoteRetryMs, () => this.#promote());
    // A group of one is ready at once; others when a majority is there.
    else if (cluster === undefined) await this.#driver.barrier();
  }

  async get(key: string, options: ReadOptions = {}): Promise<GetResult> {
    this.#checkRunning();
    checkKey(key);
    if (options.serializable !== true) await this.#driver.barrier();
    const { machine } = this.#data;
    return { kv: machine.reader.get(key, options.revision), revision: machine.standing.revision };
  }

  async range(options: RangeOptions): Promise<RangeResult> {
    this.#checkRunning();
    checkRange(options);
    if (options.serializable !== true) await this.#driver.barrier();
    return this.#data.machine.reader.range(options);
  }

  async txn(txn: Txn): Promise<TxnResult> {
    this.#checkRunning();
    checkTxn(txn);
    return (await this.#propose<'txn'>({ type: 'txn', txn })).result;
  }

  watch(options: WatchOptions): StoreWatch {
    return this.#hub.watch(options);
  }

  async compact(revision: number): Promise<void> {
    this.#checkRunning();
    await this.#driver.barrier();
    checkRevision(revision, this.#data.machine.standing.revision, 0);
    await this.#propose({ type: 'compact', revision });
  }

  async barrier(): Promise<number> {
    this.#checkRunning();
    await this.#driver.barrier();
    return this.#data.machine.standing.revision;
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    this.#checkRunning();
    checkTtl(ttlMs);
    return (await this.#propose<'lease'>({ type: 'grantLease', ttlMs })).lease;
  }

  async keepAlive(leaseId: number): Promise<Lease> {
    this.#checkRunning();
    return this.#admin.keepAlive(leaseId);
  }

  async revokeLease(leaseId: number): Promise<void> {
    this.#checkRunning();
    await this.#propose({ type: 'revokeLease', leaseId });
  }

  async status(): Promise<StoreStatus> {
    return this.statusNow();
  }

  /** @throws StoreError STOPPED */
  statusNow(): StoreStatus {
    this.#checkRunning();
    return this.#admin.status();
  }

  async *snapshot(): AsyncIterable<Uint8Array> {
    this.#checkRunning();
    await this.#driver.barrier();
    await this.#driver.checkpoint();
    const { file } = this.#data.machine;
    const meta = file.readMeta();
    const leases = [...file.leases()];
    const frozen = file.freeze();
    try {
      yield* encodeSnapshot({ revision: meta?.revision ?? 1, leases, kvs: frozen.kvs });
    } finally {
      frozen.done();
    }
  }

  /** Answers what is under way, ends watches, closes the files. Later calls fail with STOPPED. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#promoteTimer?.cancel();
    this.#compaction.close();
    this.#leases.end();
    // Its clients then wait for a round trip and not for an election.
    await this.#driver.resign();
    await this.#driver.close();
    this.#hub.close();
    await this.#unlock();
  }

  async #propose<T extends Applied['type']>(command: Command): Promise<Accepted<T>> {
    const applied = accepted(await this.#driver.propose(command));
    return applied as Accepted<T>;
  }

  #changed({ revisions, leases }: Changes, replaced: boolean): void {
    if (replaced) this.#hub.restart();
    this.#leases.changed(leases);
    for (const revision of revisions) {
      this.#hub.publish(revision);
    }
  }

  /** The leader alone sees to it. */
  #compactByItself(revision: number): void {
    if (!this.#driver.leads || revision <= this.#data.machine.standing.compactedRevision) return;
    this.#driver.propose({ type: 'compact', revision }).catch((error: unknown) => {
      this.#options.log.warn({ revision, error: errorMessage(error) }, 'the automatic compaction failed');
    });
  }

  /** A member that has joined becomes a voter as soon as it has caught up. */
  #promote(): void {
    const { memberId } = this.#data;
    const self = this.#admin.list().find(({ id }) => id === memberId);
    if (self === undefined) return;
    if (!self.learner) {
      this.#promoteTimer?.cancel();
      return;
    }
    if (this.#promoting || this.#driver.soft.leader === undefined) return;
    this.#promoting = true;
    this.#admin
      .promote(memberId)
      .catch((error: unknown) => {
        this.#options.log.debug({ error: errorMessage(error) }, 'not a voter yet, will ask again');
      })
      .finally(() => {
        this.#promoting = false;
      });
  }

  #checkRunning(): void {
    if (this.#closing !== undefined) throw stopped();
  }
}

function transportOf({ env, log, config, transport }: RaftStoreOptions, memberId: string): Transport | undefined {
  if (transport !== undefined) return transport(memberId);
  const { cluster } = config;
  if (cluster === undefined) return undefined;
  const { tickMs, electionTicks } = config.timing;
  // A link that is dead is found about when an election would be due.
  const limits = { silenceMs: Math.max(500, 2 * tickMs * electionTicks) };
  return createTlsTransport({ env, log, memberId, listen: cluster.listen, tls: cluster.tls, limits });
}
