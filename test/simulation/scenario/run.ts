import { checkLeases, keptBySeveral } from '../checkers/leases.ts';
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
import { LeaseHolder } from '../workload/lease-holder.ts';
import { Watcher } from '../workload/watcher.ts';
import { Cluster, type ClusterTuning } from './cluster.ts';
import { Faults } from './faults.ts';
import { chooseProfile, fastestClock } from './profile.ts';
import { Recovery } from './recovery.ts';

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
  /** The search for an order was given up: this run proves nothing, whatever else was found to be in order. */
  readonly undecided: boolean;
  readonly counts: Readonly<Record<string, number>>;
}

/** A group that has never met begins in calm. */
const calmMs = 600;

/** One whole life of a store cluster, decided by its seed alone. */
export function runSeed(options: RunOptions): RunResult {
  return new Run(options).run();
}

class Run {
  readonly #seed: number;
  readonly #durationMs: number;
  readonly #scheduler = new Scheduler();
  readonly #trace: Trace;
  readonly #history = new History(() => this.#scheduler.nowMs);
  readonly #observer: Observer;
  readonly #random: SimRandom;
  readonly #network: Network<Wire>;
  readonly #cluster: Cluster;
  readonly #clients: readonly Client[];
  readonly #holders: readonly LeaseHolder[];
  readonly #watchers: readonly Watcher[];
  readonly #faults: Faults;
  readonly #recovery: Recovery;
  #undecided = false;

  constructor({ seed, durationMs = 2_500, print }: RunOptions) {
    this.#seed = seed;
    this.#durationMs = durationMs;
    this.#random = new SimRandom(seed);
    this.#trace = new Trace(60, print);
    this.#observer = new Observer(this.#scheduler, this.#trace, this.#history);
    const profile = chooseProfile(this.#random.fork('profile'));
    this.#observer.count(`profile ${profile.name}`);
    const tuning = { ...chooseTuning(this.#random.fork('tuning')), ...profile.tuning };
    this.#observer.note(`seed ${seed}: ${JSON.stringify(profile)} ${JSON.stringify(tuning)}`);
    this.#network = new Network<Wire>(this.#scheduler, this.#random.fork('network'));
    this.#cluster = new Cluster(
      {
        scheduler: this.#scheduler,
        network: this.#network,
        observer: this.#observer,
        random: this.#random,
        tuning,
      },
      tuning,
    );
    this.#faults = new Faults(this.#cluster, profile);
    const readMode = this.#random.fork('mode').pick(['quorum', 'lease'] as const);
    const client = (name: string, concurrency: number): Client =>
      new Client(clientOptions(name, concurrency, readMode), this.#clientWorld(name));
    this.#clients = ['c1', 'c2', 'c3', 'c4'].map((name, at) => client(name, at === 0 ? 3 : 1));
    this.#holders = ['h1', 'h2'].map((name, at) => {
      const random = this.#random.fork(`leases of ${name}`);
      const options = { keys: ['k3', 'k4', `lease-${name}`], ttlMs: at === 0 ? 200 : 400 };
      return new LeaseHolder(client(name, 0), options, this.#scheduler, random);
    });
    const watchers: Watcher[] = [];
    this.#recovery = new Recovery(this.#cluster, this.#clients, watchers);
    watchers.push(
      new Watcher('w1', { from: 'a', to: 'z' }, this.#clientWorld('w1')),
      new Watcher('w2', { from: 'k1', to: 'k3' }, this.#clientWorld('w2')),
    );
    this.#watchers = watchers;
  }

  run(): RunResult {
    const failed = (): boolean => this.#observer.violations.length > 0;
    this.#scheduler.runUntil(calmMs, failed);
    for (const user of [...this.#clients, ...this.#holders]) user.start();
    this.#faults.start();
    if (!failed()) this.#scheduler.runUntil(calmMs + this.#durationMs, failed);
    this.#faults.heal();
    for (const user of [...this.#clients, ...this.#holders]) user.stop();
    if (!failed()) this.#recovery.run();
    if (!failed()) this.#check();
    return this.#result();
  }

  #clientWorld(name: string): ClientWorld {
    return {
      scheduler: this.#scheduler,
      network: this.#network,
      random: this.#random.fork(name),
      history: this.#history,
      members: () => this.#members(),
      detail: (text) => this.#observer.detail(text),
      note: (text) => (text.startsWith('VIOLATION') ? this.#observer.violation(text) : this.#observer.note(text)),
    };
  }

  #check(): void {
    const { truth, leases } = this.#observer;
    const { entries } = this.#history;
    const report = (text: string): void => this.#observer.violation(text);
    for (const member of this.#cluster.voters()) {
      const { process } = member;
      if (process !== undefined) this.#observer.compareContent(member.id, process.appliedIndex, process.machine);
    }
    checkRevisions(entries, truth, report);
    checkLeases(entries, leases, fastestClock, report);
    for (const watcher of this.#watchers) {
      for (const record of watcher.records) checkWatch(record, truth, report);
      checkWatchComplete(watcher.record, truth, report);
    }
    const verdict = checkLinearizability(entries, {
      guess: ({ client, sequence }) => truth.revisionOf(`${client}/${sequence}`),
    });
    if (verdict.outcome === 'violation') report(verdict.text);
    this.#undecided = verdict.outcome === 'undecided';
  }

  #members(): readonly string[] {
    const { voters } = this.#recovery;
    if (voters.length > 0) return voters;
    // Clients do not know who died or was removed.
    return [...this.#cluster.members.keys()].filter((id) => !this.#cluster.destroyed.has(id));
  }

  #result(): RunResult {
    const { entries } = this.#history;
    const asked = entries.filter(({ operation }) => operation.type !== 'expire');
    const { counts } = this.#network;
    const disks = [...this.#cluster.members.values()].map(({ disk }) => disk.counts);
    const sum = (name: keyof (typeof disks)[number]): number => disks.reduce((total, each) => total + each[name], 0);
    return {
      seed: this.#seed,
      violations: this.#observer.violations,
      traceHash: this.#trace.hash(),
      traceLines: this.#trace.count,
      tail: this.#trace.tail(),
      simulatedMs: this.#scheduler.nowMs,
      events: this.#scheduler.steps,
      operations: asked.length,
      answered: asked.filter((entry) => entry.returned !== undefined).length,
      revisions: this.#observer.truth.revision,
      undecided: this.#undecided,
      counts: {
        ...this.#observer.counts,
        'leases kept by several leaders': keptBySeveral(entries),
        messages: counts.sent,
        'messages lost': counts.lost,
        'messages doubled': counts.duplicated,
        'messages blocked': counts.blocked,
        'writes lost': sum('lostWrites'),
        'writes torn': sum('tornWrites'),
        'writes refused': sum('refusedWrites'),
      },
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
    heartbeatTicks: random.pick([1, 2, 3]),
    checkpointEntries: random.pick([5, 20, 100]),
    messageEntries: random.pick([1, 2, 16, 256]),
    inflightEntries: random.pick([4, 64, 1024]),
    tailEntries: random.pick([0, 4, 20, 200]),
    tailBytes: random.pick([300, 3_000, 1_000_000]),
    snapshotChunkBytes: random.pick([200, 1_000, 100_000]),
    promoteLagEntries: random.pick([5, 1_000]),
  };
}

function clientOptions(name: string, concurrency: number, readMode: 'quorum' | 'lease'): Client['options'] {
  return {
    name,
    keys: ['k1', 'k2', 'k3', 'k4'],
    concurrency,
    thinkMeanMs: 15,
    timeoutMs: 150,
    attempts: 5,
    readMode,
  };
}
