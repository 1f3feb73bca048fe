/** Aggregated discovery (apidiscovery.k8s.io APIGroupDiscoveryList): everything in one answer. */
import type { Kind } from '../kinds/kind-table.ts';
import { groupsOf, versionsOf } from './groups.ts';
import { aggregatedVersion, type RoutedVersions } from './routed.ts';
import { subresourcesOf, verbsOf } from './verbs.ts';

function resourceEntry(kind: Kind): unknown {
  const { group, version, kind: name, resource, singular, namespaced, shortNames, categories } = kind.definition;
  const subresources = subresourcesOf(kind).map((sub) => ({
    subresource: sub.name,
    responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
    verbs: sub.verbs,
  }));
  return {
    resource,
    responseKind: { group, version, kind: name },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: verbsOf(kind),
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

export interface OfOthers {
  /** Versions in groups of the kinds. */
  readonly within: RoutedVersions;
  /** Items of other groups. */
  readonly besides: readonly unknown[];
}

/** `others`: the answer of /apis; without them: of /api. */
export function aggregatedGroups(kinds: readonly Kind[], version: string, others: OfOthers | undefined): unknown {
  const groups = others === undefined ? [''] : groupsOf(kinds);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: [
      ...groups.map((group) => ({
        metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
        versions: [
          ...versionsOf(kinds, group).map((groupVersion) => ({
            version: groupVersion,
            freshness: 'Current',
            resources: kinds
              .filter(({ definition }) => definition.group === group && definition.version === groupVersion)
              .map(resourceEntry),
          })),
          ...(others?.within.get(group) ?? []).map(aggregatedVersion),
        ],
      })),
      ...(others?.besides ?? []),
    ],
  };
}
