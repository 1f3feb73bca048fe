/** What is available, in the order in which clients prefer it: by the priorities of groups, then of versions in them. */
import type { DelegatedVersion } from '@timonel/sdk/contracts/api-server';
import type { Registration } from './registration.ts';

export type Known = Pick<Registration, 'service' | 'finding'>;

interface Ranked extends DelegatedVersion {
  readonly groupPriority: number;
  readonly versionPriority: number;
}

function rankedOf({ service, finding }: Known): Ranked[] {
  const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0 } = service.spec ?? {};
  if (finding?.offer === undefined) return [];
  return [{ group, version, ...finding.offer, groupPriority: groupPriorityMinimum, versionPriority }];
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function inOrder(registrations: readonly Known[]): readonly DelegatedVersion[] {
  const ranked = registrations.flatMap(rankedOf);
  // A group counts as much as the version that gives it most.
  const ofGroup = new Map<string, number>();
  for (const { group, groupPriority } of ranked) ofGroup.set(group, Math.max(groupPriority, ofGroup.get(group) ?? 0));
  return ranked
    .toSorted(
      (a, b) =>
        (ofGroup.get(b.group) ?? 0) - (ofGroup.get(a.group) ?? 0) ||
        byText(a.group, b.group) ||
        b.versionPriority - a.versionPriority ||
        byText(a.version, b.version),
    )
    .map(({ group, version, resources, openApiHash }) => ({ group, version, resources, openApiHash }));
}
