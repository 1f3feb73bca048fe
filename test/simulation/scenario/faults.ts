import type { Member } from '../cluster/member.ts';
import { calmNetwork, type NetworkConditions } from '../parts/network.ts';
import type { SimRandom } from '../parts/random.ts';
import type { Cluster } from './cluster.ts';

/** How often each fault strikes, relative to each other. A run uses some of them, so that rare mixtures come up. */
export interface FaultPlan {
  readonly meanGapMs: number;
  readonly weights: Readonly<Record<Fault, number>>;
  readonly network: NetworkConditions;
  readonly crashPointChance: number;
  readonly clockDrift: number;
}

export type Fault =
  | 'none'
  | 'crash'
  | 'crashAll'
  | 'duel'
  | 'churn'
  | 'pause'
  | 'partition'
  | 'isolateLeader'
  | 'oneWay'
  | 'clog'
  | 'healNetwork'
  | 'slowDisk'
  | 'fullDisk'
  | 'clockJump'
  | 'clockDrift'
  | 'transfer'
  | 'addMember'
  | 'removeMember'
  | 'swapMembers'
  | 'replaceMember';

const usualWeights: Record<Fault, number> = {
  none: 5,
  crash: 10,
  crashAll: 1.5,
  duel: 5,
  churn: 4,
  pause: 6,
  partition: 6,
  isolateLeader: 5,
  oneWay: 5,
  clog: 4,
  healNetwork: 16,
  slowDisk: 4,
  fullDisk: 2,
  clockJump: 2,
  clockDrift: 3,
  transfer: 5,
  addMember: 6,
  removeMember: 3,
  swapMembers: 4,
  replaceMember: 2,
};

export function chooseFaults(random: SimRandom): FaultPlan {
  const weights = { ...usualWeights };
  for (const fault of Object.keys(weights) as Fault[]) {
    if (fault !== 'none' && fault !== 'healNetwork' && random.chance(0.4)) weights[fault] = 0;
  }
  const rough = random.chance(0.7);
  return {
    meanGapMs: random.pick([60, 120, 250]),
    weights,
    network: {
      delayMinMs: 0.2,
      delayMeanMs: random.pick([0.5, 2, 8]),
      lossChance: rough ? random.pick([0, 0.01, 0.05, 0.15]) : 0,
      duplicateChance: rough ? random.pick([0, 0.02, 0.1]) : 0,
      reorderChance: rough ? random.pick([0, 0.05, 0.2]) : 0,
    },
    crashPointChance: random.pick([0, 0, 0.0005, 0.002]),
    clockDrift: random.pick([0, 0.05, 0.1]),
  };
}

/** Strikes at random times until it is stopped; then puts everything right that it broke. */
export class Faults {
  readonly #cluster: Cluster;
  readonly #random: SimRandom;
  readonly #plan: FaultPlan;
  #stopped = false;

  constructor(cluster: Cluster, plan: FaultPlan) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#random = cluster.world.random.fork('faults');
  }

  start(): void {
    this.#cluster.world.network.conditions = this.#plan.network;
    for (const member of this.#cluster.members.values()) this.#prepare(member);
    this.#next();
  }

  heal(): void {
    this.#stopped = true;
    const { network, observer } = this.#cluster.world;
    observer.note('all faults end');
    network.conditions = calmNetwork;
    network.unblockAll();
    for (const member of this.#cluster.members.values()) {
      member.crashChance = 0;
      member.disk.full = false;
      member.disk.syncMeanMs = 0.3;
      member.clock.setRate(1);
      if (member.paused) member.resume();
      if (!this.#cluster.destroyed.has(member.id)) member.start();
    }
  }

  #prepare(member: Member): void {
    member.crashChance = this.#plan.crashPointChance;
    const { clockDrift } = this.#plan;
    if (clockDrift > 0) member.clock.setRate(this.#random.between(1 - clockDrift, 1 + clockDrift));
  }

  #next(): void {
    this.#cluster.world.scheduler.after(this.#random.exponential(this.#plan.meanGapMs), () => {
      if (this.#stopped) return;
      this.#restartCrashed();
      const fault = this.#random.weighted(this.#plan.weights);
      this.#cluster.world.observer.count(fault);
      this.#strike(fault);
      this.#next();
    });
  }

  /** A member that crashed by itself at a crash point comes back too. */
  #restartCrashed(): void {
    for (const member of this.#cluster.members.values()) {
      if (!member.alive && !this.#cluster.destroyed.has(member.id) && this.#random.chance(0.3)) member.start();
    }
  }

  #strike(fault: Fault): void {
    const member = this.#random.pick([...this.#cluster.members.values()]);
    switch (fault) {
      case 'none':
        return;
      case 'crash':
        return this.#crash(this.#random.chance(0.3) ? (this.#cluster.leader() ?? member) : member);
      case 'crashAll':
        for (const each of this.#cluster.members.values()) this.#crash(each);
        return;
      case 'duel':
        return this.#duel();
      case 'churn':
        return this.#churn(this.#cluster.world.scheduler.nowMs + 1_200, 0);
      case 'pause':
        return this.#pause(this.#random.chance(0.5) ? (this.#cluster.leader() ?? member) : member);
      case 'slowDisk':
        member.disk.syncMeanMs = this.#random.pick([0.3, 10, 60, 200]);
        return this.#later(500, () => (member.disk.syncMeanMs = 0.3));
      case 'fullDisk':
        member.disk.full = true;
        return this.#later(400, () => (member.disk.full = false));
      case 'clockJump':
        return member.clock.jump(this.#random.between(-1e7, 1e7));
      case 'clockDrift':
        return this.#prepare(member);
      case 'transfer':
        return this.#cluster.transfer(this.#random.chance(0.5) ? member.id : undefined);
      case 'addMember':
      case 'removeMember':
      case 'swapMembers':
      case 'replaceMember':
        return this.#cluster.operator.change(fault);
      default:
        return this.#strikeNetwork(fault, member);
    }
  }

  #strikeNetwork(fault: Fault, member: Member): void {
    const { network, scheduler, observer } = this.#cluster.world;
    const ids = this.#random.shuffle([...this.#cluster.members.keys()]);
    const sideA = ids.slice(0, 1 + this.#random.int(Math.max(1, ids.length - 1)));
    const sideB = ids.filter((id) => !sideA.includes(id));
    const leader = this.#cluster.leader() ?? member;
    const others = ids.filter((id) => id !== leader.id);
    switch (fault) {
      case 'partition':
        network.partition(sideA, sideB, 'both');
        break;
      case 'isolateLeader':
        network.partition([leader.id], others, 'both');
        break;
      case 'oneWay':
        switch (this.#random.weighted({ sides: 2, fromLeader: 1, toLeader: 1 })) {
          case 'sides':
            network.partition(sideA, sideB, 'a-to-b');
            break;
          case 'fromLeader':
            network.partition([leader.id], others, 'a-to-b');
            break;
          case 'toLeader':
            network.partition(others, [leader.id], 'a-to-b');
        }
        break;
      case 'clog':
        for (const other of others) {
          const untilMs = scheduler.nowMs + this.#random.between(20, 600);
          if (this.#random.chance(0.5)) network.clog(leader.id, other, untilMs);
          else network.clog(other, leader.id, untilMs);
        }
        return;
      default:
        network.unblockAll();
    }
    observer.note(`${fault}: ${network.blockedLinks().join(' ') || 'all links open'}`);
  }

  #crash(member: Member): void {
    if (!member.alive) return;
    member.crash('fault');
    this.#later(this.#random.pick([5, 50, 400]), () => {
      if (!this.#cluster.destroyed.has(member.id)) member.start();
    });
  }

  /** The leader dies and all others stand at once, while voters crash and come back within the same election. */
  #duel(): void {
    this.#crash(this.#cluster.leader() ?? this.#random.pick([...this.#cluster.members.values()]));
    const { tickMs, electionTicks } = this.#cluster.tuning;
    const timeoutMs = tickMs * electionTicks * 1.1;
    const { scheduler } = this.#cluster.world;
    scheduler.after(timeoutMs, () => {
      if (this.#stopped) return;
      const alive = [...this.#cluster.members.values()].filter((member) => member.alive && !member.paused);
      for (const member of alive) member.process?.operate((raft) => raft.campaign());
      if (alive.length === 0) return;
      const victim = this.#random.pick(alive);
      scheduler.after(this.#random.between(0, 8), () => {
        if (this.#stopped) return;
        victim.crash('in a duel');
        if (!this.#cluster.destroyed.has(victim.id)) victim.start();
      });
    });
  }

  /** Every new leader dies in its first moments, with its first entries on some disks and not on others (figure 8). */
  #churn(untilMs: number, killedTerm: number): void {
    const { scheduler } = this.#cluster.world;
    if (this.#stopped || scheduler.nowMs > untilMs) return;
    const leader = this.#cluster.leader();
    const term = leader?.process?.raft.status().term ?? 0;
    scheduler.after(term > killedTerm ? this.#random.exponential(2) : 4, () => {
      if (leader !== undefined && term > killedTerm && !this.#stopped) {
        leader.crash('in its first moments');
        scheduler.after(this.#random.between(1, 400), () => {
          if (!this.#cluster.destroyed.has(leader.id)) leader.start();
        });
      }
      this.#churn(untilMs, Math.max(term, killedTerm));
    });
  }

  #pause(member: Member): void {
    this.#cluster.world.observer.note(`${member.id} pauses`);
    member.pause();
    this.#later(this.#random.pick([20, 200, 800]), () => member.resume());
  }

  #later(meanMs: number, run: () => void): void {
    this.#cluster.world.scheduler.after(this.#random.between(0, 2 * meanMs), () => {
      if (!this.#stopped) run();
    });
  }
}
