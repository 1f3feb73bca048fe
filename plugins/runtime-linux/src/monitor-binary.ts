import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

export const monitorBinary: string = join(import.meta.dirname, '..', 'native', 'build', 'timonel-monitor');

export const monitorMissing =
  'timonel-monitor is not built: install a C compiler (Debian: apt install gcc make libc6-dev) and run "npm run build:native"';

export function hasMonitorBinary(): boolean {
  try {
    accessSync(monitorBinary, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What the native side refused to do. */
export class MonitorFailure extends Error {
  override readonly name: string = 'MonitorFailure';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** From what the native side printed, `E<exit code> <text>`, and how it ended. */
export function parseFailure(text: string, code: number | null, signal: string | null): MonitorFailure {
  const parsed = /^R?E(\d+) (.*)$/s.exec(text);
  const ended = `timonel-monitor ended with ${signal ?? `code ${code}`}`;
  return new MonitorFailure(parsed?.[2] ?? (text === '' ? ended : text), Number(parsed?.[1] ?? 128));
}
