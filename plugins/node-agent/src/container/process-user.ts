/** Who a process runs as. */
import { readFile } from 'node:fs/promises';
import type { ContainerConfig } from '@timonel/sdk/contracts/runtime';
import type { LinuxUser } from '@timonel/sdk/kube';

/** As seen in the user namespace whose first id is `firstId`. Undefined: it is gone already, or nobody knows its number. */
export async function userOfProcess(pid: number | undefined, firstId = 0): Promise<LinuxUser | undefined> {
  // A runtime whose containers are no processes names that of the machine.
  if (pid === undefined || pid <= 1) return undefined;
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return parseUser(text, firstId);
}

/** For one that has ended before anybody looked. Undefined: it was named, and only the image knows whom that means. */
export function declaredUser({
  user,
  supplementalGroups,
}: Pick<ContainerConfig, 'user' | 'supplementalGroups'>): LinuxUser | undefined {
  const [, name = '', group = '0'] = /^(\d*)(?::(\d+))?$/.exec(user) ?? [];
  if (name === '' && user !== '') return undefined;
  const gid = Number(group);
  return { uid: Number(name), gid, supplementalGroups: [...new Set([gid, ...supplementalGroups])] };
}

/** proc(5). */
export function parseUser(status: string, firstId = 0): LinuxUser | undefined {
  const idsOf = (name: string): number[] => {
    const line = new RegExp(`^${name}:(.*)$`, 'm').exec(status)?.[1] ?? '';
    return line
      .trim()
      .split(/\s+/)
      .filter((id) => id !== '')
      .map((id) => Number(id) - firstId);
  };
  const [uid] = idsOf('Uid');
  const [gid] = idsOf('Gid');
  if (uid === undefined || gid === undefined) return undefined;
  return { uid, gid, supplementalGroups: idsOf('Groups') };
}
