/** The names under which the server can be reached. */
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

const clusterNames = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'localhost',
];

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** Names and addresses for the certificate. */
export function subjectNames(address: string, extra: readonly string[]): string[] {
  const host = hostname().toLowerCase();
  const names = new Set([...clusterNames, '127.0.0.1', '::1', ...extra]);
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(host)) names.add(host);
  if (!isAny(address)) names.add(address);
  else {
    for (const list of Object.values(networkInterfaces())) {
      for (const { address: own, scopeid } of list ?? []) if (!scopeid) names.add(own);
    }
  }
  return [...names].filter((name) => isIP(name) !== 0 || name.length <= 253);
}

/** The address that a client on this machine uses. */
export function clientAddress(address: string): string {
  const reachable = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return isIP(reachable) === 6 ? `[${reachable}]` : reachable;
}
