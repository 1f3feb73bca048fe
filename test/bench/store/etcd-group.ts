/** A group of processes of Debian's etcd. */
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import { Connection } from '../../../plugins/store-etcd/src/wire/connection.ts';
import { decodeRange, encodeRange, encodeTxn, methods } from '../../../plugins/store-etcd/src/wire/messages.ts';
import { MessageWriter } from '../../../plugins/store-etcd/src/wire/protobuf.ts';
import { takesConnections } from '../../support/daemon.ts';
import { startEtcd, type EtcdCluster, type EtcdMember } from '../../support/etcd.ts';
import { h2load } from './h2load.ts';
import { writePeerCertificates } from './peer-certificates.ts';
import { runSource } from './programs.ts';
import { filledKey, fillPuts, fillTxns } from './protocol.ts';
import {
  agreedLeader,
  connectionsAtMost,
  eventually,
  patienceMs,
  rangePrefix,
  type Load,
  type LoadResult,
  type StoreConnection,
  type StoreGroup,
  type Watching,
} from './store-group.ts';

const putMethod = '/etcdserverpb.KV/Put';
const rangeMethod = '/etcdserverpb.KV/Range';
const timeoutMs = 30_000;

function messageOf({ operation, valueBytes = 0 }: Load): { method: string; message: Uint8Array } {
  const key = Buffer.from('key');
  if (operation === 'put') {
    const message = new MessageWriter().bytes(1, key).bytes(2, Buffer.alloc(valueBytes, 'v')).finish();
    return { method: putMethod, message };
  }
  const rangeEnd = Buffer.from(`${rangePrefix.slice(0, -1)}0`);
  const request =
    operation === 'range'
      ? { key: Buffer.from(rangePrefix), rangeEnd }
      : { key, serializable: operation === 'getSerializable' };
  return { method: rangeMethod, message: encodeRange(request) };
}

/** By etcd's JSON gateway. */
async function gateway<T>(endpoint: string, path: string, body: object): Promise<T> {
  const response = await fetch(`${endpoint}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function revisionOf(endpoint: string): Promise<number> {
  const { header } = await gateway<{ header: { revision: string } }>(endpoint, 'kv/range', { key: 'AA==' });
  return Number(header.revision);
}

interface GatewayStatus {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

const statusOf = (endpoint: string): Promise<GatewayStatus> => gateway(endpoint, 'maintenance/status', {});

async function open(endpoint: string): Promise<Connection> {
  const env = createRealEnv();
  const limits = { dialTimeoutMs: timeoutMs, pingMs: timeoutMs, messageLimitBytes: 1 << 28 };
  return Connection.open({ env, endpoint, tls: {}, ...limits });
}

export class EtcdConnection implements StoreConnection {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    const message = new MessageWriter().bytes(1, Buffer.from(key)).bytes(2, value).finish();
    await this.#connection.unary(putMethod, message, timeoutMs);
  }

  async get(key: string): Promise<number> {
    const answer = await this.#connection.unary(rangeMethod, encodeRange({ key: Buffer.from(key) }), timeoutMs);
    return decodeRange(answer).kvs[0]?.value.length ?? 0;
  }

  /** In one txn. */
  async putAll(keys: readonly string[], value: Uint8Array): Promise<void> {
    const puts = keys.map((key) => ({ op: 'put' as const, key: Buffer.from(key), value, lease: 0 }));
    await this.#connection.unary(methods.txn, encodeTxn([], puts, []), timeoutMs);
  }

  close(): void {
    void this.#connection.close();
  }
}

export interface EtcdGroupOptions {
  /** Where data and files of loads lie. */
  readonly dir: string;
  readonly size: number;
  readonly flags?: readonly string[];
}

export class EtcdGroup implements StoreGroup {
  readonly name = 'etcd';
  readonly #cluster: EtcdCluster;
  readonly #dir: string;
  #memberIds: Promise<string[]> | undefined;
  #stopped = false;

  static async start({ dir, size, flags = [] }: EtcdGroupOptions): Promise<EtcdGroup> {
    const peers = Array.from({ length: size }, (_, at) => `etcd-${at}`);
    const peerTls = size === 1 ? undefined : await writePeerCertificates(join(dir, 'etcd-pki'), peers);
    const cluster = await startEtcd({
      parentDir: dir,
      members: size,
      flags: [`--max-txn-ops=${fillPuts}`, ...flags],
      ...(peerTls === undefined ? {} : { peerTls }),
    });
    return new EtcdGroup(cluster, dir);
  }

  private constructor(cluster: EtcdCluster, dir: string) {
    this.#cluster = cluster;
    this.#dir = dir;
  }

  get pids(): number[] {
    return this.#cluster.members.filter((member) => !member.ended).map((member) => member.pid);
  }

  leader(): Promise<number> {
    const running = [...this.#cluster.members.keys()].filter((at) => !this.#member(at).ended);
    return agreedLeader(this, running);
  }

  async leaderSeenBy(at: number): Promise<number | undefined> {
    // They stay the same for ever; all members run when they are asked first.
    this.#memberIds ??= Promise.all(
      this.#cluster.endpoints.map(async (each) => (await statusOf(each)).header.member_id),
    );
    const memberIds = await this.#memberIds;
    const status = await statusOf(this.#member(at).endpoint).catch(() => undefined);
    const found = memberIds.indexOf(status?.leader ?? '');
    return found < 0 ? undefined : found;
  }

  async load(load: Load): Promise<LoadResult> {
    const { operation, clients, requests } = load;
    const { endpoint } = this.#member(await this.leader());
    const connections = Math.min(clients, connectionsAtMost);
    const before = await revisionOf(endpoint);
    const result = await h2load({ endpoint, ...messageOf(load), connections, clients, requests, dir: this.#dir });
    // h2load looks at the HTTP status only, which is 200 for a refused put as well.
    const done = (await revisionOf(endpoint)) - before;
    if (done !== (operation === 'put' ? requests : 0)) throw new Error(`etcd did ${done} of ${requests} puts`);
    return result;
  }

  async watch(watching: Watching): Promise<LoadResult> {
    return runSource('watchers.ts', { ...watching, etcd: this.#member(await this.leader()).endpoint });
  }

  async fill(prefix: string, count: number, valueBytes: number): Promise<void> {
    const connection = await this.connect(await this.leader());
    const value = Buffer.alloc(valueBytes, 'v');
    let next = 0;
    const writer = async (): Promise<void> => {
      while (next < count) {
        const first = next;
        next = Math.min(count, first + fillPuts);
        const keys = Array.from({ length: next - first }, (_, at) => filledKey(prefix, first + at));
        await connection.putAll(keys, value);
      }
    };
    await Promise.all(Array.from({ length: fillTxns }, writer)).finally(() => connection.close());
  }

  async connect(at: number): Promise<EtcdConnection> {
    return new EtcdConnection(await open(this.#member(at).endpoint));
  }

  async kill(at: number): Promise<void> {
    await this.#member(at).stop();
  }

  async restart(at: number): Promise<void> {
    if (this.#stopped) throw new Error('etcd has been stopped');
    const member = this.#member(at);
    member.start();
    const port = Number(new URL(member.endpoint).port);
    await eventually(
      'etcd to listen',
      async () => {
        if (member.ended) throw new Error(`etcd ended: ${member.log}`);
        return (await takesConnections(port)) ? true : undefined;
      },
      patienceMs,
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#cluster.stop();
  }

  #member(at: number): EtcdMember {
    const member = this.#cluster.members[at];
    if (member === undefined) throw new Error(`there is no member ${at} of etcd`);
    return member;
  }
}
