/** Which waiting pods belong to which pod group. */
import type { WaitingPod } from './waiting-pod.ts';

export class PodGroups {
  readonly #members = new Map<string, Set<WaitingPod>>();

  join(waiting: WaitingPod): void {
    const { group } = waiting.pod.class;
    if (group === undefined) return;
    const members = this.#members.get(group.key);
    if (members === undefined) this.#members.set(group.key, new Set([waiting]));
    else members.add(waiting);
  }

  leave(waiting: WaitingPod): void {
    const { group } = waiting.pod.class;
    if (group === undefined) return;
    const members = this.#members.get(group.key);
    members?.delete(waiting);
    if (members?.size === 0) this.#members.delete(group.key);
  }

  /** All of its group, itself included; nobody when it has none. */
  of({ pod }: WaitingPod): readonly WaitingPod[] {
    const { group } = pod.class;
    return group === undefined ? [] : [...(this.#members.get(group.key) ?? [])];
  }
}
