import type { MembershipChange } from '../../../plugins/store-raft/src/raft/types.ts';
import type { Member } from '../cluster/member.ts';
import type { SimRandom } from '../parts/random.ts';
import type { Cluster } from './cluster.ts';

/** Changes the membership by way of whoever leads, and retries nothing: each call does the next useful step. */
export class Operator {
  readonly #cluster: Cluster;
  readonly #random: SimRandom;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.random.fork('operator');
  }

  change(what: 'addMember' | 'removeMember' | 'swapMembers' | 'replaceMember'): void {
    const leader = this.#cluster.leader();
    const process = leader?.process;
    if (leader === undefined || process === undefined) return;
    const { changing, configuration } = process.raft.status();
    const { voters, learners } = configuration;
    const { tuning } = this.#cluster;
    if (what === 'addMember' && learners.length > 0 && this.#random.chance(0.8)) {
      this.ask({ promote: [this.#random.pick(learners)] });
      return;
    }
    if (what === 'addMember' && voters.length + learners.length < tuning.membersMax) {
      const room = tuning.membersMax - voters.length - learners.length;
      return this.addLearners(this.#random.chance(0.5) ? Math.min(2, room) : 1);
    }
    if (what === 'removeMember') {
      const candidates = [...learners, ...(voters.length > tuning.membersMin ? voters : [])];
      if (candidates.length > 0) this.ask({ remove: [this.#random.pick(candidates)] });
      return;
    }
    if (what === 'swapMembers' && learners.length === 0) {
      return this.addLearners(voters.length < tuning.membersMax - 1 ? 2 : 1);
    }
    if (what === 'swapMembers') {
      // With two of three the majorities before and after have nobody in common: only the joint step makes it safe.
      this.ask({ promote: learners, remove: this.#random.shuffle(voters).slice(0, learners.length) });
      return;
    }
    if (what === 'replaceMember') this.#replace(voters, changing);
  }

  /** A machine whose member was removed is now and then switched off for good; until then it goes on, knowing it or not. */
  retireRemoved(): void {
    const status = this.#cluster.leader()?.process?.raft.status();
    if (status === undefined || status.changing) return;
    const { voters, learners } = status.configuration;
    for (const { id, process } of this.#cluster.members.values()) {
      if (voters.includes(id) || learners.includes(id) || this.#cluster.destroyed.has(id)) continue;
      // One that was never in the group may still be asked for.
      if (process === undefined || process.appliedIndex === 0) continue;
      if (this.#random.chance(0.05)) this.#cluster.retire(id);
    }
  }

  /** After the faults: members whose disks are gone have to leave. */
  removeDestroyed(): void {
    const process = this.#cluster.leader()?.process;
    if (process === undefined) return;
    const { voters, learners } = process.raft.status().configuration;
    const gone = [...voters, ...learners].find((id) => this.#cluster.destroyed.has(id));
    if (gone !== undefined) this.ask({ remove: [gone] });
  }

  /** The disk of one member is lost for good: it never comes back under its name. One at a time, so that a quorum is left. */
  #replace(voters: readonly string[], changing: boolean): void {
    const gone = voters.find((id) => this.#cluster.destroyed.has(id));
    if (gone !== undefined) {
      this.ask({ remove: [gone] });
      return;
    }
    if (changing || voters.length < 3 || !this.#everyoneIsWell()) return;
    const id = this.#random.pick(voters);
    this.#cluster.destroy(id);
    this.ask({ remove: [id] });
  }

  /** All but those that are switched off for good live, and none is in a later term than the leader that is asked. */
  #everyoneIsWell(): boolean {
    const term = this.#cluster.leader()?.process?.softState.term ?? 0;
    return [...this.#cluster.members.values()].every(
      ({ id, process }) => this.#cluster.destroyed.has(id) || (process !== undefined && process.softState.term <= term),
    );
  }

  /** As many new machines, as learners. */
  addLearners(count: number): void {
    if (count <= 0) return;
    const ids = Array.from({ length: count }, () => this.#cluster.addMember());
    this.ask({ addLearners: ids.map((id) => ({ id, address: id })) });
  }

  /** true: the change has begun. */
  ask(change: MembershipChange): boolean {
    const leader = this.#cluster.leader();
    if (leader === undefined || leader.paused || !this.#keepsQuorum(leader, change)) return false;
    const result = leader.process?.operate((raft) => raft.changeMembership(change));
    this.#cluster.world.observer.note(
      `operator asks ${leader.id} ${JSON.stringify(change)}: ${JSON.stringify(result)}`,
    );
    if (result?.type !== 'started') return false;
    this.#cluster.world.observer.count('membership changes');
    return true;
  }

  /** The leader takes a member whose disk was lost a moment ago for alive; who lost it knows better. */
  #keepsQuorum(leader: Member, { promote = [], remove = [] }: MembershipChange): boolean {
    const current = leader.process?.raft.status().configuration.voters ?? [];
    const voters = [...current, ...promote].filter((id) => !remove.includes(id));
    return voters.filter((id) => !this.#cluster.destroyed.has(id)).length > voters.length / 2;
  }
}
