/** What is compared: a group of store processes, ours or etcd's. */
import type { OperationName } from './protocol.ts';

export interface Load {
  readonly operation: OperationName;
  readonly clients: number;
  readonly requests: number;
  readonly valueBytes?: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of a core that the client process used, where it is known. */
  readonly clientCpu?: number;
}

/** Watchers of one key that a process of its own writes to. */
export interface Watching {
  readonly watchers: number;
  readonly updates: number;
  readonly inFlight: number;
  readonly valueBytes: number;
}

export interface StoreConnection {
  /** Resolves when the put is acknowledged. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** Linearizable. Resolves with the length of the value; 0 without one. */
  get(key: string): Promise<number>;
  close(): void;
}

export interface StoreGroup {
  readonly name: string;
  /** Of the members that run. */
  readonly pids: readonly number[];
  /** The member that leads, as all that run see it. @throws Error after a deadline */
  leader(): Promise<number>;
  /** Whom this member takes for the leader; undefined: nobody, or it does not know. */
  leaderSeenBy(at: number): Promise<number | undefined>;
  /** By a client process, against the leader. */
  load(load: Load): Promise<LoadResult>;
  watch(watching: Watching): Promise<LoadResult>;
  /** Puts keys in large txns: see `filledKey`. */
  fill(prefix: string, count: number, valueBytes: number): Promise<void>;
  connect(at: number): Promise<StoreConnection>;
  /** kill -9. */
  kill(at: number): Promise<void>;
  /** Starts a member again on its data. Resolves when it accepts connections. */
  restart(at: number): Promise<void>;
  /** Ends all members; none can be started again. */
  stop(): Promise<void>;
}

/** The keys of range requests begin with it; those of all others are `key`. */
export const rangePrefix = 'range/';
/** What saturates etcd best with h2load: one connection, and one for each client, were slower. */
export const connectionsAtMost = 8;

const pollMs = 5;
/** For what takes long with many keys. */
export const patienceMs = 120_000;

/** Polls until there is an answer. @throws Error after the deadline */
export async function eventually<T>(what: string, find: () => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, pollMs);
    });
  }
}

/** The leader that all of these members see. */
export function agreedLeader(group: StoreGroup, members: readonly number[]): Promise<number> {
  return eventually(`a leader of ${group.name}`, async () => {
    const seen = await Promise.all(members.map((at) => group.leaderSeenBy(at)));
    const [first] = seen;
    return first !== undefined && members.includes(first) && seen.every((each) => each === first) ? first : undefined;
  });
}
