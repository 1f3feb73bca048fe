import { rename, rm } from 'node:fs/promises';
import { logStat, shiftLogs, type HostLog, type LogLimits } from '@timonel/sdk/linux';
import type { ContainerHoldings } from './container-holdings.ts';
import type { Channel } from './cri/channel.ts';

/** Of all containers: the ends of some came while their logs were rotated. containerd is the writer. */
export async function rotatedLogs(
  channel: Channel,
  holdings: ContainerHoldings,
  limits: LogLimits,
): Promise<HostLog[]> {
  const logs: HostLog[] = [];
  for (const found of await holdings.all()) {
    const path = (await holdings.listed(found))?.logPath ?? '';
    const reopen = (): Promise<unknown> => channel.call('ReopenContainerLog', { containerId: found.criId });
    if (path !== '') logs.push({ path, rotate: () => rotateLog(path, limits, reopen) });
  }
  return logs;
}

/** Rotates a full log, whose writer `reopen` asks to begin it anew. True: it was full. @throws Error */
export async function rotateLog(
  path: string,
  { logMaxBytes, logMaxFiles }: LogLimits,
  reopen: () => Promise<unknown>,
): Promise<boolean> {
  const written = await logStat(path);
  if (written === undefined) {
    // A rotation that a crash cut off.
    if ((await logStat(`${path}.1`)) !== undefined) await beginAnew(path, reopen);
    return false;
  }
  if (logMaxBytes === 0 || written.size < logMaxBytes) return false;
  await shiftLogs(path, logMaxFiles - 1);
  await rename(path, `${path}.1`);
  await beginAnew(path, reopen);
  if (logMaxFiles === 1) await rm(`${path}.1`);
  return true;
}

/** When nobody writes any more, the log gets its name back. */
async function beginAnew(path: string, reopen: () => Promise<unknown>): Promise<void> {
  try {
    await reopen();
  } catch (error) {
    if ((await logStat(path)) === undefined) await rename(`${path}.1`, path);
    throw error;
  }
}
