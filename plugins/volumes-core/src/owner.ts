import { chown } from 'node:fs/promises';
import { VolumeError } from '@timonel/sdk/contracts/volume';

/**
 * On a node that is not root, all is its user's: nothing can be given away, and processes of pods are its user's, too.
 * @throws VolumeError where the node is root of a user namespace that does not have the ids
 */
export async function giveTo(path: string, user: number, group: number, change: typeof chown = chown): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  try {
    await change(path, user, group);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EINVAL') throw cause;
    throw new VolumeError(
      `user ${user} or group ${group} is not among the ids that the user of this rootless node has: see /etc/subuid and /etc/subgid`,
      { cause },
    );
  }
}
