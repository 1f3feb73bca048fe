/** One member's driver on real files, between a log whose calls a test holds up or fails, and a transport that a test plays. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import { silentLogger } from '../../../test/silent-logger.ts';
import { configOf } from '../../config.ts';
import type { LogWrite, RaftLogFile } from '../../log/types.ts';
import { openMember, type MemberData } from '../../member/open-member.ts';
import { createRaft, type LogBase, type Message, type SnapshotMeta } from '../../raft/index.ts';
import { RaftStore } from '../../raft-store.ts';
import { SnapshotSender } from '../../snapshot/snapshot-sender.ts';
import type { Changes } from '../../state/state-machine.ts';
import type { Transport, TransportHandlers } from '../../transport/types.ts';
import { Driver } from '../driver.ts';

const env = createRealEnv();

/** What a test does to the log. Each is called before the real thing. */
export interface LogHooks {
  append?: ((writes: readonly LogWrite[]) => Promise<void>) | undefined;
  reset?: ((base: LogBase) => Promise<void>) | undefined;
}

export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

export const noSpace = (): Error => Object.assign(new Error('no space left'), { code: 'ENOSPC' });

export interface BedSnapshot {
  readonly meta: SnapshotMeta;
  readonly data: Buffer;
}

/** The snapshot of a group of one with these keys, opened so many times: its term grows with each. */
export async function makeSnapshot(keys: readonly string[], lives = 1): Promise<BedSnapshot> {
  const dataDir = await mkdtemp(join(tmpdir(), 'timonel-driver-source-'));
  try {
    for (let life = 0; life < lives; life++) {
      const store = await RaftStore.open({ env, log: silentLogger, dataDir, config: configOf({}), onFailure: fail });
      for (const key of keys) await store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.from('v') }] });
      await store.close();
    }
    const data = await openMember({ env, log: silentLogger, dataDir, address: '', join: false });
    const { machine } = data;
    const checkpoint = async (): Promise<void> => void (await machine.checkpoint());
    const sender = new SnapshotSender({ env, log: silentLogger, dataDir, machine, checkpoint, keepMs: 60_000 });
    const read = { to: 'b', snapshotId: undefined, minIndex: 0, offset: 0, limitBytes: 1024 * 1024 };
    try {
      for (;;) {
        const chunk = await sender.chunk(read);
        if (chunk?.last === true) return { meta: chunk.snapshot, data: Buffer.from(chunk.data) };
        await env.timers.sleep(5);
      }
    } finally {
      await sender.close();
      await machine.file.close();
      await data.log.close();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

function fail(error: unknown): void {
  throw error;
}

export class DriverBed {
  readonly driver: Driver;
  readonly data: MemberData;
  readonly hooks: LogHooks;
  readonly sent: Message[] = [];
  readonly changes: { readonly changes: Changes; readonly replaced: boolean }[] = [];
  readonly failures: unknown[] = [];
  readonly directory: string;
  readonly #handlers: { current: TransportHandlers | undefined };

  private constructor(directory: string, data: MemberData, hooks: LogHooks) {
    this.directory = directory;
    this.data = data;
    this.hooks = hooks;
    const handlers: { current: TransportHandlers | undefined } = { current: undefined };
    this.#handlers = handlers;
    const transport: Transport = {
      listening: '127.0.0.1:1',
      start: async (given) => void (handlers.current = given),
      setPeers: () => undefined,
      send: (message) => this.sent.push(message) > 0,
      call: () => Promise.reject(new Error('there are no calls here')),
      close: () => Promise.resolve(),
    };
    const timing = { tickMs: 20, electionTicks: 50, heartbeatTicks: 2, requestTimeoutMs: 3_000 };
    this.driver = new Driver({
      env,
      log: silentLogger,
      dataDir: join(directory, 'data'),
      data,
      transport,
      timing,
      onChanges: (changes, replaced) => this.changes.push({ changes, replaced }),
      onSoftState: () => undefined,
      onFailure: (error) => this.failures.push(error),
    });
  }

  /** Member `b`, which waits to be taken in. */
  static async open(): Promise<DriverBed> {
    const directory = await mkdtemp(join(tmpdir(), 'timonel-driver-'));
    await mkdir(join(directory, 'data'));
    const data = await openBed(join(directory, 'data'));
    const hooks: LogHooks = {};
    const bed = new DriverBed(directory, { ...data, log: hooked(data.log, hooks) }, hooks);
    await bed.driver.start(() => Promise.reject(new Error('there are no calls here')));
    return bed;
  }

  /** From the leader `a`. */
  receive(message: Message): void {
    this.#handlers.current?.onMessage(message);
  }

  receiveSnapshot({ meta, data }: BedSnapshot, term: number): void {
    this.receive({ type: 'snapshotRequest', from: 'a', to: 'b', term, snapshot: meta, offset: 0, data, last: true });
  }

  /** What is on the disk now, as a crash of the process would leave it; tells what a start finds there. */
  async crashImage(name: string): Promise<string> {
    const image = join(this.directory, name);
    await cp(join(this.directory, 'data'), image, { recursive: true });
    return image;
  }

  async close(): Promise<void> {
    this.hooks.append = undefined;
    this.hooks.reset = undefined;
    await this.driver.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

function openBed(dataDir: string): Promise<MemberData> {
  return openMember({ env, log: silentLogger, dataDir, memberId: 'b', address: '', join: true });
}

/** Starts a member on a crash image. @throws when it cannot start */
export async function startOn(image: string): Promise<{ readonly applied: number; readonly base: number }> {
  const data = await openBed(image);
  try {
    createRaft({ id: data.memberId, stored: data.stored, random: () => 0 });
    return { applied: data.machine.standing.appliedIndex, base: data.stored.base.index };
  } finally {
    await data.machine.file.close();
    await data.log.close();
  }
}

function hooked(log: RaftLogFile, hooks: LogHooks): RaftLogFile {
  return {
    get recovered() {
      return log.recovered;
    },
    append: async (writes) => {
      await hooks.append?.(writes);
      await log.append(writes);
    },
    reset: async (base) => {
      await hooks.reset?.(base);
      await log.reset(base);
    },
    dropUpTo: (base) => log.dropUpTo(base),
    check: () => log.check(),
    sizeBytes: () => log.sizeBytes(),
    close: () => log.close(),
  };
}
