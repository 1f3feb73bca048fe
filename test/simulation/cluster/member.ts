import type { LogBase, Message } from '../../../plugins/store-raft/src/raft/types.ts';
import { Disk } from '../parts/disk.ts';
import { MemberClock } from '../parts/member-clock.ts';
import type { Network } from '../parts/network.ts';
import type { SimRandom } from '../parts/random.ts';
import type { Scheduler } from '../parts/scheduler.ts';
import type { RaftTuning } from './core.ts';
import type { Observer } from './observer.ts';
import { MemberProcess } from './process.ts';
import type { DiskRecord } from './storage.ts';
import { deepFreeze, type Reply, type Wire } from './wire.ts';

export interface World {
  readonly scheduler: Scheduler;
  readonly network: Network<Wire>;
  readonly observer: Observer;
  readonly random: SimRandom;
  readonly tuning: RaftTuning;
}

/**
 * Where a member may crash, and how likely that is at each of them, so that the rare points are met too. Between them lie the
 * crashes that come from outside, at any time.
 */
const crashPoints = {
  'before a send': 1,
  'after a send': 1,
  'between writes': 2,
  'between write and sync': 2,
  'after a sync': 2,
  'before an apply': 2,
  'after an apply': 2,
  'amid a compaction': 20,
  'amid a checkpoint': 10,
  'amid a snapshot': 20,
  'before an installation': 60,
  'amid an installation': 80,
} as const;

export type CrashPoint = keyof typeof crashPoints;
export const allCrashPoints: readonly CrashPoint[] = Object.keys(crashPoints) as CrashPoint[];

/** A machine with a disk and a clock, on which a member's process lives, dies and is started again. */
export class Member {
  readonly id: string;
  readonly disk: Disk<DiskRecord>;
  readonly clock: MemberClock;
  readonly random: SimRandom;
  readonly observer: Observer;
  process: MemberProcess | undefined;
  /** Chance to crash at each of the points at which a crash is most likely to be handled wrong. */
  crashChance = 0;
  /** Its invariant broke: it is stopped for good. */
  broken = false;
  readonly #world: World;
  readonly #initial: LogBase;
  #life = 0;
  #paused = false;
  #waiting: (() => void)[] = [];

  constructor(id: string, world: World, initial: LogBase) {
    this.id = id;
    this.#world = world;
    this.#initial = initial;
    this.random = world.random.fork(`member ${id}`);
    this.observer = world.observer;
    this.disk = new Disk(world.scheduler, world.random.fork(`disk ${id}`));
    this.clock = new MemberClock(world.scheduler);
  }

  get alive(): boolean {
    return this.process !== undefined;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Names the process that lives now. */
  get processName(): string {
    return `${this.id}.${this.#life}`;
  }

  start(): void {
    if (this.alive || this.broken) return;
    this.#life += 1;
    this.#run(() => {
      this.process = new MemberProcess(this, this.#initial, this.#world.tuning);
    });
    this.#world.network.listen(this.id, (from, wire) =>
      this.#later(this.#life, () => this.process?.receive(from, wire)),
    );
  }

  crash(why: string): void {
    if (!this.alive) return;
    this.observer.note(`${this.id} crashes: ${why}`);
    this.observer.count('crashes');
    this.#end();
    this.disk.crash();
  }

  /** As SIGSTOP: what comes meanwhile waits, the clock goes on. */
  pause(): void {
    if (this.alive) this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    // Which of them the process comes to first is not settled: timers or what came from the network.
    const waiting = this.random.chance(0.5) ? this.#waiting : this.random.shuffle(this.#waiting);
    this.#waiting = [];
    for (const run of waiting) run();
  }

  /** Runs `run` by this member's clock, if the same process still lives then. */
  after(delayMs: number, run: () => void): void {
    this.clock.after(delayMs, this.guard(run));
  }

  /** `run` for later: not after the process's end, not during a pause. */
  guard(run: () => void): () => void {
    const life = this.#life;
    return () => this.#later(life, run);
  }

  crashesAt(point: CrashPoint): boolean {
    if (!this.alive) return true;
    if (this.crashChance === 0 || !this.random.chance(this.crashChance * crashPoints[point])) return false;
    this.observer.count(`crash point ${point}`);
    this.crash(point);
    return true;
  }

  sendRaft(message: Message): void {
    this.observer.detail(() => describe(message));
    this.#world.network.send(this.id, message.to, { type: 'raft', message });
  }

  reply(to: string, reply: Reply): void {
    this.#world.network.send(this.id, to, { type: 'reply', reply: deepFreeze(reply) });
  }

  #later(life: number, run: () => void): void {
    if (life !== this.#life || !this.alive) return;
    if (this.#paused) this.#waiting.push(() => this.#later(life, run));
    else this.#run(run);
  }

  #run(run: () => void): void {
    try {
      run();
    } catch (error) {
      const { stack = String(error) } = error as Error;
      this.observer.violation(`${this.id} stops for good: ${stack.split('\n').slice(0, 6).join(' | ')}`);
      this.broken = true;
      this.#end();
    }
  }

  #end(): void {
    this.process = undefined;
    this.#life += 1;
    this.#paused = false;
    this.#waiting = [];
    this.#world.network.close(this.id);
  }
}

function describe(message: Message): string {
  const { type, from, to, term, ...rest } = message;
  const text = JSON.stringify(rest, (key, value: unknown) => {
    if (key === 'entries' && Array.isArray(value)) return value.length;
    return key === 'data' || key === 'configuration' ? undefined : value;
  });
  return `${from} > ${to} ${type} term ${term} ${text}`;
}
