/** Groups of real members on loopback with real TLS, for tests and measurements. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import type { Env } from '@timonel/sdk';
import { freePort } from '@timonel/testkit/free-port';
import { configOf, type RaftStoreConfigInput } from '../src/config.ts';
import { RaftStore } from '../src/raft-store.ts';
import {
  makeAuthority,
  makeCertificate,
  writeCredentials,
  type Authority,
} from '../src/transport/testing/certificates.ts';
import { silentLogger } from './silent-logger.ts';

export interface GroupOptions {
  readonly size: number;
  readonly env?: Env;
  readonly config?: RaftStoreConfigInput;
  readonly authority?: Authority;
  /** Before a member is opened. */
  readonly prepare?: (dataDir: string, at: number) => void;
}

/** Polls every few milliseconds of real time. @throws Error after the deadline */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Members that can be stopped, started again, and wiped. */
export class Group {
  readonly stores: (RaftStore | undefined)[] = [];
  readonly failures: unknown[] = [];
  readonly #options: GroupOptions;
  readonly #directory: string;
  readonly #authority: Authority;
  readonly #members: { id: string; name: string; port: number; join: boolean; life: number }[] = [];

  private constructor(options: GroupOptions, directory: string, authority: Authority) {
    this.#options = options;
    this.#directory = directory;
    this.#authority = authority;
  }

  /** A group all of whose members vote. */
  static async start(options: GroupOptions): Promise<Group> {
    const directory = await mkdtemp(join(tmpdir(), 'timonel-raft-group-'));
    const group = new Group(options, directory, options.authority ?? (await makeAuthority()));
    try {
      await group.add({ join: false });
      while (group.stores.length < options.size) await group.add({ join: true });
      await group.allVote();
    } catch (error) {
      await group.close();
      throw error;
    }
    return group;
  }

  dataDir(at: number): string {
    const { name, life } = this.#memberAt(at);
    return join(this.#directory, `${name}-${life}`);
  }

  idOf(at: number): string {
    return this.#memberAt(at).id;
  }

  store(at: number): RaftStore {
    const store = this.stores[at];
    if (store === undefined) throw new Error(`member ${at} is not running`);
    return store;
  }

  /** Starts another member and, if it joins, has it taken in. Answers its place. */
  async add({ join: joins }: { join: boolean }): Promise<number> {
    const at = this.stores.length;
    const port = await freePort();
    this.#members.push({ id: `member-${at}`, name: `m${at}`, port, join: joins, life: 0 });
    this.stores.push(undefined);
    await this.open(at);
    if (joins) await this.takeIn(at);
    return at;
  }

  async takeIn(at: number): Promise<void> {
    const { id, name, port } = this.#memberAt(at);
    const other = this.stores.find((store, place) => store !== undefined && place !== at);
    await other?.admin.addLearner({ id, name, peerUrl: `127.0.0.1:${port}` });
  }

  /** The disk of the member is lost; it comes back under another id. */
  wipe(at: number): void {
    const member = this.#memberAt(at);
    member.life += 1;
    member.join = true;
    member.id = `member-${at}-${member.life}`;
  }

  async open(at: number): Promise<RaftStore> {
    const { id, name, port, join: joins } = this.#memberAt(at);
    const { mkdir } = await import('node:fs/promises');
    await mkdir(this.dataDir(at), { recursive: true });
    this.#options.prepare?.(this.dataDir(at), at);
    const pem = await makeCertificate(this.#authority, { id });
    const tls = await writeCredentials(this.#directory, id, pem);
    const store = await RaftStore.open({
      env: this.#options.env ?? createRealEnv(),
      log: silentLogger,
      dataDir: this.dataDir(at),
      config: configOf({
        ...this.#options.config,
        cluster: {
          memberId: id,
          name,
          listen: { address: '127.0.0.1', port },
          advertise: `127.0.0.1:${port}`,
          join: joins,
          tls,
        },
      }),
      onFailure: (error) => this.failures.push(error),
    });
    this.stores[at] = store;
    return store;
  }

  async stop(at: number): Promise<void> {
    const store = this.stores[at];
    this.stores[at] = undefined;
    await store?.close();
  }

  /** Place of the member that leads, as all running members see it. */
  async leader(): Promise<number> {
    let found = -1;
    await until('there is a leader', async () => {
      const running = this.stores.filter((store) => store !== undefined);
      const leaders = new Set(await Promise.all(running.map(async (store) => (await store.status()).leaderId)));
      const [id] = leaders;
      found = this.#members.findIndex((member) => member.id === id);
      return leaders.size === 1 && id !== undefined && this.stores[found] !== undefined;
    });
    return found;
  }

  async allVote(): Promise<void> {
    await until('all members vote', async () => {
      for (const store of this.stores) {
        if (store === undefined) continue;
        const { members, leaderId } = await store.status();
        if (leaderId === undefined || members.length < this.#options.size || members.some(({ learner }) => learner))
          return false;
      }
      return true;
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.stores.map((_store, at) => this.stop(at)));
    await rm(this.#directory, { recursive: true, force: true });
  }

  #memberAt(at: number): { id: string; name: string; port: number; join: boolean; life: number } {
    const member = this.#members[at];
    if (member === undefined) throw new Error(`there is no member ${at}`);
    return member;
  }
}
