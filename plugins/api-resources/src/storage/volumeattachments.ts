import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems } from '@timonel/sdk/kube';
import { describedKind } from '../described-kind.ts';
import { ageColumn, column, nameColumn, shown, showing, textAt, valueAt } from '../table/columns.ts';
import { driverProblems } from './storageclasses.ts';

export const volumeAttachmentKind: ResourceDefinition = describedKind({
  group: 'storage.k8s.io',
  kind: 'VolumeAttachment',
  resource: 'volumeattachments',
  namespaced: false,
  status: { attached: false },
  check(attachment) {
    const spec = attachment.at('spec');
    spec.named('attacher', driverProblems, 'required');
    spec.named('nodeName', dnsSubdomainProblems, 'required');
    const source = spec.at('source');
    const [byName, inline] = [source.has('persistentVolumeName'), source.at('inlineVolumeSpec').present];
    if (!byName && !inline)
      source.found.required(source.path, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
    if (byName && inline)
      source.found.forbidden(source.path, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
  },
  immutable: ['spec'],
  columns: [
    nameColumn,
    shown('Attacher', 'The driver that attaches.', (attachment) => textAt(attachment, 'spec.attacher')),
    shown('PV', 'The volume.', (attachment) => textAt(attachment, 'spec.source.persistentVolumeName')),
    shown('Node', 'Where to.', (attachment) => textAt(attachment, 'spec.nodeName')),
    showing(
      column('Attached', 'Whether it is done.', 'boolean'),
      (attachment) => valueAt(attachment, 'status.attached') === true,
    ),
    ageColumn,
  ],
});
