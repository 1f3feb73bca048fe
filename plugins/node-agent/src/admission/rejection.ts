/** Pods that this node cannot run as they are, whatever is tried: they fail at once, as the kubelet refuses them. Pure. */
import type { Pod } from '@timonel/sdk/kube';
import { allContainers } from '../plan/containers.ts';
import { sysctlRejection } from './sysctls.ts';

/** Reason and message of the pod's status. */
export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

export interface NodeAbilities {
  readonly allowedUnsafeSysctls: readonly string[];
  /** The kernel has AppArmor, and it is on. */
  readonly hasAppArmor: boolean;
}

export function rejectionOf(pod: Pod, node: NodeAbilities): Rejection | undefined {
  return osRejection(pod) ?? sysctlRejection(pod, node.allowedUnsafeSysctls) ?? appArmorRejection(pod, node);
}

function osRejection(pod: Pod): Rejection | undefined {
  const label = pod.metadata.labels?.['kubernetes.io/os'] ?? 'linux';
  if (label !== 'linux')
    return {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: `Failed to admit pod as the \`kubernetes.io/os\` label doesn't match node label`,
    };
  const { os, securityContext } = pod.spec;
  const name = os?.name ?? '';
  if (name !== '' && name !== 'linux')
    return {
      reason: 'PodOSNotSupported',
      message: `Failed to admit pod as the OS field doesn't match node OS: ${name}`,
    };
  const contexts = [securityContext, ...allContainers(pod).map((container) => container.securityContext)];
  if (!contexts.some((context) => context?.windowsOptions?.hostProcess === true)) return undefined;
  return { reason: 'PodOSNotSupported', message: 'hostProcess containers are of Windows: this node runs Linux' };
}

function appArmorRejection(pod: Pod, { hasAppArmor }: NodeAbilities): Rejection | undefined {
  if (hasAppArmor) return undefined;
  const ofPod = pod.spec.securityContext?.appArmorProfile;
  const asks = allContainers(pod).some(({ securityContext }) => {
    const type = (securityContext?.appArmorProfile ?? ofPod)?.type ?? 'Unconfined';
    return type !== 'Unconfined';
  });
  if (!asks) return undefined;
  return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
}
