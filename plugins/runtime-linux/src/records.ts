import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@timonel/sdk';
import type { ProcessIdentity } from '@timonel/sdk/linux';

/** How a container ended, as its monitor recorded it. */
export interface ExitRecord {
  readonly exitCode: number;
  readonly signal: number;
  /** 0: it was not started. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly reason: string;
  readonly message: string;
}

/** Lines `name value` of a record file. Undefined: not written yet. */
function readRecord(directory: string, name: string): ReadonlyMap<string, string> | undefined {
  const path = join(directory, name);
  if (!existsSync(path)) return undefined; // as a rule, and a throw costs more
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) fields.set(line.slice(0, space), line.slice(space + 1));
  }
  return fields;
}

export function readIdentity(directory: string, name: 'monitor' | 'created' | 'pause'): ProcessIdentity | undefined {
  const fields = readRecord(directory, name);
  const pid = Number(fields?.get('pid') ?? 0);
  return pid > 0 ? { pid, startTime: fields?.get('startTime') ?? '' } : undefined;
}

/** 0: the record is not there. */
export function readStart(directory: string): number {
  return Number(readRecord(directory, 'started')?.get('startedAt') ?? 0);
}

export function readExit(directory: string): ExitRecord | undefined {
  const fields = readRecord(directory, 'exit');
  if (fields === undefined) return undefined;
  return {
    exitCode: Number(fields.get('exitCode') ?? 255),
    signal: Number(fields.get('signal') ?? 0),
    startedAt: Number(fields.get('startedAt') ?? 0),
    finishedAt: Number(fields.get('finishedAt') ?? 0),
    reason: fields.get('reason') ?? 'Error',
    message: fields.get('message') ?? '',
  };
}

/** For a container whose monitor could not do it. */
export function writeExit(directory: string, exit: ExitRecord): void {
  const text = `exitCode ${exit.exitCode}\nsignal ${exit.signal}\noomKilled 0\nstartedAt ${exit.startedAt}\nfinishedAt ${exit.finishedAt}\nreason ${exit.reason}\nmessage ${exit.message}\n`;
  writeAtomically(join(directory, 'exit'), text);
}

export function writeAtomically(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Undefined: absent or not complete (a crash while it was made). */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
