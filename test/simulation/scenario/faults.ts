import type { Member } from '../cluster/member.ts';
import { calmNetwork } from '../parts/network.ts';
import type { SimRandom } from '../parts/random.ts';
import type { Cluster } from './cluster.ts';
import type { Fault, Profile } from './profile.ts';
import { Scripts } from './scripts.ts';

/** Strikes at random times until it is stopped; then puts everything right that it broke. */
export class Faults {
  readonly #cluster: Cluster;
  readonly #random: SimRandom;
  readonly #profile: Profile;
  readonly #scripts: Scripts;
  readonly #prepared = new Set<string>();
  #stopped = false;

  constructor(cluster: Cluster, profile: Profile) {
    this.#cluster = cluster;
    this.#profile = profile;
    this.#random = cluster.world.random.fork('faults');
    this.#scripts = new Scripts(cluster, this.#random.fork('scripts'));
  }

  start(): void {
    this.#cluster.world.network.conditions = this.#profile.network;
    this.#next();
  }

  heal(): void {
    this.#stopped = true;
    this.#scripts.stop();
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
    member.crashChance = this.#profile.crashPointChance;
    const { clockDrift } = this.#profile;
    if (clockDrift > 0) member.clock.setRate(this.#random.between(1 - clockDrift, 1 + clockDrift));
  }

  #next(): void {
    this.#cluster.world.scheduler.after(this.#random.exponential(this.#profile.meanGapMs), () => {
      if (this.#stopped) return;
      this.#tend();
      const fault = this.#random.weighted(this.#profile.weights);
      this.#cluster.world.observer.count(fault);
      this.#strike(fault);
      this.#next();
    });
  }

  #tend(): void {
    for (const member of this.#cluster.members.values()) {
      if (!this.#prepared.has(member.id)) this.#prepare(member);
      this.#prepared.add(member.id);
      // One that crashed by itself at a crash point comes back too.
      if (!member.alive && !this.#cluster.destroyed.has(member.id) && this.#random.chance(0.3)) member.start();
    }
    this.#cluster.operator.retireRemoved();
  }

  #strike(fault: Fault): void {
    const member = this.#random.pick([...this.#cluster.members.values()]);
    switch (fault) {
      case 'none':
        return;
      case 'crash':
        return this.#scripts.crash(this.#random.chance(0.3) ? (this.#cluster.leader() ?? member) : member);
      case 'crashAll':
        for (const each of this.#cluster.members.values()) this.#scripts.crash(each);
        return;
      case 'duel':
      case 'churn':
      case 'figure8':
      case 'forgottenVote':
      case 'swapMajority':
      case 'leavingLeader':
      case 'lateReturn':
      case 'removeUnaware':
        return this.#scripts[fault]();
      case 'pause':
        return this.#pause(this.#random.chance(0.5) ? (this.#cluster.leader() ?? member) : member);
      case 'transfer':
        return this.#cluster.transfer(this.#random.chance(0.5) ? member.id : undefined);
      case 'addMember':
      case 'removeMember':
      case 'swapMembers':
      case 'replaceMember':
        return this.#cluster.operator.change(fault);
      case 'slowDisk':
      case 'fullDisk':
      case 'clockJump':
      case 'clockDrift':
        return this.#strikeMachine(fault, this.#random.chance(0.3) ? (this.#cluster.leader() ?? member) : member);
      default:
        return this.#strikeNetwork(fault, member);
    }
  }

  #strikeMachine(fault: 'slowDisk' | 'fullDisk' | 'clockJump' | 'clockDrift', member: Member): void {
    this.#cluster.world.observer.note(`${fault} of ${member.id}`);
    switch (fault) {
      case 'slowDisk':
        member.disk.syncMeanMs = this.#random.pick([0.3, 10, 60, 200]);
        return this.#scripts.later(500, () => (member.disk.syncMeanMs = 0.3));
      case 'fullDisk':
        member.disk.full = true;
        return this.#scripts.later(400, () => (member.disk.full = false));
      case 'clockJump':
        return member.clock.jump(this.#random.between(-1e7, 1e7));
      case 'clockDrift':
        return this.#prepare(member);
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

  #pause(member: Member): void {
    this.#cluster.world.observer.note(`${member.id} pauses`);
    member.pause();
    this.#scripts.later(this.#random.pick([20, 200, 800]), () => member.resume());
  }
}
