/** The log on disk as the driver sees it. */
import type { Entry, HardState, LogBase } from '../raft/index.ts';

/** What the disk held at the start. */
export interface RecoveredLog {
  readonly hardState: HardState;
  readonly base: LogBase;
  /** Follow `base` without a gap. */
  readonly entries: readonly Entry[];
}

/** One write: the hard state and the entries of one or of several Readies. */
export interface LogWrite {
  readonly hardState: HardState | undefined;
  /** In place of all that the log has from the index of the first one on. */
  readonly entries: readonly Entry[];
}

/**
 * An append-only log in segment files. One operation at a time: the driver awaits each before the next, but for `dropUpTo`,
 * which may run beside `append`.
 */
export interface RaftLogFile {
  /** To be read before the first write, with which it is let go (and reading it throws). */
  readonly recovered: RecoveredLog;
  /** Resolves when all of it is durable, with one flush. Rejects with code ENOSPC when there is no room: then nothing of it counts. */
  append(writes: readonly LogWrite[]): Promise<void>;
  /** The log begins behind `base` from now on; frees whole segments. Durable when resolved, but never urgent. */
  dropUpTo(base: LogBase): Promise<void>;
  /** Empties the log: it begins behind `base` (a snapshot was installed). The hard state stays. Durable when resolved. */
  reset(base: LogBase): Promise<void>;
  /** Reads every record back and checks it. Sentences about what is wrong; none: sound. */
  check(): Promise<readonly string[]>;
  /** Bytes of all segment files. */
  sizeBytes(): number;
  close(): Promise<void>;
}
