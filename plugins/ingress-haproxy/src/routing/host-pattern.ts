import type { HostPattern } from './model.ts';

const names = /^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const longestName = 253;

/** Whether it is a DNS name, with or without a wildcard as its first label: nothing else may get into a configuration. */
export function isHostName(host: string): boolean {
  return host.length <= longestName && names.test(host);
}

/** `wildcard`: how many labels an asterisk stands for. */
export function hostPattern(host: string, wildcard: 'one-label' | 'many-labels'): HostPattern {
  if (host === '' || host === '*') return { kind: 'any', name: '' };
  const name = host.toLowerCase();
  return name.startsWith('*.') ? { kind: wildcard, name: name.slice(2) } : { kind: 'exact', name };
}

/** Whether every host that `inner` stands for is one of `outer`, which is another. */
export function covers(outer: HostPattern, inner: HostPattern): boolean {
  if (outer.kind === 'any') return inner.kind !== 'any';
  if (outer.kind === 'exact' || inner.kind === 'any') return false;
  const { name } = inner;
  if (name === outer.name) return inner.kind === 'one-label' && outer.kind === 'many-labels';
  if (!name.endsWith(`.${outer.name}`)) return false;
  if (outer.kind === 'many-labels') return true;
  return inner.kind === 'exact' && !name.slice(0, -outer.name.length - 1).includes('.');
}

const ranks: Readonly<Record<HostPattern['kind'], number>> = { exact: 0, 'one-label': 1, 'many-labels': 2, any: 3 };

/** The more special first. */
export function compareHosts(a: HostPattern, b: HostPattern): number {
  if ((a.kind === 'exact') !== (b.kind === 'exact') || (a.kind === 'any') !== (b.kind === 'any')) {
    return ranks[a.kind] - ranks[b.kind];
  }
  return (
    b.name.length - a.name.length || ranks[a.kind] - ranks[b.kind] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  );
}

export function hostKey({ kind, name }: HostPattern): string {
  return `${kind}:${name}`;
}
