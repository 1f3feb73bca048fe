import type { SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { labels, storedAnnotation } from './identity.ts';

/** Modes of the CRI's namespaces. */
export const namespaceModes = { pod: 0, container: 1, node: 2, target: 3 } as const;

export interface SandboxPlace {
  readonly instance: string;
  /** Group of the pod, from the root of the hierarchies: `/a/b`. */
  readonly cgroup: string;
  readonly unprivilegedPorts: boolean;
}

export function namespacesOf(sandbox: SandboxConfig): { network: number; pid: number; ipc: number } {
  const { hostNetwork, hostPid, hostIpc, shareProcessNamespace } = sandbox;
  const { pod, container, node } = namespaceModes;
  return {
    network: hostNetwork ? node : pod,
    pid: hostPid ? node : shareProcessNamespace ? pod : container,
    ipc: hostIpc ? node : pod,
  };
}

/** Pure: containerd wants it again with each container of the sandbox. */
export function sandboxRequest(config: SandboxConfig, place: SandboxPlace): object {
  const openPorts = place.unprivilegedPorts && !config.hostNetwork;
  return {
    // containerd takes no second sandbox of the same name, uid and attempt: our id as its uid makes that hold for ids.
    metadata: { name: config.podName, uid: config.id, namespace: config.podNamespace, attempt: 0 },
    hostname: config.hostNetwork ? '' : config.hostname,
    logDirectory: config.logDirectory,
    labels: { [labels.instance]: place.instance, [labels.id]: config.id },
    annotations: { [storedAnnotation]: JSON.stringify(config) },
    linux: {
      cgroupParent: place.cgroup,
      sysctls: { ...(openPorts ? { 'net.ipv4.ip_unprivileged_port_start': '0' } : {}), ...config.sysctls },
      securityContext: {
        namespaceOptions: namespacesOf(config),
        // Whether one of its containers will be privileged is not known yet. It says nothing about the sandbox's own process.
        privileged: true,
        readonlyRootfs: true,
        seccomp: { profileType: 0 },
      },
    },
  };
}

export function storedSandbox(annotations: Readonly<Record<string, string>>): SandboxConfig | undefined {
  return parsed(annotations) as SandboxConfig | undefined;
}

/** Undefined: not ours, or spoilt. */
export function parsed(annotations: Readonly<Record<string, string>>): unknown {
  try {
    return JSON.parse(annotations[storedAnnotation] ?? '');
  } catch {
    return undefined;
  }
}
