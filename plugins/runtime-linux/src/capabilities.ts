import type { SecuritySettings } from '@timonel/sdk/contracts/runtime';
import { RuntimeError } from '@timonel/sdk/contracts/runtime';

/** In the order of their numbers, capabilities(7). */
const names =
  `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT
  SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
  WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`.split(/\s+/);

/** What containers get by convention when nothing is said. */
const defaults =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'.split(
    ' ',
  );

/** The set as the kernel's bit mask. Order as in the kubelet: ALL first, then single names, drop after add. */
export function capabilityMask(security: SecuritySettings): bigint {
  if (security.privileged) return mask(names);
  const add = security.addCapabilities.map(normalise);
  const drop = security.dropCapabilities.map(normalise);
  let set = new Set(add.includes('ALL') ? names : defaults);
  if (drop.includes('ALL')) set = new Set(add.includes('ALL') ? names : []);
  for (const name of add) if (name !== 'ALL') set.add(name);
  for (const name of drop) if (name !== 'ALL' && !(drop.includes('ALL') && add.includes(name))) set.delete(name);
  return mask([...set]);
}

function normalise(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, '');
}

function mask(set: readonly string[]): bigint {
  return set.reduce((sum, name) => sum | (1n << BigInt(numberOf(name))), 0n);
}

function numberOf(name: string): number {
  const number = names.indexOf(name);
  if (number < 0) {
    throw new RuntimeError('CreateContainerConfigError', `unknown capability "${name}": see capabilities(7)`);
  }
  return number;
}
