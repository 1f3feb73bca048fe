/** Who a process runs as: proc(5). */
import { readFile } from 'node:fs/promises';
import type { LinuxUser } from '@timonel/sdk/kube';

/** As seen in the user namespace whose first id is `firstId`. Undefined: it is gone already, or nobody knows its number. */
export async function userOfProcess(pid: number | undefined, firstId = 0): Promise<LinuxUser | undefined> {
  // A runtime whose containers are no processes names that of the machine.
  if (pid === undefined || pid <= 1) return undefined;
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return parseUser(text, firstId);
}

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
