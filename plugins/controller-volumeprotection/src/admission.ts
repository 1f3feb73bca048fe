/** New claims and volumes are protected from their first moment on. The controller protects those that were there before. */
import type { AdmissionContext, AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { claimProtection, volumeProtection } from '@timonel/sdk/volumes';

function finalizerOf({ group, resource, operation, subresource }: AdmissionContext): string | undefined {
  if (operation !== 'CREATE' || group !== '' || subresource !== '') return undefined;
  if (resource === 'persistentvolumeclaims') return claimProtection;
  return resource === 'persistentvolumes' ? volumeProtection : undefined;
}

export function protectNew(object: AdmissionObject, context: AdmissionContext): AdmissionObject | undefined {
  const finalizer = finalizerOf(context);
  const { metadata } = object;
  if (finalizer === undefined || metadata.finalizers?.includes(finalizer) === true) return undefined;
  return { ...object, metadata: { ...metadata, finalizers: [...(metadata.finalizers ?? []), finalizer] } };
}
