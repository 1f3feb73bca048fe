/** In the order of their numbers, without `CAP_`; see capabilities(7). */
export const capabilityNames: readonly string[] =
  `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT
  SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
  WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`.split(/\s+/);

/** What containers get by convention when nothing is said. */
export const defaultCapabilities: readonly string[] =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'.split(
    ' ',
  );

/** The part of a container's security settings that says which capabilities it has. */
export interface CapabilitySettings {
  readonly privileged: boolean;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
}

/**
 * The capabilities of a container, without `CAP_`, in the order of their numbers. Order as in the kubelet: ALL first, then single
 * names, drop after add. `unknown`: the names that no capability has, as they were written.
 */
export function effectiveCapabilities(settings: CapabilitySettings): {
  readonly names: readonly string[];
  readonly unknown: readonly string[];
} {
  if (settings.privileged) return { names: capabilityNames, unknown: [] };
  const add = settings.addCapabilities.map(normalise);
  const drop = settings.dropCapabilities.map(normalise);
  const addsAll = add.includes('ALL');
  const dropsAll = drop.includes('ALL');
  const base = dropsAll && !addsAll ? [] : addsAll ? capabilityNames : defaultCapabilities;
  const set = new Set([...base, ...add]);
  for (const name of drop) if (!(dropsAll && add.includes(name))) set.delete(name);
  const unknown = [...settings.addCapabilities, ...settings.dropCapabilities].filter((name) => {
    const plain = normalise(name);
    return plain !== 'ALL' && !capabilityNames.includes(plain);
  });
  return { names: capabilityNames.filter((name) => set.has(name)), unknown };
}

/** The set as the kernel's bit mask. Names that no capability has are left out. */
export function capabilityBits(names: readonly string[]): bigint {
  const wanted = new Set(names.map(normalise));
  return capabilityNames.reduce((bits, name, number) => (wanted.has(name) ? bits | (1n << BigInt(number)) : bits), 0n);
}

function normalise(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, '');
}
