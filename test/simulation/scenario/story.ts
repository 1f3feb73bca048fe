import type { Configuration } from '../../../plugins/store-raft/src/raft/types.ts';
import type { Member } from '../cluster/member.ts';
import type { Cluster } from './cluster.ts';

/** Runs something later, unless the faults have ended by then. */
export type After = (delayMs: number, run: () => void) => void;

/** Lets a member stand for election again and again, until that is over or has taken five election timeouts. */
export function nudge(cluster: Cluster, after: After, member: Member, isOver: () => boolean, giveUp: () => void): void {
  const { scheduler } = cluster.world;
  const untilMs = scheduler.nowMs + 5 * timeoutMs(cluster);
  const again = (): void => {
    if (isOver()) return;
    if (scheduler.nowMs > untilMs) return giveUp();
    if (!member.paused) member.process?.operate((raft) => raft.campaign());
    after(8, again);
  };
  again();
}

/** The least time without a leader after which anyone may vote. */
export function timeoutMs({ tuning }: Cluster): number {
  return tuning.tickMs * tuning.electionTicks;
}

/** Opens the links of a member and starts it, if it is down and not gone for good. */
export function revive(cluster: Cluster, member: Member): void {
  cluster.world.network.unblock(member.id);
  if (!cluster.destroyed.has(member.id)) member.start();
}

/** Waits until so many learners have caught up, but not for long. */
export function whenCaughtUp(
  cluster: Cluster,
  after: After,
  wanted: number,
  run: (leader: Member, configuration: Configuration, learners: readonly string[]) => void,
): void {
  const { scheduler } = cluster.world;
  const untilMs = scheduler.nowMs + 600;
  const look = (): void => {
    const leader = cluster.leader();
    const status = leader?.process?.raft.status();
    const learners = (status?.progress ?? [])
      .filter(({ id, state, active }) => active && state === 'replicate' && status?.configuration.learners.includes(id))
      .map(({ id }) => id);
    if (leader !== undefined && status !== undefined && learners.length >= wanted) {
      run(leader, status.configuration, learners);
    } else if (scheduler.nowMs < untilMs) after(15, look);
  };
  look();
}
