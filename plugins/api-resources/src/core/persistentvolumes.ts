import type { Clock } from '@timonel/sdk';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems, type KubeObject } from '@timonel/sdk/kube';
import { child, fill, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import { ageColumn, nameColumn, shown, textAt, unset, wide } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';
import { accessModesCell, checkAccessModes } from './access-modes.ts';

/** Fields of the spec that choose what the volume is made of. */
const sources = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'glusterfs',
  'hostPath',
  'iscsi',
  'local',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
];
const required: Readonly<Record<string, readonly string[]>> = {
  hostPath: ['path'],
  local: ['path'],
  nfs: ['server', 'path'],
  csi: ['driver', 'volumeHandle'],
  iscsi: ['targetPortal', 'iqn'],
  cephfs: ['monitors'],
  azureFile: ['secretName', 'shareName'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  cinder: ['volumeID'],
  vsphereVolume: ['volumePath'],
};
const sourceDefaults: Readonly<Record<string, Json>> = {
  hostPath: { type: '' },
  iscsi: { iscsiInterface: 'default' },
  rbd: { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' },
  azureDisk: { cachingMode: 'ReadWrite', kind: 'Shared', fsType: 'ext4', readOnly: false },
  scaleIO: { storageMode: 'ThinProvisioned', fsType: 'xfs' },
};

function defaultVolume(volume: Json): void {
  const spec = child(volume, 'spec');
  fill(spec, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
  canonicalizeQuantities(spec?.['capacity']);
  for (const [source, values] of Object.entries(sourceDefaults)) fill(child(spec, source), values);
}

function checkCapacity(spec: Part): void {
  const capacity = spec.map('capacity');
  const names = capacity.entries().map(([name]) => name);
  if (names.length === 0) spec.missing('capacity');
  else if (names.length > 1 || names[0] !== 'storage')
    spec.found.notSupported(capacity.path, capacity.raw, ['storage']);
  capacity.quantity('storage', 'positive');
}

function checkSource(spec: Part): void {
  const given = sources.filter((source) => spec.at(source).present);
  if (given.length === 0) spec.missing('volumeType', 'must specify a volume type');
  for (const source of given.slice(1))
    spec.found.forbidden(spec.pathOf(source), 'may not specify more than 1 volume type');
  for (const source of given) spec.at(source).require(...(required[source] ?? []));
  if (given.includes('local') && !spec.at('nodeAffinity').at('required').present)
    spec.missing('nodeAffinity', 'Local volume requires node affinity');
  if (spec.text('persistentVolumeReclaimPolicy') === 'Recycle' && spec.at('hostPath').text('path') === '/')
    spec.found.forbidden(
      spec.pathOf('persistentVolumeReclaimPolicy'),
      "may not be 'recycle' for a hostPath mount of '/'",
    );
}

function check(volume: Part): void {
  const spec = volume.at('spec');
  checkAccessModes(spec);
  checkCapacity(spec);
  checkSource(spec);
  spec.oneOf('persistentVolumeReclaimPolicy', ['Delete', 'Recycle', 'Retain'], 'optional');
  spec.oneOf('volumeMode', ['Block', 'Filesystem'], 'optional');
  spec.named('storageClassName', dnsSubdomainProblems);
}

function checkUpdate(volume: Part, old: Part): void {
  const [spec, before] = [volume.at('spec'), old.at('spec')];
  for (const source of sources) {
    if (JSON.stringify(spec.get(source)) === JSON.stringify(before.get(source))) continue;
    volume.found.forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation');
    break;
  }
  spec.unchanged(before, 'volumeMode');
  if (before.at('nodeAffinity').present) spec.unchanged(before, 'nodeAffinity');
}

function claimCell(volume: KubeObject): string {
  const name = textAt(volume, 'spec.claimRef.name');
  return name === '' ? '' : `${textAt(volume, 'spec.claimRef.namespace')}/${name}`;
}

function statusCell(volume: KubeObject): string {
  return volume.metadata.deletionTimestamp === undefined ? textAt(volume, 'status.phase') : 'Terminating';
}

export function persistentVolumeKind(clock: Clock): ResourceDefinition {
  return describedKind({
    group: '',
    kind: 'PersistentVolume',
    resource: 'persistentvolumes',
    namespaced: false,
    shortNames: ['pv'],
    status: { phase: 'Pending' },
    statusMetadata: true,
    default: defaultVolume,
    prepare: (volume) => fill(child(volume, 'status'), { lastPhaseTransitionTime: clock.timestamp() }),
    check,
    checkUpdate,
    fields: (volume) => ({ name: textAt(volume, 'metadata.name') }),
    columns: [
      nameColumn,
      shown('Capacity', 'How much it holds.', (volume) => textAt(volume, 'spec.capacity.storage')),
      shown('Access Modes', 'The ways it can be mounted.', (volume) => accessModesCell(volume, 'spec.accessModes')),
      shown('Reclaim Policy', 'What becomes of it when its claim goes.', (volume) =>
        textAt(volume, 'spec.persistentVolumeReclaimPolicy'),
      ),
      shown('Status', 'The phase of the volume.', statusCell),
      shown('Claim', 'The claim it is bound to.', claimCell),
      shown('StorageClass', 'The class it belongs to.', (volume) => textAt(volume, 'spec.storageClassName')),
      shown('VolumeAttributesClass', 'The class of its attributes.', (volume) =>
        textAt(volume, 'spec.volumeAttributesClassName', unset),
      ),
      shown('Reason', 'Why it is in this phase.', (volume) => textAt(volume, 'status.reason')),
      ageColumn,
      wide('VolumeMode', 'Filesystem or Block.', (volume) => textAt(volume, 'spec.volumeMode', unset)),
    ],
  });
}
