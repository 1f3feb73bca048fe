import { createSimulatedEnv } from '@timonel/core/env';
import type { Logger } from '@timonel/sdk';
import { silentLogger } from '../../../test/silent-logger.ts';
import { openRaftLog } from '../raft-log.ts';
import type { RaftLogFile } from '../types.ts';
import { founded } from './log-model.ts';
import type { MemoryDisk } from './memory-disk.ts';

let opened = 0;

/** A log on a disk in memory, with small segments. */
export function openMemoryLog(disk: MemoryDisk, log: Logger = silentLogger): Promise<RaftLogFile> {
  opened += 1;
  const env = createSimulatedEnv({ seed: opened });
  return openRaftLog({ directory: '/memory', newGroup: founded, env, log, segmentBytes: 4096, disk });
}
