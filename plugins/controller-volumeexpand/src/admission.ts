/** Claims may only grow where the class lets volumes grow. */
import type { AdmissionContext, AdmissionObject, AdmissionRefusal } from '@timonel/sdk/contracts/api-server';
import { refuse } from '@timonel/sdk/contracts/api-server';
import { ApiError, type PersistentVolumeClaim, type StorageClass } from '@timonel/sdk/kube';
import { claimSize, classNameOf } from '@timonel/sdk/volumes';

/** The class that decides about the request; undefined: nothing is to be decided. */
export function growingClaim(object: AdmissionObject, context: AdmissionContext): PersistentVolumeClaim | undefined {
  const { operation, group, resource, subresource, oldObject } = context;
  if (operation !== 'UPDATE' || group !== '' || resource !== 'persistentvolumeclaims' || subresource !== '')
    return undefined;
  const claim: PersistentVolumeClaim = object;
  const old = oldObject;
  return old !== undefined && claimSize(claim) > claimSize(old) ? claim : undefined;
}

export function growthRefusal(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass | undefined,
): readonly AdmissionRefusal[] | undefined {
  if (classNameOf(claim) !== '' && storageClass?.allowVolumeExpansion === true) return undefined;
  const { name = '' } = claim.metadata;
  const why =
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
  const details = { name, kind: 'persistentvolumeclaims' };
  return [refuse(new ApiError('Forbidden', `persistentvolumeclaims "${name}" is forbidden: ${why}`, details))];
}
