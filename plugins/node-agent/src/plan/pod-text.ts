import type { Pod } from '@timonel/sdk/kube';

/** As the kubelet names a pod in messages. */
export function podText({ metadata }: Pod): string {
  return `${metadata.name ?? ''}_${metadata.namespace ?? ''}(${metadata.uid ?? ''})`;
}
