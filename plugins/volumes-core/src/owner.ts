import { chown } from 'node:fs/promises';

/** On a node that is not root, all is its user's: nothing can be given away, and processes of pods are its user's, too. */
export async function giveTo(path: string, user: number, group: number): Promise<void> {
  if (process.geteuid?.() === 0) await chown(path, user, group);
}
