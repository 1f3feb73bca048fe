import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readNumber } from './files.ts';
import { has, type Setting } from './settings.ts';

const suffixes: Readonly<Record<string, string>> = { Ki: 'KB', Mi: 'MB', Gi: 'GB' };

/** Where the limits of huge pages are kept: `limit_in_bytes` on v1, `max` on v2. */
export interface HugePageGroup {
  readonly directory: string;
  readonly limitName: 'limit_in_bytes' | 'max';
}

/** Whether these limits need a group: some pages are granted, or there are some that are to be denied. */
export function needsHugePages(limits: Readonly<Record<string, number>> | undefined): boolean {
  if (limits === undefined) return false;
  return Object.values(limits).some((bytes) => bytes > 0) || nodeHasHugePages();
}

/** Sizes that are not named get none. @throws Error when a size is not one of this node's */
export function hugePageSettings(group: HugePageGroup, limits: Readonly<Record<string, number>>): Setting[] {
  const wanted = new Map<string, number>();
  for (const [size, bytes] of Object.entries(limits)) {
    const name = kernelName(size);
    if (name !== undefined && has(fileOf(group, name))) wanted.set(name, bytes);
    else if (bytes > 0) throw new Error(`this node has no huge pages of ${size}: ask for a size that it has`);
  }
  return sizesOf(group).flatMap((name): Setting[] => {
    const value = String(wanted.get(name) ?? 0);
    const reserved = join(group.directory, `hugetlb.${name}.rsvd.${group.limitName}`);
    return [{ file: fileOf(group, name), value }, ...(has(reserved) ? [{ file: reserved, value }] : [])];
  });
}

function fileOf({ directory, limitName }: HugePageGroup, name: string): string {
  return join(directory, `hugetlb.${name}.${limitName}`);
}

function sizesOf({ directory, limitName }: HugePageGroup): string[] {
  const pattern = new RegExp(`^hugetlb\\.(\\d+[KMG]B)\\.${limitName}$`);
  return readdirSync(directory).flatMap((file) => pattern.exec(file)?.[1] ?? []);
}

/** `2Mi` is `2MB` to the kernel. */
function kernelName(size: string): string | undefined {
  const [, digits, unit = ''] = /^(\d+)([KMG]i)$/.exec(size) ?? [];
  const suffix = suffixes[unit];
  return digits === undefined || suffix === undefined ? undefined : `${digits}${suffix}`;
}

const pools = '/sys/kernel/mm/hugepages';

function nodeHasHugePages(): boolean {
  if (!has(pools)) return false;
  return readdirSync(pools).some((pool) =>
    ['nr_hugepages', 'nr_overcommit_hugepages'].some((name) => readNumber(join(pools, pool, name)) > 0),
  );
}
