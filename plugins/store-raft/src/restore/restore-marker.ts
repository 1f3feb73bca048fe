/** `restore.json`: files are being exchanged for those of a snapshot. While it is there the data are neither the old nor the new ones. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '@timonel/sdk/contracts/store';
import { syncDirectory, writeFileAtomically } from '@timonel/sdk/files';

export const restoreMarkerName = 'restore.json';

export function isRestoreUnfinished(dataDir: string): boolean {
  return existsSync(join(dataDir, restoreMarkerName));
}

export async function markRestore(dataDir: string, memberId: string): Promise<void> {
  await writeFileAtomically(join(dataDir, restoreMarkerName), `${JSON.stringify({ format: 1, memberId })}\n`);
}

export async function unmarkRestore(dataDir: string): Promise<void> {
  await rm(join(dataDir, restoreMarkerName), { force: true });
  await syncDirectory(dataDir);
}

/** @throws StoreError REFUSED */
export function refuseUnfinishedRestore(dataDir: string): void {
  if (!isRestoreUnfinished(dataDir)) return;
  throw new StoreError(
    'REFUSED',
    `a restore into ${dataDir} was interrupted: restore the snapshot again by \`timonel store snapshot restore\`, which then goes through`,
  );
}
