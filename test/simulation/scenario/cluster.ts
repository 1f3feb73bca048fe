import type { LogBase } from '../../../plugins/store-raft/src/raft/types.ts';
import type { RaftTuning } from '../cluster/core.ts';
import { Member, type World } from '../cluster/member.ts';
import { Operator } from './operator.ts';

export interface ClusterTuning extends RaftTuning {
  readonly founders: number;
  readonly membersMin: number;
  readonly membersMax: number;
}

const none = { voters: [], outgoing: [], learners: [], addresses: {} } as const;

/** All members that ever were, dead, removed and new ones. */
export class Cluster {
  readonly members = new Map<string, Member>();
  /** Lost with their disks, or switched off: they never come back. */
  readonly destroyed = new Set<string>();
  readonly world: World;
  readonly tuning: ClusterTuning;
  readonly operator: Operator;
  #count = 0;

  constructor(world: World, tuning: ClusterTuning) {
    this.world = world;
    this.tuning = tuning;
    this.operator = new Operator(this);
    const voters = Array.from({ length: tuning.founders }, () => this.#nextId());
    const addresses = Object.fromEntries(voters.map((id) => [id, id]));
    for (const id of voters) this.#make(id, { index: 0, term: 0, configuration: { ...none, voters, addresses } });
  }

  /** The living member that believes to lead, in the newest term. */
  leader(): Member | undefined {
    let best: Member | undefined;
    let bestTerm = -1;
    for (const member of this.members.values()) {
      const state = member.process?.softState;
      if (state?.role !== 'leader' || state.term <= bestTerm) continue;
      best = member;
      bestTerm = state.term;
    }
    return best;
  }

  /** A machine with an empty disk, not yet known to the group. */
  addMember(): string {
    const id = this.#nextId();
    this.#make(id, { index: 0, term: 0, configuration: none });
    return id;
  }

  destroy(id: string): void {
    const member = this.members.get(id);
    if (member === undefined) return;
    member.crash('its disk is lost');
    member.disk.wipe();
    this.destroyed.add(id);
    this.world.observer.count('lost disks');
  }

  /** Switches a machine off for good. */
  retire(id: string): void {
    this.members.get(id)?.crash('switched off');
    this.destroyed.add(id);
  }

  transfer(to: string | undefined): void {
    const leader = this.leader();
    if (leader === undefined || leader.paused) return;
    const result = leader.process?.operate((raft) => raft.transferLeadership(to));
    this.world.observer.note(`transfer from ${leader.id} to ${to ?? 'any'}: ${JSON.stringify(result)}`);
  }

  /** Who takes part, as the newest leader says. */
  voters(): readonly Member[] {
    const configuration = this.leader()?.process?.raft.status().configuration;
    const ids = [...(configuration?.voters ?? []), ...(configuration?.learners ?? [])];
    return ids.flatMap((id) => this.members.get(id) ?? []);
  }

  #make(id: string, initial: LogBase): void {
    const member = new Member(id, this.world, initial);
    this.members.set(id, member);
    member.start();
  }

  #nextId(): string {
    this.#count += 1;
    return `m${this.#count}`;
  }
}
