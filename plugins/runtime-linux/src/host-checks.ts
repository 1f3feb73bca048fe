import { isRootless } from '@timonel/sdk/linux';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { release } from 'node:os';
import { hasMonitorBinary, monitorBinary, monitorMissing } from './monitor-binary.ts';

/** One line of `timonel doctor`. */
export interface HostCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
  /** What to do; empty when ok. */
  readonly fix: string;
}

/** mount_setattr(2), with which volumes become read-only at once, came with 5.12. */
const oldestKernel = [5, 12] as const;
const neededNamespaces = ['pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'];

/** What the kernel and this installation must offer for real containers. */
export function checkHost(): Promise<HostCheck[]> {
  return Promise.resolve([
    checkKernel(),
    checkRoot(),
    checkNamespaces(),
    checkOverlay(),
    checkCgroups(),
    checkMonitor(),
  ]);
}

function result(name: string, ok: boolean, detail: string, fix: string): HostCheck {
  return { name, ok, detail, fix: ok ? '' : fix };
}

function checkKernel(): HostCheck {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const ok =
    process.platform === 'linux' &&
    (major > oldestKernel[0] || (major === oldestKernel[0] && minor >= oldestKernel[1]));
  return result('kernel', ok, `${process.platform} ${release()}`, `use Linux ${oldestKernel.join('.')} or newer`);
}

function checkRoot(): HostCheck {
  const root = process.getuid?.() === 0;
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const admin = (capabilities >> 21n) % 2n === 1n;
  const detail = root ? (admin ? 'root' : 'root without CAP_SYS_ADMIN') : `user id ${process.getuid?.() ?? 'unknown'}`;
  return result('root', root && admin, detail, 'run as root (sudo timonel up), or use the plugin runtime-process');
}

function checkNamespaces(): HostCheck {
  const missing = neededNamespaces.filter((name) => !hasLink(`/proc/self/ns/${name}`));
  const detail = missing.length === 0 ? neededNamespaces.join(', ') : `missing: ${missing.join(', ')}`;
  return result('namespaces', missing.length === 0, detail, 'use a kernel with these namespaces configured');
}

function hasLink(path: string): boolean {
  try {
    return readlinkSync(path) !== '';
  } catch {
    return false;
  }
}

function checkOverlay(): HostCheck {
  const list = existsSync('/proc/filesystems') ? readFileSync('/proc/filesystems', 'utf8') : '';
  const ok = /\boverlay$/m.test(list) || existsSync(`/lib/modules/${release()}/kernel/fs/overlayfs`);
  return result('overlay', ok, ok ? 'overlayfs' : 'no overlayfs in /proc/filesystems', 'run "modprobe overlay"');
}

function checkCgroups(): HostCheck {
  if (!existsSync('/proc/self/mountinfo')) return result('cgroups', false, 'no /proc', 'mount /proc');
  const found = detectCgroups();
  const fix =
    'mount cgroup v2 with the controllers memory, cpu and pids at /sys/fs/cgroup, or these controllers as cgroup v1';
  if (found.driver === undefined && isRootless())
    return result('cgroups', true, 'none were handed down to this user: limits are not enforced', fix);
  if (found.driver === undefined)
    return result('cgroups', false, `missing controllers: ${found.missing.join(', ')}`, fix);
  return result('cgroups', true, `cgroup ${found.driver.version} with memory, cpu, pids`, fix);
}

function checkMonitor(): HostCheck {
  const ok = hasMonitorBinary();
  return result('monitor', ok, ok ? monitorBinary : 'timonel-monitor is absent', monitorMissing);
}
