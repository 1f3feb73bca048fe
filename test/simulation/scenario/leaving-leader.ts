import type { Member } from '../cluster/member.ts';
import type { SimRandom } from '../parts/random.ts';
import type { Cluster } from './cluster.ts';
import { revive, whenCaughtUp, type After } from './story.ts';

/**
 * Of two voters the leader is replaced, and dies when it has the configuration without itself alone. Nobody can win against its
 * log, so that the group is lost if it does not stand again (dissertation 4.2.2).
 */
export class LeavingLeader {
  readonly #cluster: Cluster;
  readonly #random: SimRandom;
  readonly #after: After;

  constructor(cluster: Cluster, random: SimRandom, after: After) {
    this.#cluster = cluster;
    this.#random = random;
    this.#after = after;
  }

  end(): void {
    this.#cluster.world.observer.onAppended = undefined;
  }

  begin(): void {
    const { operator } = this.#cluster;
    const leader = this.#cluster.leader();
    const voters = leader?.process?.raft.status().configuration.voters ?? [];
    if (leader === undefined || voters.length < 2) return;
    const leaving = this.#random.shuffle(voters.filter((id) => id !== leader.id)).slice(1);
    if (leaving.length > 0) operator.ask({ remove: leaving });
    this.#after(40, () => {
      operator.addLearners(1);
      whenCaughtUp(this.#cluster, this.#after, 1, (now, configuration, learners) => {
        if (now === leader && configuration.voters.length === 2) this.#replace(leader, learners.slice(0, 1));
      });
    });
  }

  #replace(leader: Member, promote: readonly string[]): void {
    const { observer, network } = this.#cluster.world;
    if (!this.#cluster.operator.ask({ promote, remove: [leader.id] })) return;
    observer.onAppended = (id, entry) => {
      if (id !== leader.id || entry.type !== 'configuration' || entry.configuration.outgoing.length > 0) return;
      observer.onAppended = undefined;
      observer.note(`${id} leaves`);
      const others = [...this.#cluster.members.keys()].filter((other) => other !== id);
      network.partition([id], others, 'a-to-b');
      this.#after(this.#random.between(0.5, 4), () => leader.crash('as it leaves'));
      this.#after(this.#random.between(20, 300), () => revive(this.#cluster, leader));
    };
  }
}
