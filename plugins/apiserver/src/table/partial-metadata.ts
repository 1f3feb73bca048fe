/** meta/v1 PartialObjectMetadata: an object without everything but its metadata. */
import type { KubeObject } from '@timonel/sdk/kube';

export function partialMetadata(object: KubeObject): unknown {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

export function partialMetadataList(objects: readonly KubeObject[], metadata: unknown): unknown {
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    items: objects.map(partialMetadata),
  };
}
