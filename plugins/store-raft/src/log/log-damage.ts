import { StoreError } from '@timonel/sdk/contracts/store';

const replaceMember =
  'Remove this member from the group, empty its data directory and add it again; or restore a snapshot into an empty one';

/** Recognised by its code. The message is a sentence without an end. */
export class LogDamage extends Error {
  override readonly name: string = 'LogDamage';
  readonly code: string = 'LOG_DAMAGE';
  readonly advice: string;

  constructor(message: string, advice: string = replaceMember) {
    super(message);
    this.advice = advice;
  }
}

export function isLogDamage(error: unknown): error is LogDamage {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'LOG_DAMAGE';
}

/** What is wrong at a byte of a segment file. */
export function damageAt(path: string, offset: number, why: string): LogDamage {
  return new LogDamage(`the Raft log in ${path} is corrupt at byte ${offset}: ${why}`);
}

export function newerFormat(path: string, version: number, known: number): LogDamage {
  return new LogDamage(
    `the Raft log in ${path} has the format ${version}, and this version reads up to ${known}`,
    `Start the version that wrote it. If none ever did, the file is corrupt: ${replaceMember.toLowerCase()}`,
  );
}

/** The error that `openRaftLog` throws. */
export function corruptLog(damage: LogDamage): StoreError {
  return new StoreError(
    'CORRUPT',
    `${damage.message}. The store does not start on it, and has touched nothing. ${damage.advice}`,
    { cause: damage },
  );
}
