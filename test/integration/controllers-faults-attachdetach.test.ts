/** Attachments of volumes under faults: none is made twice, none stays, and none goes while a pod needs it. */
import attachDetachController from '@timonel/plugin-controller-attachdetach';
import persistentVolumeController from '@timonel/plugin-controller-persistentvolume';
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
  type VolumeAttachment,
} from '@timonel/sdk/kube';
import { attachmentName } from '@timonel/sdk/volumes';
import { describeFaults } from '../support/controller-faults.ts';

const driver = 'csi.example.com';

describeFaults({
  name: 'controller-attachdetach',
  controllers: [attachDetachController],
  healthy: [persistentVolumeController],
  nodes: 2,
  scheduler: false,
  crashes: 6,
  counted: [volumeAttachments],
  faultless: { volumeattachments: { made: 2, deleted: 2 } },
  belongs: (object, namespace) =>
    (object as VolumeAttachment).spec?.source.persistentVolumeName?.startsWith(namespace) === true,
  /** A pod goes from one node to another with its volume. */
  async life(life) {
    const { api, namespace, reached, rests } = life;
    const spec = { accessModes: ['ReadWriteOnce'], storageClassName: namespace };
    const csi = { driver, volumeHandle: namespace };
    await api.create(persistentVolumes, {
      metadata: { name: namespace },
      spec: { ...spec, capacity: { storage: '1Gi' }, csi },
    });
    await api.create(persistentVolumeClaims, {
      metadata: { namespace, name: 'data' },
      spec: { ...spec, resources: { requests: { storage: '1Gi' } } },
    });
    await reached('the claim to be bound', async () => {
      return (await api.get(persistentVolumeClaims, { namespace, name: 'data' })).status?.phase === 'Bound';
    });
    const attachment = (node: string): Promise<VolumeAttachment> =>
      api.get(volumeAttachments, { name: attachmentName(namespace, driver, node) });
    for (const node of ['node-0', 'node-1']) {
      await api.create(pods, {
        metadata: { namespace, name: node },
        spec: {
          nodeName: node,
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'c', image: 'i' }],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        },
      });
      await reached(`the attachment to ${node}`, async () => (await attachment(node)) !== undefined);
      await api.updateStatus(volumeAttachments, { ...(await attachment(node)), status: { attached: true } });
      await rests();
      await api.delete(pods, { namespace, name: node }, { gracePeriodSeconds: 0 });
      await reached(`the end of the attachment to ${node}`, async () => {
        const { items } = await api.list(volumeAttachments, {});
        return items.every(({ spec: own }) => own?.source.persistentVolumeName !== namespace);
      });
    }
    await api.delete(persistentVolumeClaims, { namespace, name: 'data' });
    await api.delete(persistentVolumes, { name: namespace });
  },
});
