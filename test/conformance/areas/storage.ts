import { behaviour, type Line } from './behaviour.ts';

export const storage: readonly Line[] = [
  {
    title: 'storage: ConfigMap volumes',
    behaviours: [
      behaviour(1, 'values as files', /^show the values/),
      behaviour(1, 'default mode', /default mode/),
      behaviour(1, 'not as root', /^are read by a user/),
      behaviour(1, 'chosen keys', /chosen keys alone/),
      behaviour(1, 'modes of files', /single files/),
      behaviour(1, 'chosen keys, not as root', /chosen keys to a user/),
      behaviour(1, 'changes', /follow changes/),
      behaviour(1, 'binary data', /binary/),
      behaviour(1, 'optional ones come, change and go', /optional/),
      behaviour(1, 'several in a pod', /several times/),
    ],
  },
  {
    title: 'storage: Secret volumes',
    behaviours: [
      behaviour(1, 'values as files', /^show the values/),
      behaviour(1, 'default mode', /default mode/),
      behaviour(1, 'not as root, with a mode and fsGroup', /group of the pod/),
      behaviour(1, 'chosen keys', /chosen keys alone/),
      behaviour(1, 'modes of files', /single files/),
      behaviour(1, 'the same name in two namespaces', /namespace/),
      behaviour(1, 'several in a pod', /several times/),
      behaviour(1, 'optional ones come, change and go', /optional/),
    ],
  },
  {
    title: 'storage: downward API volumes',
    behaviours: [
      behaviour(2, 'the name of the pod', /the name of the pod/),
      behaviour(2, 'default mode', /default mode/),
      behaviour(2, 'modes of files', /single files/),
      behaviour(4, 'changes of labels and annotations', /follow the/),
      behaviour(2, 'limit of CPU', /limit of CPU/),
      behaviour(2, 'limit of memory', /limit of memory/),
      behaviour(2, 'request of CPU', /request of CPU/),
      behaviour(2, 'request of memory', /request of memory/),
      behaviour(2, 'CPU of the node without a limit', /CPU has no limit/),
      behaviour(2, 'memory of the node without a limit', /memory has no limit/),
    ],
  },
  {
    title: 'storage: projected volumes',
    behaviours: [
      behaviour(2, 'values as files', /^show the values/),
      behaviour(2, 'default mode', /default mode/),
      behaviour(1, 'a ConfigMap, not as root', /ConfigMap are read by a user/),
      behaviour(1, 'a Secret, not as root, with a mode and fsGroup', /Secret are read by a user/),
      behaviour(2, 'chosen keys', /chosen keys of .* alone/),
      behaviour(2, 'modes of files', /single files/),
      behaviour(1, 'chosen keys of a ConfigMap, not as root', /chosen keys of a ConfigMap to a user/),
      behaviour(1, 'changes of a ConfigMap', /follow changes of a ConfigMap/),
      behaviour(2, 'optional ones come, change and go', /optional/),
      behaviour(2, 'several in a pod', /several times/),
      behaviour(1, 'sources of all kinds together', /together/),
    ],
  },
  {
    title: 'storage: emptyDir',
    behaviours: [
      behaviour(6, 'files of root and others with modes 0644, 0666, 0777', /gives .* on the default medium/),
      behaviour(6, 'the same on tmpfs', /gives .* on tmpfs/),
      behaviour(1, 'the mode on the default medium', /on the default medium may/),
      behaviour(1, 'the mode on tmpfs', /on tmpfs may/),
      behaviour(1, 'shared by containers', /shared/),
      behaviour(1, 'no conflict with other kinds', /conflict/),
      behaviour(1, '50 volumes of ConfigMaps do not race', /race/),
    ],
  },
  {
    title: 'storage: subPath',
    behaviours: [
      behaviour(1, 'of a ConfigMap', /a ConfigMap volume/),
      behaviour(1, 'of a Secret', /a Secret volume/),
      behaviour(1, 'of the downward API', /downward API/),
      behaviour(1, 'of a projected volume', /a projected volume/),
      behaviour(1, 'over a file of the image', /over one of the image/),
    ],
  },
];

export const storageKinds: Line = {
  title: 'storage: kinds of the API',
  behaviours: [
    behaviour(1, 'an immutable ConfigMap', /^ConfigMap that is immutable/),
    behaviour(1, 'an immutable Secret', /^Secret that is immutable/),
    ...['CSIDriver', 'CSINode', 'CSIStorageCapacity', 'StorageClass', 'VolumeAttachment', 'VolumeAttributesClass'].map(
      (kind) => behaviour(1, `${kind}: all verbs`, new RegExp(`^${kind} has all verbs`)),
    ),
    behaviour(1, 'VolumeAttachment: the status', /^VolumeAttachment has a status/),
    behaviour(1, 'an inline CSI volume of a pod', /inline CSI/),
  ],
};

export const claims: readonly Line[] = [
  {
    title: 'storage: PersistentVolumeClaim',
    behaviours: [
      behaviour(1, 'life of a claim and its volume with all verbs', /life|verb/i),
      behaviour(1, 'the status of both', /status/i),
      behaviour(0, 'kept while a pod uses it', /kept/i),
      behaviour(0, 'WaitForFirstConsumer', /waits/i),
      behaviour(0, 'ephemeral volumes', /template/i),
    ],
  },
];
