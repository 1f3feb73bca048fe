import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Env, Logger } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import { corruptFile } from '../lmdb-file.ts';
import { openRaftLog } from '../log/raft-log.ts';
import type { RaftLogFile, RecoveredLog } from '../log/types.ts';
import type { Configuration, HardState, LogBase, StoredState } from '../raft/index.ts';
import { refuseUnfinishedRestore } from '../restore/restore-marker.ts';
import { StateMachine } from '../state/state-machine.ts';
import type { StateFile } from '../state/state-file.ts';
import { readMemberFile, writeMemberFile } from './member-file.ts';
import { StateDirectory } from './state-directory.ts';

export interface OpenMemberOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  /** Absent: made at the first start, kept for ever. */
  readonly memberId?: string | undefined;
  /** How others reach it; empty: they do not. */
  readonly address: string;
  /** A new directory waits to be taken in by a group, in place of founding one. */
  readonly join: boolean;
  readonly mapBytes?: number | undefined;
  readonly segmentBytes?: number | undefined;
}

/** The files of a member, checked to belong together. */
export interface MemberData {
  readonly memberId: string;
  readonly log: RaftLogFile;
  readonly machine: StateMachine;
  readonly states: StateDirectory;
  readonly stored: StoredState;
}

export function logDirectory(dataDir: string): string {
  return join(dataDir, 'log');
}

/** Opens the data of a member, or makes it. @throws StoreError CORRUPT, nothing has been touched then */
export async function openMember(options: OpenMemberOptions): Promise<MemberData> {
  const { dataDir, env, log } = options;
  refuseUnfinishedRestore(dataDir);
  refuseOldFormat(dataDir);
  const identity = await readMemberFile(dataDir);
  const states = new StateDirectory(dataDir, options.mapBytes);
  const logDir = logDirectory(dataDir);
  if (identity === undefined && (!states.isEmpty || hasLog(logDir))) {
    throw corruptFile(join(dataDir, 'member.json'), 'it is missing, while there are data');
  }
  if (identity !== undefined && options.memberId !== undefined && identity.memberId !== options.memberId) {
    throw new StoreError(
      'REFUSED',
      `the data in ${dataDir} are those of the member ${identity.memberId}, not of ${options.memberId}: correct the configuration, or use an empty directory`,
    );
  }
  const memberId = identity?.memberId ?? options.memberId ?? env.random.uuid();
  if (identity === undefined) await writeMemberFile(dataDir, memberId);
  if (!states.isEmpty && !hasLog(logDir)) throw corruptFile(logDir, 'it is missing, while the state is there');
  const newGroup: LogBase = { index: 0, term: 0, configuration: initialConfiguration(memberId, options) };
  const file = await states.open();
  try {
    const logFile = await openRaftLog({ directory: logDir, newGroup, env, log, segmentBytes: options.segmentBytes });
    try {
      const recovered = await reconcile(logFile, file, logDir, options.dataDir);
      const machine = new StateMachine(file ?? (await states.first()), recovered.base.configuration);
      const hardState = notBehind(recovered);
      const stored = { ...recovered, hardState, appliedIndex: machine.standing.appliedIndex };
      return { memberId, log: logFile, machine, states, stored };
    } catch (error) {
      await logFile.close();
      throw error;
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
}

function initialConfiguration(memberId: string, { join: joins, address }: OpenMemberOptions): Configuration {
  if (joins) return { voters: [], outgoing: [], learners: [], addresses: {} };
  return { voters: [memberId], outgoing: [], learners: [], addresses: address === '' ? {} : { [memberId]: address } };
}

function hasLog(directory: string): boolean {
  return existsSync(directory) && readdirSync(directory).some((name) => name.endsWith('.wal'));
}

/** Whether log and state fit; after a crash amid the installation of a snapshot the log begins behind it. */
async function reconcile(
  log: RaftLogFile,
  file: StateFile | undefined,
  logPath: string,
  dataDir: string,
): Promise<RecoveredLog> {
  const { hardState, base, entries } = log.recovered;
  const meta = file?.readMeta();
  if (meta === undefined) {
    if (base.index === 0) return log.recovered;
    throw corruptFile(dataDir, `its state is missing, while the log begins behind entry ${base.index}`);
  }
  const { appliedIndex, appliedTerm, configuration, installedIndex } = meta;
  const lastIndex = base.index + entries.length;
  if (appliedIndex < base.index) {
    throw corruptFile(
      file?.path ?? dataDir,
      `it stands at entry ${appliedIndex}, while the log begins behind ${base.index}`,
    );
  }
  const term = appliedIndex === base.index ? base.term : entries[appliedIndex - base.index - 1]?.term;
  if (term === appliedTerm) return log.recovered;
  if (appliedIndex !== installedIndex) {
    throw corruptFile(logPath, `it ends at entry ${lastIndex}, while the state stands at ${appliedIndex}`);
  }
  const newBase: LogBase = { index: appliedIndex, term: appliedTerm, configuration };
  await log.reset(newBase);
  return { hardState, base: newBase, entries: [] };
}

/** The state of a snapshot is on disk before the term in which it came may be: a crash in between loses nothing but the term. */
function notBehind({ hardState, base }: RecoveredLog): HardState {
  return hardState.term >= base.term ? hardState : { term: base.term, votedFor: undefined };
}

function refuseOldFormat(dataDir: string): void {
  const old = join(dataDir, 'raft-log.mdb');
  if (!existsSync(old)) return;
  throw new StoreError(
    'REFUSED',
    `the data in ${dataDir} were written by a version before 0.2, whose format this version does not read: ` +
      'export the objects with the old version (kubectl get -o yaml), then start with an empty data directory',
  );
}
