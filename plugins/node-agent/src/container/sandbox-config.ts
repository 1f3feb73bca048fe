/** The runtime's configuration of a pod's sandbox. Pure. */
import type { SandboxConfig, UserNamespace } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { labelKeys, podLabels, sandboxId } from '../plan/identity.ts';
import { sysctlName } from '../admission/sysctls.ts';
import { kernelNameOf } from './hostname.ts';
import type { NodePolicy } from './node-policy.ts';
import { podResources, qosClassOf } from './qos.ts';

export interface SandboxInput {
  readonly pod: Pod;
  readonly attempt: number;
  readonly logDirectory: string;
  readonly nodeName: string;
  readonly clusterDomain: string;
  readonly userNamespace: UserNamespace | undefined;
  readonly policy: NodePolicy;
}

export function sandboxConfig({
  pod,
  attempt,
  logDirectory,
  nodeName,
  clusterDomain,
  userNamespace,
  policy,
}: SandboxInput): SandboxConfig {
  const sysctls: Record<string, string> = {};
  for (const { name, value } of pod.spec.securityContext?.sysctls ?? []) sysctls[sysctlName(name)] = value;
  const firstId = userNamespace === undefined ? {} : { [labelKeys.firstId]: String(userNamespace.firstUid) };
  return {
    id: sandboxId(pod, attempt),
    podUid: pod.metadata.uid ?? '',
    podNamespace: pod.metadata.namespace ?? '',
    podName: pod.metadata.name ?? '',
    hostname: kernelNameOf(pod, nodeName, clusterDomain),
    hostNetwork: pod.spec.hostNetwork === true,
    hostPid: pod.spec.hostPID === true,
    hostIpc: pod.spec.hostIPC === true,
    shareProcessNamespace: pod.spec.shareProcessNamespace === true,
    logDirectory,
    sysctls,
    resources: podResources(pod, policy),
    ...(policy.podMemoryBytes === undefined ? {} : { together: { memoryLimitBytes: policy.podMemoryBytes } }),
    qosClass: qosClassOf(pod),
    ...(userNamespace === undefined ? {} : { userNamespace }),
    labels: { ...podLabels(pod, nodeName), [labelKeys.sandboxAttempt]: String(attempt), ...firstId },
  };
}
