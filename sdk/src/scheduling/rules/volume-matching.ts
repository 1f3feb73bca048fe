/** Which volumes a claim could be bound to on a node. Source: Kubernetes documentation, "Persistent Volumes", Binding. */
import { objectKey, type Node } from '../../kube/index.ts';
import { classNameOf, isOffered, isSetAsideFor, isUsable, volumeSize } from '../../volumes/index.ts';
import type { ClusterObjects } from '../../contracts/scheduler/index.ts';
import { NodeCondition, nodeTerms } from './node-condition.ts';
import type { Claim, PersistentVolume } from './volume-objects.ts';

const conditions = new WeakMap<PersistentVolume, NodeCondition>();

/** Where a volume can be used. */
export function nodesOf(volume: PersistentVolume): NodeCondition {
  let condition = conditions.get(volume);
  if (condition === undefined) {
    const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms;
    condition = new NodeCondition([], terms === undefined ? undefined : nodeTerms(terms));
    conditions.set(volume, condition);
  }
  return condition;
}

const hostname = 'kubernetes.io/hostname';

/** The one host where a volume is; undefined: it may be elsewhere too. */
function hostOf({ spec }: PersistentVolume): string | undefined {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  if (terms.length !== 1) return undefined;
  const expression = terms[0]?.matchExpressions?.find(({ key, operator }) => key === hostname && operator === 'In');
  return expression?.values?.length === 1 ? expression.values[0] : undefined;
}

/** Volumes for a claim, the smallest first. */
export class Candidates {
  /** A volume that was set aside for the claim. */
  readonly #own: PersistentVolume | undefined;
  readonly #local = new Map<string, PersistentVolume[]>();
  readonly #others: PersistentVolume[] = [];

  constructor(claim: Claim, volumes: readonly PersistentVolume[]) {
    const usable = volumes.filter((volume) => isUsable(volume, claim));
    this.#own = usable.find((volume) => isSetAsideFor(volume, claim));
    const offered = usable.filter((volume) => isOffered(volume, claim));
    for (const volume of offered.sort((a, b) => volumeSize(a) - volumeSize(b))) {
      const host = hostOf(volume);
      if (host === undefined) this.#others.push(volume);
      else this.#local.set(host, [...(this.#local.get(host) ?? []), volume]);
    }
  }

  /** The smallest for the claim on the node that is not chosen already. */
  on(node: Node, chosen: ReadonlySet<PersistentVolume>): PersistentVolume | undefined {
    const own = this.#own;
    if (own !== undefined && !chosen.has(own)) return nodesOf(own).matches(node) ? own : undefined;
    const free = (volume: PersistentVolume): boolean => !chosen.has(volume) && nodesOf(volume).matches(node);
    const local = this.#local.get(node.metadata.labels?.[hostname] ?? '')?.find(free);
    const other = this.#others.find(free);
    if (local === undefined || other === undefined) return local ?? other;
    return volumeSize(other) < volumeSize(local) ? other : local;
  }
}

interface Sorted {
  readonly generation: number;
  /** Free ones by their class; '' for those without one. */
  readonly free: Map<string, PersistentVolume[]>;
  /** Others by the key of the claim that they are set aside for, or bound to. */
  readonly taken: Map<string, PersistentVolume[]>;
}

const sorted = new WeakMap<ClusterObjects, Sorted>();

function add(lists: Map<string, PersistentVolume[]>, key: string, volume: PersistentVolume): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [volume]);
  else list.push(volume);
}

function sort(objects: ClusterObjects): Sorted {
  const made: Sorted = { generation: objects.generation, free: new Map(), taken: new Map() };
  for (const volume of objects.persistentVolumes() as Iterable<PersistentVolume>) {
    const { claimRef } = volume.spec ?? {};
    if (claimRef === undefined) add(made.free, classNameOf(volume), volume);
    else add(made.taken, `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`, volume);
  }
  return made;
}

/** Volumes of the claim's class that are free or set aside for it: most volumes of a large cluster are others'. */
export function volumesFor(objects: ClusterObjects, claim: Claim): readonly PersistentVolume[] {
  let known = sorted.get(objects);
  if (known?.generation !== objects.generation) {
    known = sort(objects);
    sorted.set(objects, known);
  }
  const className = classNameOf(claim);
  const free = known.free.get(className) ?? [];
  const own = known.taken.get(objectKey(claim))?.filter((volume) => classNameOf(volume) === className) ?? [];
  return own.length === 0 ? free : [...own, ...free];
}
