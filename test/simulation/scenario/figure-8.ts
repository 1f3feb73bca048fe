import type { Member } from '../cluster/member.ts';
import type { SimRandom } from '../parts/random.ts';
import type { Cluster } from './cluster.ts';
import { nudge, revive, timeoutMs, type After } from './story.ts';

/** mute: nothing that it sends arrives. brief: it dies soon after another has an entry from it. free: nothing is done to it. */
type Reign = 'mute' | 'brief' | 'free';

/**
 * Figure 8 of the paper: a leader dies alone with its first entry, so does a second one, the first comes back and can replicate
 * what it left, but lives not much longer, and the second comes back. Whether the story goes on so is up to chance.
 */
export class Figure8 {
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
    const { observer } = this.#cluster.world;
    this.#story += 1;
    observer.onLeader = undefined;
    observer.onAppended = undefined;
  }

  begin(): void {
    this.end();
    const leader = this.#cluster.leader();
    const voters = leader?.process?.raft.status().configuration.voters ?? [];
    const [first, second] = this.#random.shuffle(voters).flatMap((id) => this.#cluster.members.get(id) ?? []);
    if (leader === undefined || first === undefined || second === undefined) return;
    leader.crash('before figure 8');
    this.#after(this.#random.between(5, 50), () => revive(this.#cluster, leader));
    this.#tell([
      [first, 'mute'],
      [second, 'mute'],
      [first, 'brief'],
      [second, 'free'],
    ]);
  }

  /** Brings the next one to lead, or gives up; whoever leads before dies mute in that moment. */
  #tell([next, ...rest]: readonly (readonly [Member, Reign])[]): void {
    if (next === undefined) return this.end();
    const [member, reign] = next;
    const { observer } = this.#cluster.world;
    const story = this.#story;
    let reigns = false;
    revive(this.#cluster, member);
    observer.onLeader = (id) => {
      const leader = this.#cluster.members.get(id);
      if (leader === undefined) return;
      if (leader !== member) return this.#reign(leader, 'mute', 20, () => {});
      reigns = true;
      observer.onLeader = undefined;
      observer.note(`${id} reigns, ${reign}`);
      this.#reign(leader, reign, 8 * timeoutMs(this.#cluster), () => {
        if (story === this.#story) this.#tell(rest);
      });
    };
    const isOver = (): boolean => reigns || story !== this.#story;
    nudge(this.#cluster, this.#after, member, isOver, () => this.end());
  }

  #reign(leader: Member, reign: Reign, downMs: number, then: () => void): void {
    const { observer, network } = this.#cluster.world;
    const { delayMeanMs } = network.conditions;
    let dead = false;
    const die = (): void => {
      if (dead) return;
      dead = true;
      leader.crash('in its first moments');
      this.#mute(leader);
      this.#after(downMs, () => revive(this.#cluster, leader));
      then();
    };
    if (reign === 'free') return;
    if (reign === 'mute') {
      this.#mute(leader);
      return this.#after(this.#random.between(0.5, 4), die);
    }
    observer.onAppended = (id) => {
      if (id === leader.id) return;
      observer.onAppended = undefined;
      // Until the leader has the answer, or a little longer.
      this.#after(this.#random.between(0.3 + delayMeanMs, 1.5 + 3 * delayMeanMs), die);
    };
    this.#after(timeoutMs(this.#cluster), die);
  }

  #mute({ id }: Member): void {
    const others = [...this.#cluster.members.keys()].filter((other) => other !== id);
    this.#cluster.world.network.partition([id], others, 'a-to-b');
  }
}
