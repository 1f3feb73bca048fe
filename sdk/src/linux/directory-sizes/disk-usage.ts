/** Counts a directory of any size by du(1), for a bounded time. */
import { spawn } from 'node:child_process';
import { defaultPath } from '../../command/index.ts';
import type { Space } from './space.ts';

const limitMs = 120_000;

/** Of what it cannot say in time it says that it is partial. @throws Error when du cannot be run */
export async function diskUsage(directory: string): Promise<Space> {
  const bytes = await totalBy(['-B1'], directory);
  const inodes = await totalBy(['--inodes'], directory);
  const isPartial = bytes === undefined || inodes === undefined;
  return { bytes: bytes ?? 0, inodes: inodes ?? 0, ...(isPartial ? { isPartial } : {}) };
}

/** Undefined: it took too long. */
function totalBy(options: readonly string[], directory: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn('du', [...options, '-sx', '--', directory], {
      env: { ...process.env, LC_ALL: 'C', PATH: defaultPath() },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    // It ends with 1 when something vanished meanwhile, and counts the rest.
    child.on('close', (_status, signal) => resolve(signal === null ? Number.parseInt(output, 10) || 0 : undefined));
  });
}
