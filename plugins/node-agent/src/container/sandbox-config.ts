/** The runtime's configuration of a pod's sandbox. Pure. */
import type { SandboxConfig } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { labelKeys, podLabels, sandboxId } from '../plan/identity.ts';
import { podResources, qosClassOf } from './qos.ts';

const hostnameLimit = 63;

/** spec.hostname or the pod's name, cut to what the kernel takes. */
export function hostnameOf(pod: Pod, nodeName: string): string {
  if (pod.spec.hostNetwork === true) return nodeName;
  const wanted = pod.spec.hostname ?? pod.metadata.name ?? '';
  return wanted.slice(0, hostnameLimit).replace(/[-.]+$/, '');
}

export function sandboxConfig(pod: Pod, attempt: number, logDirectory: string, nodeName: string): SandboxConfig {
  const sysctls: Record<string, string> = {};
  for (const { name, value } of pod.spec.securityContext?.sysctls ?? []) sysctls[name] = value;
  return {
    id: sandboxId(pod, attempt),
    podUid: pod.metadata.uid ?? '',
    podNamespace: pod.metadata.namespace ?? '',
    podName: pod.metadata.name ?? '',
    hostname: hostnameOf(pod, nodeName),
    hostNetwork: pod.spec.hostNetwork === true,
    hostPid: pod.spec.hostPID === true,
    hostIpc: pod.spec.hostIPC === true,
    shareProcessNamespace: pod.spec.shareProcessNamespace === true,
    logDirectory,
    sysctls,
    resources: podResources(pod),
    qosClass: qosClassOf(pod),
    labels: { ...podLabels(pod, nodeName), [labelKeys.sandboxAttempt]: String(attempt) },
  };
}
