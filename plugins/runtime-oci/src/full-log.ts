import { closeSync, linkSync, openSync } from 'node:fs';
import { link } from 'node:fs/promises';
import { errorCode } from '@timonel/sdk';
import { logStat, shiftLogs, type LogLimits } from '@timonel/sdk/linux';

/**
 * Conmon bounds a log by itself: it replaces a full file by an empty one. The file that is written to has the name `<path>.1` too,
 * under which it stays then; so no file is ever larger than it may be, also while nobody looks.
 */
export function beginLog(path: string, { logMaxBytes, logMaxFiles }: LogLimits): void {
  closeSync(openSync(path, 'a', 0o640));
  if (logMaxBytes === 0 || logMaxFiles === 1) return;
  try {
    linkSync(path, `${path}.1`);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error; // a start that is repeated
  }
}

/** Gives the file that is written to its second name, when a full one has it. True: so it was. */
export async function keepFullLog(path: string, { logMaxBytes, logMaxFiles }: LogLimits): Promise<boolean> {
  if (logMaxBytes === 0 || logMaxFiles === 1) return false;
  const [written, full] = [await logStat(path), await logStat(`${path}.1`)];
  if (written === undefined || written.inode === full?.inode) return false;
  await shiftLogs(path, logMaxFiles);
  await link(path, `${path}.1`);
  return true;
}
