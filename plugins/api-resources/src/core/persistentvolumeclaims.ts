import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { parseQuantity, type KubeObject } from '@timonel/sdk/kube';
import { child, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import { ageColumn, nameColumn, shown, textAt, unset, wide } from '../table/columns.ts';
import { sameJson } from '../validation/findings.ts';
import type { Part } from '../validation/part.ts';
import { accessModesCell } from './access-modes.ts';
import { alignDataSources, checkClaimSpec, defaultClaimSpec } from './claim-spec.ts';

function defaultClaim(claim: Json): void {
  defaultClaimSpec(child(claim, 'spec'));
  canonicalizeQuantities(child(claim, 'status')?.['capacity']);
}

const requestOf = (spec: Part): number => parseQuantity(spec.below('resources.requests').text('storage')) ?? Number.NaN;

/** The fields that a bound claim may still change are set aside; so is a name or a class that was not known before. */
function fixedPart(spec: Part, old: Part): Json {
  const { resources, volumeAttributesClassName: _class, ...fixed } = (spec.present ? spec.raw : {}) as Json;
  if (!old.has('volumeName')) delete fixed['volumeName'];
  if (old.get('storageClassName') === undefined) delete fixed['storageClassName'];
  const limits = child({ resources }, 'resources')?.['limits'];
  return { ...fixed, limits };
}

function checkUpdate(claim: Part, old: Part): void {
  const [spec, before] = [claim.at('spec'), old.at('spec')];
  if (!sameJson(fixedPart(spec, before), fixedPart(before, before)))
    claim.found.forbidden(
      'spec',
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    );
  if (requestOf(spec) === requestOf(before)) return;
  if (old.at('status').text('phase') !== 'Bound')
    claim.found.forbidden(
      'spec',
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    );
  else if (requestOf(spec) < requestOf(before))
    claim.found.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity');
}

function statusCell(claim: KubeObject): string {
  return claim.metadata.deletionTimestamp === undefined ? textAt(claim, 'status.phase') : 'Terminating';
}

/** What the volume has, as soon as there is one. */
function whenBound(claim: KubeObject, cell: () => string): string {
  return textAt(claim, 'spec.volumeName') === '' ? '' : cell();
}

export const persistentVolumeClaimKind: ResourceDefinition = describedKind({
  group: '',
  kind: 'PersistentVolumeClaim',
  resource: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  status: { phase: 'Pending' },
  default: defaultClaim,
  prepare: (claim) => alignDataSources(child(claim, 'spec')),
  check: (claim) => checkClaimSpec(claim.at('spec')),
  checkUpdate,
  fields: (claim) => ({ name: textAt(claim, 'metadata.name') }),
  columns: [
    nameColumn,
    shown('Status', 'The phase of the claim.', statusCell),
    shown('Volume', 'The volume it is bound to.', (claim) => textAt(claim, 'spec.volumeName')),
    shown('Capacity', 'How much the volume holds.', (claim) =>
      whenBound(claim, () => textAt(claim, 'status.capacity.storage')),
    ),
    shown('Access Modes', 'The ways the volume can be mounted.', (claim) =>
      whenBound(claim, () => accessModesCell(claim, 'status.accessModes')),
    ),
    shown('StorageClass', 'The class it asks for.', (claim) => textAt(claim, 'spec.storageClassName')),
    shown('VolumeAttributesClass', 'The class of attributes it asks for.', (claim) =>
      textAt(claim, 'spec.volumeAttributesClassName', unset),
    ),
    ageColumn,
    wide('VolumeMode', 'Filesystem or Block.', (claim) => textAt(claim, 'spec.volumeMode', unset)),
  ],
});
