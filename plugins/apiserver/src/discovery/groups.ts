/** Discovery as it was before aggregation: APIVersions, APIGroupList, APIGroup, APIResourceList. */
import type { Kind } from '../kinds/kind-table.ts';
import { subresourcesOf, verbsOf } from './verbs.ts';

export const apiVersions: unknown = { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };

const versionPattern = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const stages: Record<string, number> = { alpha: 0, beta: 1 };

/** Kubernetes' order: v2 before v1, v1 before v1beta2, betas before alphas. */
export function byVersionPriority(a: string, b: string): number {
  const [left, right] = [versionPattern.exec(a), versionPattern.exec(b)];
  if (left === null || right === null) return left === right ? (a < b ? -1 : 1) : left === null ? 1 : -1;
  const stage = (match: RegExpExecArray): number => stages[match[2] ?? ''] ?? 2;
  return (
    stage(right) - stage(left) || Number(right[1]) - Number(left[1]) || Number(right[3] ?? 0) - Number(left[3] ?? 0)
  );
}

/** Versions of a group, the preferred one first. */
export function versionsOf(kinds: readonly Kind[], group: string): string[] {
  const versions = new Set(
    kinds.filter(({ definition }) => definition.group === group).map((kind) => kind.definition.version),
  );
  return [...versions].sort(byVersionPriority);
}

export function groupsOf(kinds: readonly Kind[]): string[] {
  return [...new Set(kinds.map(({ definition }) => definition.group))].filter((group) => group !== '');
}

/** `sorted`: the preferred version first. */
export function groupEntry(name: string, sorted: readonly string[]): Record<string, unknown> {
  const versions = sorted.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

/** Versions that others answer for, by group. */
export type FurtherVersions = ReadonlyMap<string, readonly { readonly version: string }[]>;

function entryOf(kinds: readonly Kind[], name: string, further: FurtherVersions): Record<string, unknown> {
  const others = further.get(name) ?? [];
  return groupEntry(name, [...versionsOf(kinds, name), ...others.map(({ version }) => version)]);
}

/** `more`: entries of groups without kinds. */
export function apiGroupList(kinds: readonly Kind[], further: FurtherVersions, more: readonly unknown[]): unknown {
  const groups = groupsOf(kinds).map((name) => entryOf(kinds, name, further));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: [...groups, ...more] };
}

export function apiGroup(kinds: readonly Kind[], name: string, further: FurtherVersions): unknown {
  if (!groupsOf(kinds).includes(name)) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...entryOf(kinds, name, further) };
}

export function resourceList(kinds: readonly Kind[], group: string, version: string): unknown {
  const members = kinds.filter(({ definition }) => definition.group === group && definition.version === version);
  if (members.length === 0 || (group === '' && version !== 'v1')) return undefined;
  const resources = members.flatMap((kind) => {
    const { resource, singular, namespaced, kind: name, shortNames, categories } = kind.definition;
    return [
      {
        name: resource,
        singularName: singular,
        namespaced,
        kind: name,
        verbs: verbsOf(kind),
        ...(shortNames.length > 0 ? { shortNames } : {}),
        ...(categories.length > 0 ? { categories } : {}),
      },
      ...subresourcesOf(kind).map((sub) => ({
        name: `${resource}/${sub.name}`,
        singularName: '',
        namespaced,
        ...(sub.group === group && sub.version === version ? {} : { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      })),
    ];
  });
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources,
  };
}
