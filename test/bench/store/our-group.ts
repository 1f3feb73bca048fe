/** A group of processes of a store of ours. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { freePort } from '@timonel/testkit/free-port';
import { OurConnection } from './our-connection.ts';
import { writePeerCertificates } from './peer-certificates.ts';
import { runClient, runSource, type Programs } from './programs.ts';
import type { LoadOptions } from './client.ts';
import type { Fill, ServerOptions } from './protocol.ts';
import {
  agreedLeader,
  connectionsAtMost,
  eventually,
  rangePrefix,
  type Load,
  type LoadResult,
  type StoreGroup,
  type Watching,
} from './store-group.ts';

export interface OurGroupOptions {
  readonly plugin: string;
  readonly programs: Programs;
  /** Where the data lies. */
  readonly dir: string;
  readonly size: number;
  /** Beside the defaults. */
  readonly config?: object;
}

interface Member {
  readonly options: ServerOptions;
  readonly id: string;
  readonly peerUrl: string;
  running?: { readonly child: ChildProcess; readonly port: number; readonly admin: OurConnection };
}

/** Of what a server writes, shown when it ends by itself. */
const logKept = 4_000;

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

async function makeMembers({ plugin, dir, size, config = {} }: OurGroupOptions): Promise<Member[]> {
  const names = Array.from({ length: size }, (_, at) => `member-${at}`);
  const files = size === 1 ? [] : await writePeerCertificates(join(dir, 'pki'), names);
  return Promise.all(
    names.map(async (id, at): Promise<Member> => {
      const dataDir = join(dir, id);
      await mkdir(dataDir, { recursive: true });
      if (size === 1) return { id, peerUrl: '', options: { plugin, dataDir, config } };
      const port = await freePort();
      const peerUrl = `127.0.0.1:${port}`;
      const cluster = {
        memberId: id,
        name: id,
        listen: { address: '127.0.0.1', port },
        advertise: peerUrl,
        join: at > 0,
        tls: files[at],
      };
      return { id, peerUrl, options: { plugin, dataDir, config: { ...config, cluster } } };
    }),
  );
}

export class OurGroup implements StoreGroup {
  readonly name: string;
  readonly #programs: Programs;
  readonly #members: Member[];
  readonly #children = new Set<ChildProcess>();
  #stopped = false;

  /** Its members do not run yet: see `begin`. */
  static async make(options: OurGroupOptions): Promise<OurGroup> {
    await mkdir(options.dir, { recursive: true });
    return new OurGroup(options, await makeMembers(options));
  }

  private constructor({ plugin, programs }: OurGroupOptions, members: Member[]) {
    this.name = plugin;
    this.#programs = programs;
    this.#members = members;
  }

  /** Starts the members, the first one alone, the others join it. Resolves when all vote. */
  async begin(): Promise<void> {
    for (const [at, { id, peerUrl }] of this.#members.entries()) {
      await this.restart(at);
      if (at === 0) continue;
      const member = json({ id, name: id, peerUrl });
      // A member is taken in when the one before it votes.
      await this.#allVote(at);
      await this.#running(await this.#anyLeader(at)).admin.ask('addMember', '', member);
    }
    await this.#allVote(this.#members.length);
  }

  get pids(): number[] {
    return this.#members.flatMap(({ running }) => running?.child.pid ?? []);
  }

  leader(): Promise<number> {
    return agreedLeader(
      this,
      [...this.#members.keys()].filter((at) => this.#members[at]?.running !== undefined),
    );
  }

  async leaderSeenBy(at: number): Promise<number | undefined> {
    const { leaderId } = await this.#running(at).admin.status();
    const found = this.#members.findIndex(({ id }) => this.#members.length === 1 || id === leaderId);
    return leaderId === undefined || found < 0 ? undefined : found;
  }

  async load(load: Load, keys?: number): Promise<LoadResult> {
    const options: LoadOptions = {
      port: this.#running(await this.leader()).port,
      operation: load.operation,
      key: load.operation === 'range' ? rangePrefix : 'key',
      ...(keys === undefined ? {} : { keys }),
      valueBytes: load.valueBytes ?? 0,
      connections: Math.min(load.clients, connectionsAtMost),
      clients: load.clients,
      requests: load.requests,
    };
    return runClient(this.#programs.client, options);
  }

  async watch(watching: Watching): Promise<LoadResult> {
    return runSource('watchers.ts', { ...watching, port: this.#running(await this.leader()).port });
  }

  async fill(prefix: string, count: number, valueBytes: number): Promise<void> {
    const fill: Fill = { count, valueBytes };
    await this.#running(await this.leader()).admin.ask('fill', prefix, json(fill));
  }

  connect(at: number): Promise<OurConnection> {
    return OurConnection.open(this.#running(at).port);
  }

  async kill(at: number): Promise<void> {
    const member = this.#members[at];
    const running = member?.running;
    if (member === undefined || running === undefined) return;
    delete member.running;
    running.admin.close();
    await this.#end(running.child);
  }

  async restart(at: number): Promise<void> {
    const member = this.#members[at];
    if (this.#stopped || member === undefined) throw new Error(`${this.name} has been stopped`);
    const child = spawn(process.execPath, [this.#programs.server, JSON.stringify(member.options)]);
    this.#children.add(child);
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => (log = `${log}${chunk.toString()}`.slice(-logKept)));
    // Whoever is ended on purpose is taken out of the children before.
    child.once('exit', () => {
      if (this.#children.delete(child)) console.error(`a process of ${this.name} ended by itself:\n${log}`);
    });
    const exited = once(child, 'exit').then(() => Promise.reject(new Error(`${this.name} ended while it started`)));
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([once(lines, 'line'), exited])) as [string];
    exited.catch(() => undefined);
    const port = Number(line);
    member.running = { child, port, admin: await OurConnection.open(port) };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { running } of this.#members) running?.admin.close();
    await Promise.all([...this.#children].map((child) => this.#end(child)));
  }

  async #end(child: ChildProcess): Promise<void> {
    if (!this.#children.delete(child)) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  #running(at: number): NonNullable<Member['running']> {
    const running = this.#members[at]?.running;
    if (running === undefined) throw new Error(`member ${at} of ${this.name} does not run`);
    return running;
  }

  /** Of the first `count` members. */
  #anyLeader(count: number): Promise<number> {
    return agreedLeader(this, [...this.#members.keys()].slice(0, count));
  }

  #allVote(count: number): Promise<true> {
    const members = this.#members.slice(0, count).map((_, at) => this.#running(at).admin);
    return eventually(`${count} members of ${this.name} to vote`, async () => {
      const states = await Promise.all(members.map((admin) => admin.status()));
      return states.every(({ voters, leaderId }) => voters === count && leaderId !== undefined) ? true : undefined;
    });
  }
}
