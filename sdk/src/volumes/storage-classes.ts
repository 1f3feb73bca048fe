import type { StorageClass } from '../kube/index.ts';

const defaultMarks = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
] as const;

/** Marks a class as the one of claims that name none. */
export const defaultClassMark: string = defaultMarks[0];

export function isDefaultClass({ metadata }: StorageClass): boolean {
  return defaultMarks.some((mark) => metadata.annotations?.[mark] === 'true');
}

function isNewer(a: StorageClass, b: StorageClass): boolean {
  const [atA = '', atB = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  return atA === atB ? (a.metadata.name ?? '') < (b.metadata.name ?? '') : atA > atB;
}

/** The class of claims that name none: of several that are marked the newest, then the first by name. */
export function defaultClassOf(classes: Iterable<StorageClass>): StorageClass | undefined {
  let chosen: StorageClass | undefined;
  for (const candidate of classes) {
    if (isDefaultClass(candidate) && (chosen === undefined || isNewer(candidate, chosen))) chosen = candidate;
  }
  return chosen;
}

/** Whether volumes of the class are chosen, or made, where the first pod goes. */
export function waitsForConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}
