import type { Node } from '../../kube/index.ts';
import {
  skip,
  success,
  type ClusterView,
  type NodeBatch,
  type PodClass,
  type SchedulingPlugin,
} from '../../contracts/scheduler/index.ts';

const mebibyte = 1024 * 1024;
/** Images that are smaller are fetched quickly wherever the pod goes. */
const lowest = 23 * mebibyte;
const highestPerContainer = 1000 * mebibyte;

/** `redis` is `redis:latest`. */
function withTag(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}

/** Which nodes have an image, and its size there. */
class Holders {
  readonly #sizes = new Map<number, number>();
  /** The same by row: only of images that somebody asked for. */
  #column: Float64Array | undefined;

  get count(): number {
    return this.#sizes.size;
  }

  set(row: number, size: number): void {
    this.#sizes.set(row, size);
    if (this.#column !== undefined && row < this.#column.length) this.#column[row] = size;
    else this.#column = undefined;
  }

  delete(row: number): void {
    this.#sizes.delete(row);
    if (this.#column !== undefined) this.#column[row] = 0;
  }

  forgetColumn(): void {
    this.#column = undefined;
  }

  column(length: number): Float64Array {
    if (this.#column === undefined || this.#column.length < length) {
      this.#column = new Float64Array(length);
      for (const [row, size] of this.#sizes) this.#column[row] = size;
    }
    return this.#column;
  }
}

/** Columns of so many images are kept. */
const columnsLimit = 256;

/** Images by name, kept up to date node by node. */
class ImageIndex {
  readonly #nodes: (Node | undefined)[] = [];
  readonly #images = new Map<string, Holders>();
  readonly #asked = new Set<Holders>();
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
    const holders = this.#images.get(image);
    if (holders === undefined || this.#asked.has(holders)) return holders;
    if (this.#asked.size >= columnsLimit) {
      for (const asked of this.#asked) asked.forgetColumn();
      this.#asked.clear();
    }
    this.#asked.add(holders);
    return holders;
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
      holders = new Holders();
      this.#images.set(name, holders);
    }
    holders.set(row, sizeBytes);
  }

  #drop(name: string, row: number): void {
    const holders = this.#images.get(name);
    holders?.delete(row);
    if (holders?.count !== 0) return;
    this.#images.delete(name);
    this.#asked.delete(holders);
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
function writeScores(holders: readonly Holders[], images: number, nodes: NodeBatch, scores: Float64Array): void {
  const { rows, count, view } = nodes;
  for (let at = 0; at < count; at += 1) scores[rows[at] as number] = 0;
  for (const image of holders) {
    const sizes = image.column(view.size);
    const spread = image.count / view.nodeCount;
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      scores[row] = (scores[row] as number) + Math.trunc((sizes[row] as number) * spread);
    }
  }
  const highest = highestPerContainer * images;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    const within = Math.min(Math.max(scores[row] as number, lowest), highest);
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
