import type { Node } from '../../kube/index.ts';
import {
  skip,
  success,
  type ClusterView,
  type NodeBatch,
  type PodClass,
  type SchedulingPlugin,
} from '../../contracts/scheduler2/index.ts';

const mebibyte = 1024 * 1024;
/** Images that are smaller are fetched quickly wherever the pod goes. */
const lowest = 23 * mebibyte;
const highestPerContainer = 1000 * mebibyte;

/** `redis` is `redis:latest`. */
function withTag(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}

/** Which nodes have an image, and its size there. */
type Holders = Map<number, number>;

/** Images by name, kept up to date node by node. */
class ImageIndex {
  readonly #nodes: (Node | undefined)[] = [];
  readonly #images = new Map<string, Holders>();
  #generation = -1;

  update({ nodes, size, nodesGeneration }: ClusterView): void {
    if (nodesGeneration === this.#generation) return;
    this.#generation = nodesGeneration;
    const known = this.#nodes;
    for (let row = 0; row < Math.max(size, known.length); row += 1) {
      const node = nodes[row];
      if (known[row] === node) continue;
      this.#exchange(row, known[row], node);
      known[row] = node;
    }
  }

  holders(image: string): Holders | undefined {
    return this.#images.get(image);
  }

  #exchange(row: number, before: Node | undefined, node: Node | undefined): void {
    for (const { names } of before?.status?.images ?? []) for (const name of names ?? []) this.#drop(name, row);
    for (const { names, sizeBytes } of node?.status?.images ?? []) {
      for (const name of names ?? []) this.#add(name, row, sizeBytes ?? 0);
    }
  }

  #add(name: string, row: number, sizeBytes: number): void {
    let holders = this.#images.get(name);
    if (holders === undefined) {
      holders = new Map();
      this.#images.set(name, holders);
    }
    holders.set(row, sizeBytes);
  }

  #drop(name: string, row: number): void {
    const holders = this.#images.get(name);
    holders?.delete(row);
    if (holders?.size === 0) this.#images.delete(name);
  }
}

function imagesOf({ spec }: PodClass): string[] {
  const volumes = (spec.volumes ?? []) as readonly { readonly image?: { readonly reference?: string } }[];
  return [
    ...(spec.initContainers ?? []).map(({ image = '' }) => image),
    ...spec.containers.map(({ image = '' }) => image),
    ...volumes.flatMap(({ image }) => (image === undefined ? [] : [image.reference ?? ''])),
  ].map(withTag);
}

/** The more nodes have an image the more it counts: or all pods would go to the first node that fetched it. */
function writeScores(holders: readonly Holders[], count: number, nodes: NodeBatch, scores: Float64Array): void {
  const { rows, view } = nodes;
  const total = view.nodeCount;
  const highest = highestPerContainer * count;
  for (let at = 0; at < nodes.count; at += 1) {
    const row = rows[at] as number;
    let sum = 0;
    for (const image of holders) {
      const size = image.get(row);
      if (size !== undefined) sum += Math.trunc(size * (image.size / total));
    }
    const within = Math.min(Math.max(sum, lowest), highest);
    scores[row] = Math.trunc((100 * (within - lowest)) / (highest - lowest));
  }
}

interface Found {
  readonly holders: readonly Holders[];
  readonly images: number;
}

/** Prefers nodes that have the pod's images already. */
export function imageLocality(): SchedulingPlugin {
  const indices = new WeakMap<ClusterView, ImageIndex>();
  const indexOf = (view: ClusterView): ImageIndex => {
    let index = indices.get(view);
    if (index === undefined) {
      index = new ImageIndex();
      indices.set(view, index);
    }
    index.update(view);
    return index;
  };
  return {
    name: 'ImageLocality',
    requeueHints: [],
    // How many other nodes have the image counts too.
    scoreScope: 'cluster',
    preScore: ({ class: pod }, { view }) => {
      const images = imagesOf(pod);
      const index = indexOf(view);
      const holders = images.flatMap((image) => index.holders(image) ?? []);
      const state: Found = { holders, images: images.length };
      return { status: holders.length === 0 ? skip : success, state };
    },
    score: (_, nodes, scores, state) => {
      const { holders, images } = state as Found;
      writeScores(holders, images, nodes, scores);
    },
  };
}
