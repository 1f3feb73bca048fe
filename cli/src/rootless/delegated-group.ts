/** The control group that a service manager has handed down to this user (cgroup v2). */
import { accessSync, constants, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instanceId } from '../cluster/data-dir.ts';

export type DelegatedGroup =
  | { readonly group: string }
  | { readonly group: undefined; readonly why: string; readonly fix: string };

const root = '/sys/fs/cgroup';
const wanted = ['memory', 'cpu', 'pids'];

function readWords(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').trim().split(/\s+/);
  } catch {
    return [];
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const scope = 'systemd-run --user --scope --property=Delegate=yes timonel up';

/** The group in which this process is, when it may make others there. */
export function delegatedGroup(): DelegatedGroup {
  if (readWords(join(root, 'cgroup.controllers')).length === 0) {
    return {
      group: undefined,
      why: 'this machine has no cgroup v2 at /sys/fs/cgroup',
      fix: 'boot with cgroup v2 alone',
    };
  }
  const own =
    readWords('/proc/self/cgroup')
      .find((line) => line.startsWith('0::'))
      ?.slice(3) ?? '/';
  const group = join(root, own);
  const places = [group, ...['cgroup.procs', 'cgroup.subtree_control'].map((file) => join(group, file))];
  if (!places.every(isWritable)) {
    return { group: undefined, why: `the control group ${own} belongs to another user`, fix: `run ${scope}` };
  }
  const offered = readWords(join(group, 'cgroup.controllers'));
  const missing = wanted.filter((name) => !offered.includes(name));
  if (missing.length === 0) return { group };
  const fix = `as root: systemctl edit user@.service, with Delegate=${wanted.join(' ')}`;
  return { group: undefined, why: `the control group ${own} lacks the controllers ${missing.join(', ')}`, fix };
}

/** Groups of a rootless node below the delegated one. */
export interface NodeGroups {
  /** Seen inside as the root of all groups. */
  readonly containers: string;
  /** Of the node's own process. */
  readonly node: string;
}

/**
 * Makes them. A group that hands down controllers holds no processes, so this one moves aside, into `host`. Undefined: none was given to
 * this user, or others are in it.
 */
export function makeGroups(dataDir: string): NodeGroups | undefined {
  const { group } = delegatedGroup();
  if (group === undefined) return undefined;
  const [host, containers] = [join(group, 'host'), join(group, `timonel-${instanceId(dataDir)}`)];
  try {
    mkdirSync(host, { recursive: true });
    mkdirSync(containers, { recursive: true });
    writeFileSync(join(host, 'cgroup.procs'), String(process.pid));
    writeFileSync(join(group, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '));
  } catch {
    return undefined;
  }
  return { containers, node: join(containers, 'node') };
}

/** When nothing is in them any more. */
export function removeGroups({ containers }: NodeGroups): void {
  const remove = (group: string): void => {
    for (const entry of readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory()) remove(join(group, entry.name));
    }
    rmdirSync(group);
  };
  remove(containers);
}
