/**
 * Finds the pods that an event may help without looking at all that wait: by kind of event, by the plugin that refused them, by class.
 * A hint is asked once for all pods of a class, since they get the same verdicts.
 */
import type { ClusterEvent, ClusterEventKind, RequeueHint } from '@timonel/sdk/contracts/scheduler';
import type { WaitingPod } from './waiting-pod.ts';

/** Questions to hints for the events of one turn, at most; what is left is taken for helped. */
const questionLimit = 100_000;
const allKinds: readonly ClusterEventKind[] = [
  'node-added',
  'node-updated',
  'pod-bound',
  'pod-removed',
  'pod-updated',
  'object-changed',
];
/** Stands for the plugin of a pod that nobody in particular refused. */
const nobody = '';

type HintsByKind = ReadonlyMap<ClusterEventKind, readonly RequeueHint[]>;
type Visit = (kind: ClusterEventKind, plugin: string, hints: readonly RequeueHint[]) => void;

interface Bucket {
  readonly hints: readonly RequeueHint[];
  readonly byClass: Map<number, Set<WaitingPod>>;
}

function grouped<K, T>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

export class RequeueIndex {
  #hintsOf: (plugin: string) => readonly RequeueHint[] | undefined;
  readonly #buckets = new Map<ClusterEventKind, Map<string, Bucket>>();
  readonly #hints = new Map<string, HintsByKind>();

  constructor(hintsOf: (plugin: string) => readonly RequeueHint[] | undefined) {
    this.#hintsOf = hintsOf;
  }

  /** The index must be empty. */
  setHints(hintsOf: (plugin: string) => readonly RequeueHint[] | undefined): void {
    this.#hintsOf = hintsOf;
    this.#hints.clear();
  }

  add(waiting: WaitingPod): void {
    this.#each(waiting, (kind, plugin, hints) => {
      const plugins = this.#buckets.get(kind) ?? new Map<string, Bucket>();
      this.#buckets.set(kind, plugins);
      const bucket = plugins.get(plugin) ?? { hints, byClass: new Map<number, Set<WaitingPod>>() };
      plugins.set(plugin, bucket);
      const members = bucket.byClass.get(waiting.pod.class.id);
      if (members === undefined) bucket.byClass.set(waiting.pod.class.id, new Set([waiting]));
      else members.add(waiting);
    });
  }

  /** With the class and the plugins it was added with. */
  remove(waiting: WaitingPod): void {
    this.#each(waiting, (kind, plugin) => {
      const plugins = this.#buckets.get(kind);
      const bucket = plugins?.get(plugin);
      const members = bucket?.byClass.get(waiting.pod.class.id);
      members?.delete(waiting);
      if (members?.size === 0) bucket?.byClass.delete(waiting.pod.class.id);
      if (bucket?.byClass.size === 0) plugins?.delete(plugin);
    });
  }

  /** Those that one of the events may help. */
  helpedBy(events: readonly ClusterEvent[]): ReadonlySet<WaitingPod> {
    const helped = new Set<WaitingPod>();
    const asked = { count: 0 };
    for (const [kind, ofKind] of grouped(events, (event) => event.kind)) {
      for (const { hints, byClass } of this.#buckets.get(kind)?.values() ?? []) {
        for (const members of byClass.values()) {
          const [first] = members;
          if (first === undefined || !anyHelps(hints, first, ofKind, asked)) continue;
          for (const waiting of members) helped.add(waiting);
        }
      }
    }
    return helped;
  }

  /** Whether one of the events may help a pod that is not in the index. */
  helps(waiting: WaitingPod, events: readonly ClusterEvent[]): boolean {
    let found = false;
    const asked = { count: 0 };
    const byKind = grouped(events, (event) => event.kind);
    this.#each(waiting, (kind, _, hints) => {
      const ofKind = byKind.get(kind);
      if (!found && ofKind !== undefined) found = anyHelps(hints, waiting, ofKind, asked);
    });
    return found;
  }

  #each(waiting: WaitingPod, visit: Visit): void {
    const plugins = waiting.plugins.length === 0 ? [nobody] : waiting.plugins;
    for (const plugin of plugins) {
      for (const [kind, hints] of this.#hintsByKind(plugin)) visit(kind, plugin, hints);
    }
  }

  #hintsByKind(plugin: string): HintsByKind {
    const known = this.#hints.get(plugin);
    if (known !== undefined) return known;
    const every = allKinds.map((event): RequeueHint => ({ event }));
    const hints = plugin === nobody ? every : (this.#hintsOf(plugin) ?? every);
    const byKind = grouped(hints, (hint) => hint.event);
    this.#hints.set(plugin, byKind);
    return byKind;
  }
}

function anyHelps(
  hints: readonly RequeueHint[],
  { pod }: WaitingPod,
  events: readonly ClusterEvent[],
  asked: { count: number },
): boolean {
  for (const hint of hints) {
    if (hint.helps === undefined) return true;
    for (const event of events) {
      asked.count += 1;
      if (asked.count > questionLimit || helpsGuarded(hint, pod, event)) return true;
    }
  }
  return false;
}

function helpsGuarded(hint: RequeueHint, pod: WaitingPod['pod'], event: ClusterEvent): boolean {
  try {
    return hint.helps?.(pod, event) !== false;
  } catch {
    return true;
  }
}
