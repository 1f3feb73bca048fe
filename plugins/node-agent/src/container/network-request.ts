/** What a pod asks of the pod network. Pure. */
import type { AttachRequest, Bandwidth, HostPort } from '@timonel/sdk/contracts/network';
import { wholeQuantity, type Pod } from '@timonel/sdk/kube';
import { ConfigError } from './config-error.ts';

/** @throws ConfigError when an annotation is no bandwidth */
export function networkRequest(pod: Pod, sandboxId: string, networkNamespace: string | undefined): AttachRequest {
  const { uid = '', name = '', namespace = '' } = pod.metadata;
  const hostPorts = hostPortsOf(pod);
  const bandwidth = bandwidthOf(pod);
  return {
    sandboxId,
    podUid: uid,
    podNamespace: namespace,
    podName: name,
    networkNamespace,
    ...(hostPorts.length === 0 ? {} : { hostPorts }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
  };
}

function hostPortsOf({ spec }: Pod): HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...sidecars, ...spec.containers].flatMap((container) => container.ports ?? []);
  return ports.flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP = '' }) => {
    if (hostPort === undefined || hostPort === 0) return [];
    return [{ protocol: protocol as HostPort['protocol'], hostIP, hostPort, containerPort }];
  });
}

function bandwidthOf({ metadata }: Pod): Bandwidth | undefined {
  const found: { ingress?: number; egress?: number } = {};
  for (const way of ['ingress', 'egress'] as const) {
    const key = `kubernetes.io/${way}-bandwidth`;
    const text = metadata.annotations?.[key];
    if (text === undefined) continue;
    const bits = wholeQuantity(text);
    // Source: Kubernetes refuses what is outside of these.
    if (bits === undefined || bits < 1e3 || bits > 1e15) {
      const shown = JSON.stringify(text.slice(0, 64));
      throw new ConfigError(`the annotation ${key} is ${shown}, not a number of bits per second from 1k to 1P`);
    }
    found[way] = bits;
  }
  return Object.keys(found).length === 0 ? undefined : found;
}
