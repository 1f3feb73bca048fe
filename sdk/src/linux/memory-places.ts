/** Where something can lie in memory alone: in a file system of one's own, or in those that the machine has. */
import { accessSync, constants, readFileSync, readlinkSync, statfsSync } from 'node:fs';
import { capabilityNames } from './capabilities.ts';

/** tmpfs and ramfs; see statfs(2). */
const typesInMemory: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** Directories in memory that this user may write to, the best first. */
export function memoryPlaces(): readonly string[] {
  if (process.platform !== 'linux') return [];
  // Whether the session of the user has it in its environment must not change where files are looked for. `/run` is what others need most.
  const known = [process.env['XDG_RUNTIME_DIR'] ?? '', `/run/user/${process.geteuid?.()}`, '/dev/shm', '/run'];
  return [...new Set(known)].filter((path) => path.startsWith('/') && isWritableMemory(path));
}

function isWritableMemory(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return typesInMemory.has(statfsSync(path).type);
  } catch {
    return false;
  }
}

/** Whether this process may mount file systems that the rest of the machine sees, too; see proc_pid_status(5), mount_namespaces(7). */
export function mayMount(): boolean {
  if (process.platform !== 'linux') return false;
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return ((BigInt(`0x${effective}`) >> BigInt(capabilityNames.indexOf('SYS_ADMIN'))) & 1n) === 1n && isInFirstMounts();
}

/** A service manager may give each start of a service mounts of its own. */
function isInFirstMounts(): boolean {
  try {
    return readlinkSync('/proc/1/ns/mnt') === readlinkSync('/proc/self/ns/mnt');
  } catch {
    return true;
  }
}
