/** The order of a batch: priority first; among pods of one priority the queue that has the least of its share. */
import type { ClusterView, PodInfo } from '@timonel/sdk/contracts/scheduler';
import type { BatchOrder } from '@timonel/sdk/scheduling';
import { dominantShare, type Capacity } from './capacity.ts';
import { queueNameOf, type Queues } from './queues.ts';

type Part = readonly PodInfo[];

const priorityOf = ([pod]: Part): number => pod?.class.priority ?? 0;
const queueOfPart = ([pod]: Part): string => (pod === undefined ? '' : queueNameOf(pod.class));

function grouped<K>(parts: readonly Part[], keyOf: (part: Part) => K): Map<K, Part[]> {
  const groups = new Map<K, Part[]>();
  for (const part of parts) {
    const key = keyOf(part);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [part]);
    else group.push(part);
  }
  return groups;
}

export function fairOrder(queues: Queues, capacity: Capacity): BatchOrder {
  const shareOf = (name: string, view: ClusterView): number =>
    dominantShare(queues.usage(name, view), capacity.of(view)) / (queues.get(name)?.weight ?? 1);

  function leastOf(names: Iterable<string>, view: ClusterView): string {
    let least = Number.POSITIVE_INFINITY;
    let found = '';
    for (const name of names) {
      const share = shareOf(name, view);
      if (share >= least) continue;
      least = share;
      found = name;
    }
    return found;
  }

  /** Usage is looked at anew before each part: it has grown by what was placed. */
  function* fairly(parts: readonly Part[], view: ClusterView): Iterable<Part> {
    const waiting = grouped(parts, queueOfPart);
    for (const list of waiting.values()) list.reverse();
    while (waiting.size > 0) {
      const name = leastOf(waiting.keys(), view);
      const list = waiting.get(name);
      const part = list?.pop();
      if (list === undefined || list.length === 0) waiting.delete(name);
      if (part !== undefined) yield part;
    }
  }

  return function* (parts, view) {
    const levels = [...grouped(parts, priorityOf)].toSorted(([a], [b]) => b - a);
    for (const [, level] of levels) yield* fairly(level, view);
  };
}
