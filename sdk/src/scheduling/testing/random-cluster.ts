/** Clusters that change at random, for properties of what follows them. */
import fc from 'fast-check';
import type { Node, Pod } from '../../kube/index.ts';
import type { ClusterObjects, NodeRow, PodInfo, SchedulerSnapshot } from '../../contracts/scheduler/index.ts';
import { listedObjects } from '../list-snapshot.ts';
import type { PodClasses } from '../pod-class.ts';
import {
  nodeOf,
  nodeSketch,
  podOf,
  template,
  type NodeSketch,
  type Template,
  type Wishes,
} from './random-templates.ts';

export * from './random-templates.ts';

export type Change =
  | { readonly kind: 'node'; readonly at: number; readonly sketch: NodeSketch }
  | { readonly kind: 'node-gone'; readonly at: number }
  | { readonly kind: 'node-elsewhere'; readonly at: number; readonly to: number }
  | { readonly kind: 'pod'; readonly at: number; readonly template: Template }
  | { readonly kind: 'pod-gone'; readonly which: number }
  | { readonly kind: 'pod-leaves'; readonly which: number }
  | { readonly kind: 'pod-elsewhere'; readonly which: number; readonly to: number }
  | { readonly kind: 'nominate'; readonly at: number; readonly template: Template }
  | { readonly kind: 'nominated-binds'; readonly at: number }
  | { readonly kind: 'pod-relabelled'; readonly which: number; readonly app: string }
  | { readonly kind: 'namespace'; readonly name: string; readonly team: string };

const place = fc.nat({ max: 7 });
const which = fc.nat({ max: 40 });

export function change(wishes: Wishes): fc.Arbitrary<Change> {
  const pod = fc.record({ kind: fc.constant('pod' as const), at: place, template: template(wishes) });
  const others: fc.Arbitrary<Change>[] = [
    fc.record({ kind: fc.constant('node-gone' as const), at: place }),
    fc.record({ kind: fc.constant('node-elsewhere' as const), at: place, to: place }),
    fc.record({ kind: fc.constant('pod-gone' as const), which }),
    fc.record({ kind: fc.constant('pod-leaves' as const), which }),
    fc.record({ kind: fc.constant('pod-elsewhere' as const), which, to: place }),
    fc.record({ kind: fc.constant('nominate' as const), at: place, template: template(wishes) }),
    fc.record({ kind: fc.constant('nominated-binds' as const), at: place }),
    fc.record({ kind: fc.constant('pod-relabelled' as const), which, app: fc.constantFrom('a', 'b') }),
    fc.record({
      kind: fc.constant('namespace' as const),
      name: fc.constantFrom('x', 'y', 'z'),
      team: fc.constantFrom('blue', 'red'),
    }),
  ];
  const node = fc.record({ kind: fc.constant('node' as const), at: place, sketch: nodeSketch });
  return fc.oneof(
    { weight: 6, arbitrary: pod },
    { weight: 3, arbitrary: node },
    ...others.map((arbitrary) => ({ weight: 1, arbitrary })),
  );
}

interface NewRow {
  readonly node?: Node | undefined;
  readonly pods?: readonly PodInfo[];
  readonly nominated?: readonly PodInfo[];
}

/** A live snapshot, and what it consists of. */
export class RandomCluster {
  rows: NodeRow[] = [];
  generation = 0;
  objects: ClusterObjects = listedObjects();
  readonly #classes: PodClasses;
  #namespaces: Record<string, Record<string, string>> = { x: { team: 'blue' }, y: { team: 'red' } };
  #pods = 0;
  #nodes = 0;
  #objectsGeneration = 1;

  constructor(classes: PodClasses) {
    this.#classes = classes;
    this.#renewObjects();
  }

  /** `remembers`: how many generations `changedSince` looks back. */
  snapshot(remembers: number): SchedulerSnapshot {
    return {
      generation: this.generation,
      rows: this.rows,
      nodeCount: this.rows.filter(({ node }) => node !== undefined).length,
      changedSince: (since) =>
        this.generation - since > remembers
          ? undefined
          : this.rows.flatMap((row, at) => (row.generation > since ? [at] : [])),
      objects: this.objects,
    };
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'node':
        return this.#put(change.at, { node: nodeOf(this.#nameAt(change.at), change.sketch) });
      case 'node-gone':
        return this.#put(change.at, { node: undefined, pods: [], nominated: [] });
      case 'node-elsewhere':
        return this.#moveNode(change.at, change.to);
      case 'pod':
        return this.#addPod(change.at, change.template);
      case 'pod-gone':
        return this.#takePod(change.which, () => undefined);
      case 'pod-leaves':
        return this.#takePod(change.which, (pod) => podOf(pod.metadata.name ?? '', pod as Template, true));
      case 'pod-elsewhere':
        return this.#movePod(change.which, change.to);
      case 'nominate':
        return this.#nominate(change.at, change.template);
      case 'nominated-binds':
        return this.#bindNominated(change.at);
      case 'pod-relabelled':
        return this.#takePod(change.which, (pod) =>
          podOf(pod.metadata.name ?? '', {
            spec: pod.spec,
            metadata: { namespace: pod.metadata.namespace ?? '', labels: { ...pod.metadata.labels, app: change.app } },
          }),
        );
      case 'namespace':
        this.#namespaces = { ...this.#namespaces, [change.name]: { team: change.team } };
        return this.#renewObjects();
    }
  }

  podFrom(from: Template): PodInfo {
    this.#pods += 1;
    return this.#classes.infoOf(podOf(`p${this.#pods}`, from));
  }

  #nameAt(at: number): string {
    const name = this.rows[at]?.node?.metadata.name;
    if (name !== undefined) return name;
    this.#nodes += 1;
    return `n${this.#nodes}`;
  }

  #renewObjects(): void {
    this.#objectsGeneration += 1;
    const generation = this.#objectsGeneration;
    this.objects = { ...listedObjects({ namespaces: this.#namespaces }), generation };
  }

  #put(at: number, { node, pods, nominated }: NewRow, keepNode = false): void {
    this.generation += 1;
    const { generation } = this;
    while (this.rows.length <= at) this.rows.push({ name: '', node: undefined, pods: [], nominated: [], generation });
    const before = this.rows[at];
    const kept = keepNode ? before?.node : node;
    this.rows[at] = {
      name: kept?.metadata.name ?? '',
      node: kept,
      pods: pods ?? before?.pods ?? [],
      nominated: nominated ?? before?.nominated ?? [],
      generation,
    };
  }

  #nominate(at: number, from: Template): void {
    this.#put(at, { nominated: [...(this.rows[at]?.nominated ?? []), this.podFrom(from)] }, true);
  }

  #bindNominated(at: number): void {
    const row = this.rows[at];
    if (row === undefined) return;
    const [pod, ...others] = row.nominated;
    if (pod !== undefined) this.#put(at, { pods: [...row.pods, pod], nominated: others }, true);
  }

  #addPod(at: number, from: Template): void {
    this.#put(at, { pods: [...(this.rows[at]?.pods ?? []), this.podFrom(from)] }, true);
  }

  #moveNode(at: number, to: number): void {
    const row = this.rows[at];
    if (row?.node === undefined || this.rows[to]?.node !== undefined) return;
    this.#put(at, { node: undefined, pods: [], nominated: [] });
    this.#put(to, { node: row.node, pods: row.pods, nominated: row.nominated });
  }

  #find(which: number): { at: number; pod: PodInfo } | undefined {
    const all = this.rows.flatMap(({ pods }, at) => pods.map((pod) => ({ at, pod })));
    return all.length === 0 ? undefined : all[which % all.length];
  }

  #takePod(which: number, into: (pod: Pod) => Pod | undefined): void {
    const found = this.#find(which);
    if (found === undefined) return;
    const pods = this.rows[found.at]?.pods ?? [];
    const replaced = into(found.pod.pod);
    const next = pods.flatMap((pod) => (pod !== found.pod ? [pod] : replaced ? [this.#classes.infoOf(replaced)] : []));
    this.#put(found.at, { pods: next }, true);
  }

  #movePod(which: number, to: number): void {
    const found = this.#find(which);
    if (found === undefined) return;
    this.#takePod(which, () => undefined);
    this.#put(to, { pods: [...(this.rows[to]?.pods ?? []), found.pod] }, true);
  }
}
