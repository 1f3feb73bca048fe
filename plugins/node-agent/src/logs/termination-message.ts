/** terminationMessagePolicy FallbackToLogsOnError: the end of the log stands in for a message that was not written. */
import { open } from 'node:fs/promises';
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { containerNamed } from '../plan/containers.ts';
import { parseLine } from './cri-format.ts';

const messageLimitBytes = 2048;
const lineLimit = 80;
/** Log lines carry a stamp of about 50 bytes each. */
const readLimitBytes = messageLimitBytes + lineLimit * 64;

export async function withLogMessage(pod: Pod, status: ContainerStatus): Promise<ContainerStatus> {
  const policy = containerNamed(pod, status.name)?.terminationMessagePolicy;
  if (policy !== 'FallbackToLogsOnError' || status.exitCode === 0 || status.message !== '') return status;
  return { ...status, message: await endOfLog(status.logPath) };
}

async function endOfLog(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const length = Math.min(size, readLimitBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
    if (size > length) lines.shift();
    const texts = lines.flatMap((line) => {
      const parsed = parseLine(line);
      return parsed === undefined ? [] : [parsed.partial ? parsed.text : `${parsed.text}\n`];
    });
    return Buffer.from(texts.slice(-lineLimit).join(''), 'utf8').subarray(-messageLimitBytes).toString('utf8');
  } finally {
    await file.close();
  }
}
