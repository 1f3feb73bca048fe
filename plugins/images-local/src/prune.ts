import type { PruneOptions, PruneResult } from '@timonel/sdk/contracts/images';
import type { ImageRecord } from './image-index.ts';

/**
 * Which images go: none that a container uses and none that is pinned; without `all` none that has a name and was used since
 * `usedBefore`. Those unused for the longest time go first, until enough is free.
 */
export function planPrune(
  images: readonly ImageRecord[],
  { all = false, inUse, bytes = Number.POSITIVE_INFINITY }: PruneOptions,
  usedBefore: number,
  isPinned: (record: ImageRecord) => boolean,
): PruneResult {
  const used = new Set(inUse);
  const candidates = images
    .filter((image) => !used.has(image.id) && !isPinned(image))
    .filter(({ references, usedAt = 0 }) => all || references.length === 0 || usedAt <= usedBefore)
    .sort((a, b) => (a.usedAt ?? 0) - (b.usedAt ?? 0));
  const users = countUsers(images);
  const removed: PruneResult['removed'][number][] = [];
  let freedBytes = 0;
  for (const image of candidates) {
    if (freedBytes >= bytes) break;
    const sizeBytes = release(users, image);
    freedBytes += sizeBytes;
    removed.push({ id: image.id, references: image.references, sizeBytes });
  }
  return { removed, freedBytes };
}

/** What the parts of all images take; parts that images share count once. */
export function storedBytes(images: readonly ImageRecord[]): number {
  const parts = new Map(images.flatMap(partsOf));
  return [...parts.values()].reduce((sum, size) => sum + size, 0);
}

/** Layers and their tars, with the sizes. */
function partsOf({ layers, manifest }: ImageRecord): readonly (readonly [string, number])[] {
  return [
    ...(manifest === undefined ? [] : [[`blob ${manifest.digest}`, manifest.size] as const]),
    ...layers.flatMap(({ chainId, sizeBytes, blob }) => [
      [`layer ${chainId}`, sizeBytes] as const,
      ...(blob === undefined ? [] : [[`blob ${blob.digest}`, blob.size] as const]),
    ]),
  ];
}

function countUsers(images: readonly ImageRecord[]): Map<string, number> {
  const users = new Map<string, number>();
  for (const image of images)
    for (const part of new Map(partsOf(image)).keys()) users.set(part, (users.get(part) ?? 0) + 1);
  return users;
}

/** Takes an image's share of its parts away. Returns the bytes of those that were its alone by then. */
function release(users: Map<string, number>, image: ImageRecord): number {
  let bytes = 0;
  for (const [part, size] of new Map(partsOf(image))) {
    const left = (users.get(part) ?? 1) - 1;
    users.set(part, left);
    if (left === 0) bytes += size;
  }
  return bytes;
}
