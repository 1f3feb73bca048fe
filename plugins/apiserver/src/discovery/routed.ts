/** Groups that plugins serve by routes of their own, in the forms of discovery. */
import type { Many, OptionalRef } from '@timonel/sdk';
import type {
  ApiDelegate,
  DelegatedVersion,
  RoutedGroup,
  RoutedGroups,
  RoutedResource,
} from '@timonel/sdk/contracts/api-server';
import type { Kind } from '../kinds/kind-table.ts';
import { byVersionPriority, groupEntry, groupsOf } from './groups.ts';

/** By the name of the group; the preferred version first. */
export type RoutedVersions = ReadonlyMap<string, readonly RoutedGroup[]>;

const none: readonly DelegatedVersion[] = [];

/** What the plugins say at the moment, and the servers that they hand requests over to. */
export class RoutedTable {
  readonly #providers: Many<RoutedGroups>;
  readonly #delegate: OptionalRef<ApiDelegate>;
  #seen: readonly (readonly RoutedGroup[])[] = [];
  #delegated: readonly DelegatedVersion[] = none;
  #generation = 0;

  constructor(providers: Many<RoutedGroups>, delegate: OptionalRef<ApiDelegate>) {
    this.#providers = providers;
    this.#delegate = delegate;
  }

  /** Whether a plugin of this process answers for it. */
  has(group: string, version: string): boolean {
    const lists = this.#providers.all().map(({ service }) => service.groups());
    return lists.some((list) => list.some((one) => one.group === group && one.version === version));
  }

  /** Grows with every change. */
  get generation(): number {
    const lists = this.#providers.all().map(({ service }) => service.groups());
    const delegated = this.#delegate.current?.available() ?? none;
    const isSame =
      delegated === this.#delegated &&
      lists.length === this.#seen.length &&
      lists.every((list, index) => list === this.#seen[index]);
    if (!isSame) {
      this.#seen = lists;
      this.#delegated = delegated;
      this.#generation += 1;
    }
    return this.#generation;
  }

  /** Groups of these kinds are left out. */
  besides(kinds: readonly Kind[]): RoutedVersions {
    const taken = new Set(groupsOf(kinds));
    const versions = new Map<string, RoutedGroup[]>();
    for (const one of this.#seen.flat()) {
      if (taken.has(one.group)) continue;
      const others = (versions.get(one.group) ?? []).filter(({ version }) => version !== one.version);
      versions.set(
        one.group,
        [...others, one].sort((a, b) => byVersionPriority(a.version, b.version)),
      );
    }
    for (const one of this.delegated(kinds)) {
      if (taken.has(one.group)) continue;
      const others = versions.get(one.group) ?? [];
      if (others.every(({ version }) => version !== one.version)) versions.set(one.group, [...others, one]);
    }
    return versions;
  }

  /** Versions of other servers in groups of these kinds. */
  within(kinds: readonly Kind[]): RoutedVersions {
    const groups = new Set(groupsOf(kinds));
    const versions = new Map<string, RoutedGroup[]>();
    for (const one of this.delegated(kinds))
      if (groups.has(one.group)) versions.set(one.group, [...(versions.get(one.group) ?? []), one]);
    return versions;
  }

  /** What other servers answer for, without the versions of these kinds. */
  delegated(kinds: readonly Kind[]): readonly DelegatedVersion[] {
    if (this.#delegated.length === 0) return none;
    const taken = new Set(kinds.map(({ apiVersion }) => apiVersion));
    return this.#delegated.filter(({ group, version }) => !taken.has(`${group}/${version}`));
  }
}

const entryOf = (name: string, versions: readonly RoutedGroup[]): Record<string, unknown> =>
  groupEntry(
    name,
    versions.map(({ version }) => version),
  );

export function routedGroupEntries(routed: RoutedVersions): Record<string, unknown>[] {
  return [...routed].map(([name, versions]) => entryOf(name, versions));
}

export function routedGroup(routed: RoutedVersions, name: string): unknown {
  const versions = routed.get(name);
  return versions === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...entryOf(name, versions) };
}

export function routedResourceList(routed: RoutedVersions, group: string, version: string): unknown {
  const found = routed.get(group)?.find((one) => one.version === version);
  if (found === undefined) return undefined;
  const resources = found.resources.map((resource) => ({ singularName: '', ...resource }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/${version}`, resources };
}

/** What hangs on a resource is under it, even if that is not served itself. */
function aggregatedResources({ group, version, resources }: RoutedGroup): unknown[] {
  const parents = new Map<string, RoutedResource[]>();
  for (const resource of resources) {
    const [parent = ''] = resource.name.split('/');
    parents.set(parent, [...(parents.get(parent) ?? []), resource]);
  }
  return [...parents].map(([name, members]) => {
    const own = members.find((member) => member.name === name);
    const kindOf = (one: RoutedResource): unknown => ({
      group: one.group ?? group,
      version: one.version ?? version,
      kind: one.kind,
    });
    const subresources = members
      .filter((member) => member !== own)
      .map((member) => ({
        subresource: member.name.slice(name.length + 1),
        responseKind: kindOf(member),
        verbs: member.verbs,
      }));
    return {
      resource: name,
      responseKind: own === undefined ? { group: '', version: '', kind: '' } : kindOf(own),
      scope: members[0]?.namespaced === true ? 'Namespaced' : 'Cluster',
      singularResource: own?.singularName ?? '',
      verbs: own?.verbs ?? [],
      ...(own?.shortNames === undefined ? {} : { shortNames: own.shortNames }),
      ...(own?.categories === undefined ? {} : { categories: own.categories }),
      ...(subresources.length > 0 ? { subresources } : {}),
    };
  });
}

export function aggregatedVersion(one: RoutedGroup): unknown {
  return { version: one.version, freshness: 'Current', resources: aggregatedResources(one) };
}

export function aggregatedRouted(routed: RoutedVersions): unknown[] {
  return [...routed].map(([name, versions]) => ({
    metadata: { name, creationTimestamp: null },
    versions: versions.map(aggregatedVersion),
  }));
}
