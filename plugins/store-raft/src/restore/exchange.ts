/** Puts restored files in the place of what a data directory holds. */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '@timonel/sdk/files';
import { writeMemberFile } from '../member/member-file.ts';
import { markRestore, restoreMarkerName, unmarkRestore } from './restore-marker.ts';

const asidePrefix = 'before-restore-';
const memberFileName = 'member.json';

/** Where the restored files are made. A crash may leave it; it means nothing then. */
export function restoringDirectory(dataDir: string): string {
  return join(dataDir, 'restoring');
}

/** What belongs to the present store, by name. */
export function storeEntries(dataDir: string): string[] {
  if (!existsSync(dataDir)) return [];
  const own = (name: string): boolean =>
    name === 'restoring' || name.startsWith(restoreMarkerName) || name.startsWith(asidePrefix);
  return readdirSync(dataDir).filter((name) => !own(name));
}

function nextAside(dataDir: string): string {
  for (let number = 1; ; number++) {
    const path = join(dataDir, `${asidePrefix}${number}`);
    if (!existsSync(path)) return path;
  }
}

export interface Exchange {
  /** Where the former files go; undefined: there are none. */
  readonly aside: string | undefined;
  /** To be done one after the other. After a crash amid them the whole restore has to be done again. */
  readonly steps: readonly (() => Promise<void>)[];
}

/** The restored files lie in `restoringDirectory`. Once the last step is done they are the member's data, and the former ones lie aside. */
export function planExchange(dataDir: string, memberId: string): Exchange {
  const former = storeEntries(dataDir);
  const aside = former.length === 0 ? undefined : nextAside(dataDir);
  const restoring = restoringDirectory(dataDir);
  const moves = former
    .toSorted((a, b) => Number(b === memberFileName) - Number(a === memberFileName))
    .map((name) => () => rename(join(dataDir, name), join(aside ?? '', name)));
  return {
    aside,
    steps: [
      () => markRestore(dataDir, memberId),
      async () => {
        if (aside !== undefined) await mkdir(aside, { mode: 0o700 });
      },
      ...moves,
      async () => {
        for (const name of await readdir(restoring)) await rename(join(restoring, name), join(dataDir, name));
        if (aside !== undefined) await syncDirectory(aside);
        await syncDirectory(dataDir);
      },
      () => writeMemberFile(dataDir, memberId),
      () => unmarkRestore(dataDir),
      () => rm(restoring, { recursive: true, force: true }),
    ],
  };
}
