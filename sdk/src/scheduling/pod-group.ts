/** Members of a pod group: all that are needed get a node, or none does. */
import type { Decision, PodInfo, UnschedulableDecision } from '../contracts/scheduler/index.ts';
import type { WorkingState } from './working-state.ts';

/** Consecutive pods of one group, or single pods. */
export function byGroup(pods: readonly PodInfo[]): PodInfo[][] {
  const parts: PodInfo[][] = [];
  const open = new Map<string, PodInfo[]>();
  for (const pod of pods) {
    const key = pod.class.group?.key;
    const known = key === undefined ? undefined : open.get(key);
    if (known !== undefined) known.push(pod);
    else {
      const part = [pod];
      parts.push(part);
      if (key !== undefined) open.set(key, part);
    }
  }
  return parts;
}

function refused(pod: PodInfo, decision: Decision | undefined, message: string): UnschedulableDecision {
  const rejections = decision?.outcome === 'unschedulable' ? decision.rejections : [];
  return { outcome: 'unschedulable', podUid: pod.uid, rejections, message };
}

/** Decides for the members in order, and takes everything back when too few find a node. */
export function decideGroup(
  state: WorkingState,
  pods: readonly PodInfo[],
  decide: (pod: PodInfo) => Decision,
): readonly Decision[] {
  const { key = '', minMember = 1 } = pods[0]?.class.group ?? {};
  const placed = state.placedOfGroup(key);
  if (placed + pods.length < minMember) {
    const message = `pod group "${key}": ${placed + pods.length} of ${minMember} members are there`;
    return pods.map((pod) => refused(pod, undefined, message));
  }
  const decisions = pods.map(decide);
  const found = decisions.filter(({ outcome }) => outcome === 'bind').length;
  if (placed + found >= minMember) return decisions;
  for (const [at, decision] of decisions.entries()) {
    if (decision.outcome !== 'bind') continue;
    const row = state.rowOf(decision.nodeName);
    const pod = pods[at];
    if (row !== undefined && pod !== undefined) state.remove(row, pod);
  }
  const message = `pod group "${key}": ${placed + found} of ${minMember} members find a node`;
  const reason = decisions.find(({ outcome }) => outcome === 'unschedulable');
  return pods.map((pod, at) =>
    refused(pod, decisions[at]?.outcome === 'unschedulable' ? decisions[at] : reason, message),
  );
}
