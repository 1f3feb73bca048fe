/** At most ten entries of updates: the oldest are merged, one for each version. */
import type { ManagedEntry } from './entries.ts';
import { union } from './field-set.ts';
import { shared } from './shared-sets.ts';

const updatersLimit = 10;
const bucketName = 'ancient-changes';

function oldestFirst(a: ManagedEntry, b: ManagedEntry): number {
  const [left, right] = [a.time ?? '', b.time ?? ''];
  if (left !== right) return left < right ? -1 : 1;
  return a.manager < b.manager ? -1 : 1;
}

function isBucket(entry: ManagedEntry, apiVersion: string): boolean {
  return (
    entry.manager === bucketName &&
    entry.operation === 'Update' &&
    entry.apiVersion === apiVersion &&
    entry.subresource === undefined
  );
}

function merged(older: ManagedEntry, newer: ManagedEntry): ManagedEntry {
  const { apiVersion, time, fieldsType } = newer;
  return {
    manager: bucketName,
    operation: 'Update',
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType,
    fieldsV1: shared(union(older.fieldsV1, newer.fieldsV1)),
  };
}

export function cappedEntries(entries: readonly ManagedEntry[]): readonly ManagedEntry[] {
  const updaters = entries.filter(({ operation }) => operation === 'Update');
  if (updaters.length <= updatersLimit) return entries;
  let kept: ManagedEntry[] = [...entries];
  let count = updaters.length;
  const oldest = new Map<string, ManagedEntry>();
  for (const entry of updaters.toSorted(oldestFirst)) {
    if (count <= updatersLimit) break;
    const first = oldest.get(entry.apiVersion);
    if (first === undefined) {
      oldest.set(entry.apiVersion, entry);
      continue;
    }
    // A bucket that is there already takes them in, whatever its age.
    const bucket = kept.find((other) => isBucket(other, entry.apiVersion) && other !== entry && other !== first);
    const together = merged(bucket === undefined ? first : merged(first, bucket), entry);
    const gone = new Set([first, entry, bucket]);
    count -= bucket === undefined ? 1 : 2;
    kept = [...kept.filter((other) => !gone.has(other)), together];
    oldest.set(entry.apiVersion, together);
  }
  return kept;
}
