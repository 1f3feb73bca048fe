import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LogStorage } from './log/log-storage.ts';
import { checkLmdbHeader, corruptFile } from './lmdb-file.ts';
import { StateFile } from './state/state-file.ts';

/** The two data files of a member, checked to belong together. */
export interface MemberData {
  readonly log: LogStorage;
  readonly state: StateFile;
  sizeBytes(): number;
}

/** Opens, or makes, the log and the state in `dataDir`. @throws StoreError CORRUPT; nothing has been touched then */
export async function openMemberData(
  dataDir: string,
  newMemberId: () => string,
  mapBytes: number | undefined,
): Promise<MemberData> {
  const logPath = join(dataDir, 'raft-log.mdb');
  const statePath = join(dataDir, 'state.mdb');
  checkLmdbHeader(logPath);
  checkLmdbHeader(statePath);
  if (!existsSync(logPath) && existsSync(statePath))
    throw corruptFile(logPath, 'it is missing, while the state is there');
  const log = new LogStorage(logPath, newMemberId, mapBytes);
  let state: StateFile | undefined;
  try {
    if (log.hardState.droppedIndex > 0 && !existsSync(statePath)) {
      throw corruptFile(statePath, 'it is missing, while the log has been cut');
    }
    state = new StateFile(statePath, mapBytes);
    const { appliedIndex } = state.readMeta();
    if (appliedIndex < log.hardState.droppedIndex) {
      const dropped = log.hardState.droppedIndex;
      throw corruptFile(statePath, `it stands at entry ${appliedIndex}, while the log begins behind ${dropped}`);
    }
    if (appliedIndex > log.lastIndex) {
      throw corruptFile(logPath, `it ends at entry ${log.lastIndex}, while the state stands at ${appliedIndex}`);
    }
    // Every entry is looked at before the first is applied.
    for (const entry of log.read(appliedIndex + 1)) if (entry.index > log.lastIndex) break;
  } catch (error) {
    await state?.close();
    await log.close();
    throw error;
  }
  return { log, state, sizeBytes: () => sizeOf(logPath) + sizeOf(statePath) };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
