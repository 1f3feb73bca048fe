/** Keys that those who work on claims and volumes tell each other things by. Source: Kubernetes, "Well-Known Labels, Annotations and Taints". */

/** Of a claim: its volume is chosen and agrees. */
export const bindCompleted = 'pv.kubernetes.io/bind-completed';
/** Of a claim or a volume: the binder chose, not a person. */
export const boundByController = 'pv.kubernetes.io/bound-by-controller';
/** Of a volume: who made it, and who is to remove it. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by';
/** Of a claim: who is to make a volume for it. */
export const storageProvisioner = 'volume.kubernetes.io/storage-provisioner';
export const betaStorageProvisioner = 'volume.beta.kubernetes.io/storage-provisioner';
/** Of a claim: who is to make its volume larger. */
export const storageResizer = 'volume.kubernetes.io/storage-resizer';
/** Of a claim that waits for its consumer: the node where its volume is to be made. */
export const selectedNode = 'volume.kubernetes.io/selected-node';
/** The class of a claim or volume, before there was a field for it. */
export const betaStorageClass = 'volume.beta.kubernetes.io/storage-class';

/** In place of a provisioner: volumes of the class are made by people. */
export const noProvisioner = 'kubernetes.io/no-provisioner';

/** Keeps a claim as long as pods use it. */
export const claimProtection = 'kubernetes.io/pvc-protection';
/** Keeps a volume as long as it is bound. */
export const volumeProtection = 'kubernetes.io/pv-protection';
