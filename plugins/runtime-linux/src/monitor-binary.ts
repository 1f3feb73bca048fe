import { spawn } from 'node:child_process';
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
  const parsed = /^E(\d+) (.*)$/s.exec(text);
  const ended = `timonel-monitor ended with ${signal ?? `code ${code}`}`;
  return new MonitorFailure(parsed?.[2] ?? (text === '' ? ended : text), Number(parsed?.[1] ?? 128));
}

/** Runs a role that ends by itself. @throws MonitorFailure with the text the native side printed. */
export function runMonitor(role: 'container' | 'sandbox' | 'release', directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const child = spawn(monitorBinary, [role, directory], { stdio: ['ignore', 'ignore', 'pipe'], env: {}, cwd: '/' });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length < 4096) text += chunk;
    });
    child.on('error', (error) => {
      reject(new MonitorFailure(`${monitorBinary}: ${error.message}`, 128));
    });
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve();
        return;
      }
      reject(parseFailure(text, code, signal));
    });
  });
}
