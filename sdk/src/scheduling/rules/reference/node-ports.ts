import type { Pod } from '../../../kube/index.ts';
import type { ReferenceFilter } from './one-node.ts';

/** `TCP 80 0.0.0.0` for every host port of a pod. */
function portsOf(pod: Pod): [protocolAndPort: string, ip: string][] {
  const ports: [string, string][] = [];
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const port of container.ports ?? []) {
      const number = port.hostPort ?? (pod.spec.hostNetwork ? port.containerPort : 0);
      if (number > 0) ports.push([`${port.protocol ?? 'TCP'} ${number}`, port.hostIP || '0.0.0.0']);
    }
  }
  return ports;
}

export const nodePortsReference: ReferenceFilter = (pod, { pods }) => {
  for (const [port, ip] of portsOf(pod)) {
    for (const [usedPort, usedIp] of pods.flatMap(portsOf)) {
      if (port === usedPort && (ip === usedIp || ip === '0.0.0.0' || usedIp === '0.0.0.0')) {
        return ["node(s) didn't have free ports for the requested pod ports"];
      }
    }
  }
  return [];
};
