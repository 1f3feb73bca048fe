/** What of a container's configuration a plain process on this host can have. */
import { statSync } from 'node:fs';
import { delimiter } from 'node:path';
import type { SpawnOptions } from 'node:child_process';
import type { ContainerConfig, Mount } from '@timonel/sdk/contracts/runtime';

const hostImage = 'timonel.local/node:host';

/** A path below a mount means the mounted file: there is no mount table of its own to find it in. */
function onHost(text: string, mounts: readonly Mount[]): string {
  let best: Mount | undefined;
  for (const mount of mounts) {
    const below = text === mount.containerPath || text.startsWith(`${mount.containerPath.replace(/\/$/, '')}/`);
    if (below && (best === undefined || mount.containerPath.length > best.containerPath.length)) best = mount;
  }
  return best === undefined ? text : best.hostPath + text.slice(best.containerPath.replace(/\/$/, '').length);
}

/** The command line; in the image made of this host's node, `node` is the very program that runs this. */
export function commandLine(
  config: Pick<ContainerConfig, 'command' | 'image' | 'mounts'>,
  command: readonly string[],
): string[] {
  const [program = '', ...args] = command.map((part) => onHost(part, config.mounts));
  const isNode = program === 'node' || program === '/usr/bin/node';
  return [config.image.reference.endsWith(hostImage) && isNode ? process.execPath : program, ...args];
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Numeric users count when this process may change its own; names belong to the image, which is not entered. */
function identity(user: string): { uid?: number; gid?: number } {
  const [uid, gid] = user.split(':');
  if (process.getuid?.() !== 0 || uid === undefined || !/^\d+$/.test(uid)) return {};
  return { uid: Number(uid), ...(gid !== undefined && /^\d+$/.test(gid) ? { gid: Number(gid) } : {}) };
}

export function spawnOptions(config: ContainerConfig): SpawnOptions {
  const env: Record<string, string> = {};
  for (const { name, value } of config.env) env[name] = value;
  // The image's PATH names directories of the image; these programs are the host's.
  env['PATH'] = [process.env['PATH'] ?? '', env['PATH'] ?? ''].filter((part) => part !== '').join(delimiter);
  const workingDir = onHost(config.workingDir, config.mounts);
  return {
    env,
    // A directory that only the image has cannot be entered.
    cwd: isDirectory(workingDir) ? workingDir : '/',
    detached: true,
    ...identity(config.user),
  };
}
