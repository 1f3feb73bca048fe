/** Which kernel parameters a pod may set: those that touch nobody else, and those that the node's configuration adds. Pure. */
import type { Pod } from '@timonel/sdk/kube';
import type { Rejection } from './rejection.ts';

/** Kept to the pod by the kernel's namespaces, and without a cost for others. */
const safe: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

/** No part of a name is empty or `..`. */
const wellFormed = /^[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?(?:[./][a-z0-9](?:[-_a-z0-9]*[a-z0-9])?)*$/;
const ipcNames = /^(?:kernel\.(?:sem|shm.*|msg.*)|fs\.mqueue\..*)$/;
const networkNames = /^net\..*$/;

/** Both spellings, `net.ipv4.x` and `net/ipv4/x`, as the first. */
export function sysctlName(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  // With slashes first, dots belong to names, as those of interfaces.
  return separator === '/' ? name.replaceAll(/[./]/g, (sign) => (sign === '/' ? '.' : '/')) : name;
}

/** Whether the kernel keeps it to a namespace of the pod. A pattern ends with `*`. */
export function isNamespaced(nameOrPattern: string): boolean {
  const name = sysctlName(nameOrPattern).replace(/\*$/, '');
  return ipcNames.test(name) || networkNames.test(name);
}

function fits(name: string, pattern: string): boolean {
  const wanted = sysctlName(pattern);
  return wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
}

function problemOf(written: string, { spec }: Pod, allowedUnsafe: readonly string[]): string | undefined {
  const name = sysctlName(written);
  if (!wellFormed.test(name)) return 'not allowlisted';
  if (!safe.has(name) && !allowedUnsafe.some((pattern) => fits(name, pattern))) return 'not allowlisted';
  if (ipcNames.test(name) && spec.hostIPC === true) return 'not allowed with host ipc enabled';
  if (networkNames.test(name) && spec.hostNetwork === true) return 'not allowed with host net enabled';
  return undefined;
}

export function sysctlRejection(pod: Pod, allowedUnsafe: readonly string[]): Rejection | undefined {
  for (const { name } of pod.spec.securityContext?.sysctls ?? []) {
    const problem = problemOf(name, pod, allowedUnsafe);
    if (problem !== undefined)
      return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${JSON.stringify(name)} ${problem}` };
  }
  return undefined;
}
