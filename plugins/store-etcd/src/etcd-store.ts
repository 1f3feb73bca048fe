import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import {
  checkKey,
  checkRange,
  checkTxn,
  CompactionSchedule,
  encodeSnapshot,
  StoreError,
  type GetResult,
  type KeyValue,
  type Lease,
  type RangeOptions,
  type RangeResult,
  type ReadOptions,
  type Store,
  type StoreStatus,
  type StoreWatch,
  type Txn,
  type TxnResult,
  type WatchOptions,
} from '@timonel/sdk/contracts/store';
import { EtcdClient } from './client.ts';
import { Compaction } from './compaction.ts';
import type { EtcdStoreConfig } from './config.ts';
import { stoppedError } from './errors.ts';
import { EtcdWatch } from './etcd-watch.ts';
import { EventFeed } from './event-feed.ts';
import { KeySpace } from './key-space.ts';
import { Leases } from './leases.ts';
import { planTxn } from './txn-plan.ts';
import { decodeMembers, decodeStatus } from './wire/cluster-messages.ts';
import type { TlsMaterial } from './wire/connection.ts';
import {
  decodeRange,
  decodeTxn,
  encodeRange,
  methods,
  type RangeRequest,
  type RangeResponse,
} from './wire/messages.ts';

export interface EtcdStoreOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly config: EtcdStoreConfig;
  readonly tls: TlsMaterial;
}

const noBytes = Buffer.alloc(0);
const snapshotPageKeys = 500;

/**
 * The store on an etcd cluster. Revisions are etcd's own: an empty etcd is at 1, but when others write to it, too, the
 * revision grows by their changes as well, and compaction takes their history, too. All but `serializable` reads are
 * linearizable. A lease ends by etcd's clock.
 */
export class EtcdStore implements Store {
  readonly #client: EtcdClient;
  readonly #keys: KeySpace;
  readonly #feed: EventFeed;
  readonly #compaction: Compaction;
  readonly #leases: Leases;
  readonly #env: Env;
  readonly #schedule: CompactionSchedule | undefined;
  /** Watches "from now on" that do not know yet when that is. Writes wait for them. */
  readonly #starting = new Set<Promise<unknown>>();
  #seen = 0;
  #closing: Promise<void> | undefined;

  /** @throws StoreError UNAVAILABLE when no member answers */
  static async open({ env, log, config, tls }: EtcdStoreOptions): Promise<EtcdStore> {
    const client = new EtcdClient({ ...config, env, log, tls });
    try {
      const answer = await client.unary(methods.range, encodeRange(anyKey), { repeat: true });
      return new EtcdStore(client, { env, log, config, tls }, decodeRange(answer).revision);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  private constructor(client: EtcdClient, { env, log, config }: EtcdStoreOptions, revision: number) {
    this.#client = client;
    this.#env = env;
    this.#seen = revision;
    this.#keys = new KeySpace(config.keyPrefix);
    this.#compaction = new Compaction(client);
    this.#leases = new Leases(client, env);
    const currentRevision = (): Promise<number> => this.#current();
    const timeoutMs = config.requestTimeoutMs;
    this.#feed = new EventFeed({ client, keys: this.#keys, env, log, timeoutMs, currentRevision }, revision);
    if (config.compaction === false) return;
    this.#schedule = new CompactionSchedule(
      env,
      config.compaction,
      () => this.#seen,
      (target) => {
        this.compact(target).catch((error: unknown) => {
          log.warn({ revision: target, error: errorMessage(error) }, 'the automatic compaction failed');
        });
      },
    );
  }

  async get(key: string, options: ReadOptions = {}): Promise<GetResult> {
    checkKey(key);
    const { kvs, revision } = await this.#read({ key: this.#keys.toEtcd(key), ...reading(options) });
    const [kv] = kvs;
    return { kv: kv === undefined ? undefined : this.#keys.toKeyValue(kv), revision };
  }

  async range(options: RangeOptions): Promise<RangeResult> {
    checkRange(options);
    const { kvs, more, count, revision } = await this.#read({
      ...this.#keys.range(options.prefix, options.startKey),
      ...reading(options),
      limit: options.limit ?? 0,
      keysOnly: options.keysOnly ?? false,
    });
    return { kvs: kvs.flatMap((kv): KeyValue[] => this.#ownKeyValue(kv)), more, count, revision };
  }

  async txn(txn: Txn): Promise<TxnResult> {
    this.#checkRunning();
    checkTxn(txn);
    const plan = planTxn(txn, this.#keys);
    await this.#watchesStarted();
    const answer = await this.#client.unary(methods.txn, plan.request, { repeat: false });
    const { succeeded, kvs, revision } = decodeTxn(answer);
    this.#saw(revision);
    return { succeeded, revision, results: plan.results(succeeded, kvs, revision) };
  }

  watch(options: WatchOptions): StoreWatch {
    const start = this.#startOf(options.fromRevision);
    return new EtcdWatch({
      ...options,
      client: this.#client,
      keys: this.#keys,
      env: this.#env,
      feed: this.#feed,
      start,
      seenRevision: () => this.#seen,
      checkKept: (revision) => this.#compaction.checkKept(revision),
    });
  }

  async compact(revision: number): Promise<void> {
    this.#checkRunning();
    const current = revision <= this.#seen ? this.#seen : await this.#current();
    if (revision > current) {
      throw new StoreError('FUTURE_REVISION', `revision ${revision} is in the future: the store is at ${current}`);
    }
    // etcd looks up what was before an event when it sends it: the feed must have it first.
    await this.#feed.reached(revision);
    await this.#compaction.compactTo(revision);
  }

  /** Watches, too, have seen by then what was acknowledged before. */
  async barrier(): Promise<number> {
    const revision = await this.#current();
    await this.#feed.reached(revision);
    return revision;
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    this.#checkRunning();
    return this.#leases.grant(ttlMs);
  }

  async keepAlive(leaseId: number): Promise<Lease> {
    this.#checkRunning();
    return this.#leases.keepAlive(leaseId);
  }

  async revokeLease(leaseId: number): Promise<void> {
    this.#checkRunning();
    await this.#watchesStarted();
    await this.#leases.revoke(leaseId);
  }

  async status(): Promise<StoreStatus> {
    const [revision, status, members] = await Promise.all([
      this.#current(),
      this.#client.unary(methods.status, noBytes, { repeat: true }).then(decodeStatus),
      this.#client.unary(methods.memberList, noBytes, { repeat: true }).then(decodeMembers),
    ]);
    const compactedRevision = await this.#compaction.oldestRevision(revision);
    const { memberId, leaderId, term, appliedIndex, sizeBytes } = status;
    const implementation = `store-etcd (etcd ${status.version})`;
    return {
      implementation,
      revision,
      compactedRevision,
      memberId,
      leaderId,
      term,
      appliedIndex,
      members,
      sizeBytes,
    };
  }

  /** The store's own keys in its own format. For a copy of the whole etcd there is `etcdctl snapshot save`. */
  async *snapshot(): AsyncIterable<Uint8Array> {
    this.#checkRunning();
    const leases = await this.#leases.all();
    const first = await this.range({ prefix: '', limit: snapshotPageKeys });
    const kvs = [...first.kvs];
    for (let page: RangeResult = first; page.more;) {
      const startKey = `${kvs.at(-1)?.key ?? ''}\u0000`;
      page = await this.range({ prefix: '', startKey, limit: snapshotPageKeys, revision: first.revision });
      kvs.push(...page.kvs);
    }
    yield* encodeSnapshot({ revision: first.revision, leases, kvs });
  }

  /** Ends what is under way and all watches. Later calls fail with STOPPED. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#schedule?.close();
    const closed = this.#client.close();
    await this.#feed.close();
    await closed;
  }

  async #read(request: RangeRequest): Promise<RangeResponse> {
    this.#checkRunning();
    const revision = request.revision ?? 0;
    this.#compaction.checkKept(revision);
    try {
      const response = decodeRange(await this.#client.unary(methods.range, encodeRange(request), { repeat: true }));
      this.#saw(response.revision);
      return response;
    } catch (error) {
      throw await this.#compaction.explain(error, revision, () => this.#current());
    }
  }

  /** etcd's revision, from a majority. */
  async #current(): Promise<number> {
    return (await this.#read(anyKey)).revision;
  }

  #startOf(fromRevision: number): Promise<number> {
    if (fromRevision !== 0) return Promise.resolve(fromRevision);
    const start = this.#current().then((revision) => revision + 1);
    const settled: Promise<unknown> = start.catch(() => undefined);
    this.#starting.add(settled);
    void settled.then(() => this.#starting.delete(settled));
    return start;
  }

  /** A write after `watch` must be after "now". */
  async #watchesStarted(): Promise<void> {
    if (this.#starting.size > 0) await Promise.all(this.#starting);
  }

  #ownKeyValue(kv: RangeResponse['kvs'][number]): KeyValue[] {
    const own = this.#keys.toKeyValue(kv);
    return own === undefined ? [] : [own];
  }

  #saw(revision: number): void {
    if (revision > this.#seen) this.#seen = revision;
  }

  #checkRunning(): void {
    if (this.#closing !== undefined) throw stoppedError();
  }
}

/** The cheapest read: only the revision in the answer counts. */
const anyKey: RangeRequest = { key: Buffer.from([0]), countOnly: true };

function reading({ revision, serializable }: ReadOptions): Pick<RangeRequest, 'revision' | 'serializable'> {
  return { revision: revision ?? 0, serializable: serializable ?? false };
}
