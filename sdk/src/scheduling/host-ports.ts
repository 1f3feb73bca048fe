/** Ports of the node that pods take for themselves. Pure. */
import type { HostPort } from '../contracts/scheduler/index.ts';
import type { PodSpec } from '../kube/index.ts';

const anyAddress = '0.0.0.0';

export function hostPortsOf({ containers, initContainers = [], hostNetwork }: PodSpec): HostPort[] {
  const holders = [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')];
  return holders.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol, containerPort }) => {
      const port = hostPort ?? (hostNetwork === true ? containerPort : 0);
      return port > 0 ? [{ ip: hostIP || anyAddress, protocol: protocol ?? 'TCP', port }] : [];
    }),
  );
}

export function portsCollide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === anyAddress || b.ip === anyAddress;
}
