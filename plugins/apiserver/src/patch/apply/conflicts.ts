/** The refusal of an apply that would change what others own. */
import { ApiError } from '@timonel/sdk/kube';
import type { ManagedEntry } from '../../managed-fields/entries.ts';
import { difference, emptySet, membersOf, union, type FieldSet } from '../../managed-fields/field-set.ts';
import { formatPath } from '../../managed-fields/path-element.ts';

export interface Conflict {
  readonly owner: ManagedEntry;
  readonly fields: FieldSet;
}

const causesLimit = 500;

export function allFields(conflicts: readonly Conflict[]): FieldSet {
  return conflicts.reduce<FieldSet>((set, { fields }) => union(set, fields), emptySet);
}

/** The conflicts that are left when some fields may be taken. */
export function conflictsOutside(conflicts: readonly Conflict[], allowed: FieldSet): Conflict[] {
  return conflicts
    .map(({ owner, fields }) => ({ owner, fields: difference(fields, allowed) }))
    .filter(({ fields }) => Object.keys(fields).length > 0);
}

/** `"kubectl" with subresource "status" using apps/v1 at 2026-01-01T00:00:00Z` */
function nameOf({ manager, subresource, operation, apiVersion }: ManagedEntry): string {
  const where = subresource === undefined ? '' : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(manager)}${where}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}

export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const found = conflicts
    .map(({ owner, fields }) => ({ name: nameOf(owner), paths: membersOf(fields).map(formatPath).sort() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const causes = found.flatMap(({ name, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${name}`, field })),
  );
  const [only] = found;
  const text =
    causes.length === 1 && only !== undefined
      ? `1 conflict: conflict with ${only.name}: ${only.paths[0]}`
      : `${causes.length} conflicts: ${found
          .map(({ name, paths }) => [`conflicts with ${name}:`, ...paths.map((path) => `- ${path}`)].join('\n'))
          .join('\n')}`;
  return new ApiError('Conflict', `Apply failed with ${text}`, { causes: causes.slice(0, causesLimit) });
}
