import type { Member } from '../cluster/member.ts';
import type { SimRandom } from '../parts/random.ts';
import type { Cluster } from './cluster.ts';
import { Figure8 } from './figure-8.ts';
import { ForgottenVote } from './forgotten-vote.ts';
import { LeavingLeader } from './leaving-leader.ts';
import { timeoutMs, whenCaughtUp, type After } from './story.ts';

/** Faults that are stories: chance alone would seldom tell them. Each goes its way beside whatever else strikes. */
export class Scripts {
  readonly #cluster: Cluster;
  readonly #random: SimRandom;
  readonly #figure8: Figure8;
  readonly #forgottenVote: ForgottenVote;
  readonly #leavingLeader: LeavingLeader;
  #stopped = false;

  constructor(cluster: Cluster, random: SimRandom) {
    this.#cluster = cluster;
    this.#random = random;
    const after: After = (delayMs, run) => this.#after(delayMs, run);
    this.#figure8 = new Figure8(cluster, random.fork('figure 8'), after);
    this.#forgottenVote = new ForgottenVote(cluster, random.fork('forgotten vote'), after);
    this.#leavingLeader = new LeavingLeader(cluster, random.fork('leaving leader'), after);
  }

  stop(): void {
    this.#stopped = true;
    this.#figure8.end();
    this.#forgottenVote.end();
    this.#leavingLeader.end();
  }

  /** Runs `run` between now and twice the mean, if the faults last so long. */
  later(meanMs: number, run: () => void): void {
    this.#after(this.#random.between(0, 2 * meanMs), run);
  }

  crash(member: Member, why = 'fault'): void {
    if (!member.alive) return;
    member.crash(why);
    this.later(this.#random.pick([5, 50, 400]), () => this.#restart(member));
  }

  /** The leader dies and all others stand at once, while voters crash and come back within the same election. */
  duel(): void {
    this.crash(this.#cluster.leader() ?? this.#anyone());
    this.#after(timeoutMs(this.#cluster) * 1.1, () => {
      for (const member of this.#awake()) member.process?.operate((raft) => raft.campaign());
      const awake = this.#awake();
      if (awake.length === 0) return;
      const victim = this.#random.pick(awake);
      this.#after(this.#random.between(0, 8), () => {
        victim.crash('in a duel');
        this.#restart(victim);
      });
    });
  }

  /** Every new leader dies in its first moments, whatever of its entries has arrived anywhere. */
  churn(untilMs: number = this.#nowMs + 1_200): void {
    this.#atEachLeader(untilMs, (leader) => {
      this.#after(this.#random.exponential(2), () => this.#endLeader(leader, this.#random.between(1, 400)));
    });
  }

  figure8(): void {
    this.#forgottenVote.end();
    this.#figure8.begin();
  }

  forgottenVote(): void {
    this.#figure8.end();
    this.#forgottenVote.begin();
  }

  /**
   * As many new voters as are a majority take the place of as many old ones, so that those before and those after could each
   * decide without the other; and in the midst of it the two are cut from each other, or the leader dies.
   */
  swapMajority(): void {
    const { operator, world } = this.#cluster;
    const configuration = this.#cluster.leader()?.process?.raft.status().configuration;
    if (configuration === undefined || configuration.outgoing.length > 0 || configuration.voters.length > 5) return;
    const wanted = Math.floor(configuration.voters.length / 2) + 1;
    operator.addLearners(wanted - configuration.learners.length);
    whenCaughtUp(
      this.#cluster,
      (delayMs, run) => this.#after(delayMs, run),
      wanted,
      (leader, { voters }, learners) => {
        const staying = this.#random.chance(0.8) ? leader.id : '';
        const leaving = this.#random
          .shuffle(voters.filter((id) => id !== staying))
          .slice(0, Math.floor(voters.length / 2) + 1);
        const cut = this.#random.weighted({ both: 5, 'a-to-b': 2, none: 3 });
        const others = [...this.#cluster.members.keys()].filter((id) => !leaving.includes(id));
        if (cut !== 'none') world.network.partition(others, leaving, cut);
        if (operator.ask({ promote: learners, remove: leaving })) world.observer.count('majorities swapped');
        world.observer.note(`${leaving.join(' ')} leave, cut: ${cut}`);
        if (this.#random.chance(0.4)) {
          this.#after(this.#random.exponential(8), () => this.crash(this.#cluster.leader() ?? this.#anyone(), 'joint'));
        }
        if (cut !== 'none') this.later(this.#random.pick([150, 400]), () => world.network.unblockAll());
      },
    );
  }

  leavingLeader(): void {
    this.#figure8.end();
    this.#forgottenVote.end();
    this.#leavingLeader.begin();
  }

  /**
   * A follower comes back with a slow disk after another has come to lead, who has compacted what it missed: the snapshot is there
   * before the new term is on its disk. Often it crashes soon.
   */
  lateReturn(): void {
    const { network } = this.#cluster.world;
    const leader = this.#cluster.leader();
    const followers = this.#awake().filter((member) => member !== leader);
    if (leader === undefined || followers.length === 0) return;
    const away = this.#random.pick(followers);
    const others = [...this.#cluster.members.keys()].filter((id) => id !== away.id);
    network.partition([away.id], others, 'both');
    this.#after(this.#random.between(0, 100), () => this.#cluster.transfer(undefined));
    this.#after(this.#random.between(100, 500), () => {
      away.disk.syncMeanMs = this.#random.pick([20, 60, 200]);
      network.unblock(away.id);
      if (this.#random.chance(0.7)) this.#after(this.#random.between(1, 60), () => this.crash(away, 'late'));
      this.later(300, () => (away.disk.syncMeanMs = 0.3));
    });
  }

  /** A voter is cut off, removed meanwhile, and comes back without knowing it. */
  removeUnaware(): void {
    const { operator, tuning, world } = this.#cluster;
    const leader = this.#cluster.leader();
    const voters = leader?.process?.raft.status().configuration.voters ?? [];
    if (leader === undefined || voters.length <= tuning.membersMin) return;
    const victim = this.#random.pick(voters.filter((id) => id !== leader.id));
    const others = [...this.#cluster.members.keys()].filter((id) => id !== victim);
    world.network.partition([victim], others, 'both');
    this.#after(5, () => {
      if (operator.ask({ remove: [victim] })) world.observer.count('removed unaware');
    });
    this.#after(this.#random.between(30, 600), () => world.network.unblock(victim));
  }

  /** Until then every new leader is handed over in the moment in which it begins to lead. */
  #atEachLeader(untilMs: number, run: (leader: Member) => void): void {
    const { observer } = this.#cluster.world;
    const watch = (id: string): void => {
      const member = this.#cluster.members.get(id);
      if (!this.#stopped && this.#nowMs < untilMs && member !== undefined) run(member);
    };
    observer.onLeader = watch;
    const now = this.#cluster.leader();
    if (now !== undefined) this.#after(this.#random.exponential(20), () => this.#endLeader(now, 100));
  }

  #endLeader(leader: Member, downMs: number): void {
    leader.crash('in its first moments');
    this.#after(downMs, () => this.#restart(leader));
  }

  #restart(member: Member): void {
    if (!this.#cluster.destroyed.has(member.id)) member.start();
  }

  #after(delayMs: number, run: () => void): void {
    this.#cluster.world.scheduler.after(delayMs, () => {
      if (!this.#stopped) run();
    });
  }

  get #nowMs(): number {
    return this.#cluster.world.scheduler.nowMs;
  }

  #awake(): readonly Member[] {
    return [...this.#cluster.members.values()].filter((member) => member.alive && !member.paused);
  }

  #anyone(): Member {
    return this.#random.pick([...this.#cluster.members.values()]);
  }
}
