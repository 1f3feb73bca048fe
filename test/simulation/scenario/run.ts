import { checkLinearizability } from '../checkers/linearizability.ts';
import { checkRevisions } from '../checkers/revisions.ts';
import { checkWatch, checkWatchComplete } from '../checkers/watches.ts';
import { Observer } from '../cluster/observer.ts';
import type { Wire } from '../cluster/wire.ts';
import { Network } from '../parts/network.ts';
import { SimRandom } from '../parts/random.ts';
import { Scheduler } from '../parts/scheduler.ts';
import { Trace } from '../parts/trace.ts';
import { Client, type ClientWorld } from '../workload/client.ts';
import { History } from '../workload/history.ts';
import { Watcher } from '../workload/watcher.ts';
import { Cluster, type ClusterTuning } from './cluster.ts';
import { chooseFaults, Faults } from './faults.ts';

export interface RunOptions {
  readonly seed: number;
  /** Simulated time under faults. */
  readonly durationMs?: number;
  readonly print?: (line: string) => void;
}

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly traceLines: number;
  readonly tail: readonly string[];
  readonly simulatedMs: number;
  readonly events: number;
  readonly operations: number;
  readonly answered: number;
  readonly revisions: number;
  /** 1: the search for an order was given up. The check by revisions decided alone. */
  readonly undecided: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** After the faults end, the group has so long to answer every client and to bring all members and watches level. */
const livenessBoundMs = 10_000;

/** One whole life of a store cluster, decided by its seed alone. */
export function runSeed(options: RunOptions): RunResult {
  return new Run(options).run();
}

class Run {
  readonly #seed: number;
  readonly #durationMs: number;
  readonly #scheduler = new Scheduler();
  readonly #trace: Trace;
  readonly #history = new History();
  readonly #observer: Observer;
  readonly #random: SimRandom;
  readonly #cluster: Cluster;
  readonly #clients: Client[];
  readonly #watchers: Watcher[];
  readonly #faults: Faults;
  #healed = false;
  #voters: readonly string[] = [];

  constructor({ seed, durationMs = 2_500, print }: RunOptions) {
    this.#seed = seed;
    this.#durationMs = durationMs;
    this.#random = new SimRandom(seed);
    this.#trace = new Trace(60, print);
    this.#observer = new Observer(this.#scheduler, this.#trace, this.#history);
    const tuning = chooseTuning(this.#random.fork('tuning'));
    this.#observer.note(`seed ${seed}: ${JSON.stringify(tuning)}`);
    const network = new Network<Wire>(this.#scheduler, this.#random.fork('network'));
    const world = { scheduler: this.#scheduler, network, observer: this.#observer, random: this.#random, tuning };
    this.#cluster = new Cluster(world, tuning);
    const plan = chooseFaults(this.#random.fork('plan'));
    this.#observer.note(JSON.stringify(plan));
    this.#faults = new Faults(this.#cluster, plan);
    const readMode = this.#random.fork('mode').pick(['quorum', 'lease'] as const);
    const clientWorld = (name: string): ClientWorld => ({
      scheduler: this.#scheduler,
      network,
      random: this.#random.fork(name),
      history: this.#history,
      members: () => this.#members(),
      detail: (text) => this.#observer.detail(text),
      note: (text) => (text.startsWith('VIOLATION') ? this.#observer.violation(text) : this.#observer.note(text)),
    });
    this.#clients = ['c1', 'c2', 'c3', 'c4'].map(
      (name, i) => new Client(clientOptions(name, i, readMode), clientWorld(name)),
    );
    this.#watchers = [
      new Watcher('w1', { from: 'a', to: 'z' }, clientWorld('w1')),
      new Watcher('w2', { from: 'k1', to: 'k3' }, clientWorld('w2')),
    ];
  }

  run(): RunResult {
    const failed = (): boolean => this.#observer.violations.length > 0;
    // A group that has never met begins in calm.
    this.#scheduler.runUntil(600, failed);
    for (const client of this.#clients) client.start();
    this.#faults.start();
    if (!failed()) this.#scheduler.runUntil(600 + this.#durationMs, failed);
    this.#faults.heal();
    this.#healed = true;
    for (const client of this.#clients) client.stop();
    if (!failed()) this.#expectLiveness();
    if (!failed()) this.#check();
    return this.#result();
  }

  /** Every client gets a write and a read through, members and watches become level, in a bounded time. */
  #expectLiveness(): void {
    const healedAtMs = this.#scheduler.nowMs;
    let open = this.#clients.length;
    // What the clients still have under way may go on to its end first.
    this.#scheduler.after(300, () => {
      for (const client of this.#clients) {
        const { name, keys } = client.options;
        const key = keys[0] as string;
        client.perform(
          { type: 'put', keys: [key], value: `${name}.last` },
          (written) => {
            if (written === undefined) return;
            const read = { type: 'read', from: key, to: `${key}\u0000`, linearizable: true } as const;
            client.perform(read, (answer) => (open -= answer === undefined ? 0 : 1), 100);
          },
          100,
        );
      }
    });
    const tidy = (): void => {
      // A removed member answers for ever with what it last had: in the end clients must not ask it any more.
      this.#voters = this.#cluster.voters().map((member) => member.id);
      this.#cluster.operator.removeDestroyed();
      this.#scheduler.after(200, tidy);
    };
    tidy();
    let level = false;
    const look = (): void => {
      level = open === 0 && this.#level();
      this.#scheduler.after(10, look);
    };
    look();
    const done = (): boolean => level || this.#observer.violations.length > 0;
    this.#scheduler.runUntil(healedAtMs + livenessBoundMs, done);
    if (this.#observer.violations.length > 0) return;
    if (!done())
      this.#observer.violation(`liveness: ${open} clients wait after ${livenessBoundMs} ms; ${this.#describe()}`);
  }

  #level(): boolean {
    const members = this.#cluster.voters();
    const applied = members.map((member) => member.process?.appliedIndex);
    const first = applied[0];
    if (first === undefined || applied.some((index) => index !== first)) return false;
    const leader = this.#cluster.leader()?.process;
    if (leader?.raft.status().lastIndex !== first) return false;
    return this.#watchers.every((watcher) => watcher.progress >= this.#observer.truth.revision);
  }

  #describe(): string {
    const members = [...this.#cluster.members.values()].map((member) => {
      const status = member.process?.raft.status();
      if (status === undefined) return `${member.id} dead`;
      return `${member.id} ${status.role} term ${status.term} applied ${member.process?.appliedIndex} last ${status.lastIndex}`;
    });
    const watches = this.#watchers.map((watcher) => `watch at ${watcher.progress} of ${this.#observer.truth.revision}`);
    return [...members, ...watches].join('; ');
  }

  #check(): void {
    const { truth } = this.#observer;
    const report = (text: string): void => this.#observer.violation(text);
    for (const member of this.#cluster.voters()) {
      const { process } = member;
      if (process !== undefined) this.#observer.compareContent(member.id, process.appliedIndex, process.machine);
    }
    checkRevisions(this.#history.entries, truth, report);
    for (const watcher of this.#watchers) {
      for (const record of watcher.records) checkWatch(record, truth, report);
      checkWatchComplete(watcher.record, truth, report);
    }
    const verdict = checkLinearizability(this.#history.entries);
    if (verdict.outcome === 'violation') report(verdict.text);
    if (verdict.outcome === 'undecided') this.#observer.count('undecided');
  }

  #members(): readonly string[] {
    if (this.#healed && this.#voters.length > 0) return this.#voters;
    // Clients do not know who died or was removed.
    return [...this.#cluster.members.keys()].filter((id) => !this.#cluster.destroyed.has(id));
  }

  #result(): RunResult {
    const { entries } = this.#history;
    const { network } = this.#cluster.world;
    return {
      seed: this.#seed,
      violations: this.#observer.violations,
      traceHash: this.#trace.hash(),
      traceLines: this.#trace.count,
      tail: this.#trace.tail(),
      simulatedMs: this.#scheduler.nowMs,
      events: this.#scheduler.steps,
      operations: entries.length,
      answered: entries.filter((entry) => entry.returned !== undefined).length,
      revisions: this.#observer.truth.revision,
      undecided: this.#observer.counts['undecided'] ?? 0,
      counts: { ...this.#observer.counts, messages: network.counts.sent, lost: network.counts.lost },
    };
  }
}

function chooseTuning(random: SimRandom): ClusterTuning {
  const founders = random.pick([3, 3, 5]);
  return {
    founders,
    membersMin: founders === 3 ? 2 : 3,
    membersMax: founders + 2,
    tickMs: 10,
    electionTicks: random.pick([10, 20]),
    checkpointEntries: random.pick([5, 20, 100]),
    messageEntries: random.pick([1, 2, 16, 256]),
    inflightEntries: random.pick([4, 64, 1024]),
    tailEntries: random.pick([0, 4, 20, 200]),
    snapshotChunkBytes: random.pick([200, 1_000, 100_000]),
    promoteLagEntries: random.pick([5, 1_000]),
  };
}

function clientOptions(name: string, number: number, readMode: 'quorum' | 'lease'): Client['options'] {
  return {
    name,
    keys: ['k1', 'k2', 'k3', 'k4'],
    concurrency: number === 0 ? 3 : 1,
    thinkMeanMs: 15,
    timeoutMs: 150,
    attempts: 5,
    readMode,
  };
}
