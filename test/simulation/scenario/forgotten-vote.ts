import type { Member } from '../cluster/member.ts';
import type { SimRandom } from '../parts/random.ts';
import type { Cluster } from './cluster.ts';
import { nudge, revive, timeoutMs, type After } from './story.ts';

/**
 * A voter on a slow disk lets one member win and crashes, the winner is cut off in that moment, and another, which has heard of
 * nothing, asks the voter for its vote in the same term: was the first vote safe before it was given?
 */
export class ForgottenVote {
  readonly #cluster: Cluster;
  readonly #random: SimRandom;
  readonly #after: After;
  /** Counts the stories: a new one ends the one before. */
  #story = 0;

  constructor(cluster: Cluster, random: SimRandom, after: After) {
    this.#cluster = cluster;
    this.#random = random;
    this.#after = after;
  }

  end(): void {
    this.#story += 1;
    this.#cluster.world.observer.onLeader = undefined;
  }

  begin(): void {
    this.end();
    const { observer, network } = this.#cluster.world;
    const leader = this.#cluster.leader();
    const voters = leader?.process?.raft.status().configuration.voters ?? [];
    const [winner, voter, ...others] = this.#random
      .shuffle(voters.filter((id) => id !== leader?.id))
      .flatMap((id) => this.#cluster.members.get(id) ?? []);
    if (leader === undefined || winner === undefined || voter === undefined) return;
    const story = this.#story;
    // With five members one more has to vote, and those that do not know of it are two.
    const unaware = [leader, ...others.slice(0, Math.floor(voters.length / 2) - 1)];
    const aware = [...this.#cluster.members.keys()].filter((id) => !unaware.some((member) => member.id === id));
    for (const { id } of unaware) network.partition([id], aware, 'both');
    voter.disk.syncMeanMs = 100;
    let wins = false;
    observer.onLeader = (id) => {
      if (id !== winner.id) return;
      wins = true;
      observer.note(`${id} wins, ${voter.id} may forget its vote`);
      for (const member of unaware) network.unblock(member.id);
      network.partition([id], this.#others(id), 'both');
      this.#forget(voter);
      this.#secondElection(leader, winner, story);
    };
    const giveUp = (): void => this.#giveUp(unaware, voter);
    nudge(this.#cluster, this.#after, winner, () => wins || story !== this.#story, giveUp);
  }

  #forget(voter: Member): void {
    this.#after(0, () => {
      voter.crash('after its vote');
      voter.disk.syncMeanMs = 0.3;
      if (!this.#cluster.destroyed.has(voter.id)) voter.start();
    });
  }

  #secondElection(second: Member, first: Member, story: number): void {
    let wins = false;
    this.#cluster.world.observer.onLeader = () => (wins = true);
    const done = (): void => {
      if (story === this.#story) this.end();
      revive(this.#cluster, first);
    };
    nudge(this.#cluster, this.#after, second, () => wins || story !== this.#story, done);
    this.#after(4 * timeoutMs(this.#cluster), done);
  }

  #giveUp(unaware: readonly Member[], voter: Member): void {
    voter.disk.syncMeanMs = 0.3;
    for (const member of unaware) this.#cluster.world.network.unblock(member.id);
    this.end();
  }

  #others(id: string): readonly string[] {
    return [...this.#cluster.members.keys()].filter((other) => other !== id);
  }
}
