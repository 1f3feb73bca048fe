/** Reads a CRI log file as `pods/log` wants it: tail, since, stamps, limit, follow. */
import { open, stat, type FileHandle } from 'node:fs/promises';
import type { LogOptions } from '@timonel/sdk/contracts/node';
import type { Env } from '@timonel/sdk';
import { rfc3339Ms } from '../times.ts';
import { parseLine } from './cri-format.ts';

export type ReadOptions = Pick<
  LogOptions,
  'follow' | 'tailLines' | 'limitBytes' | 'sinceSeconds' | 'sinceTime' | 'timestamps' | 'stream' | 'signal'
>;

const chunkBytes = 64 * 1024;
/** A line without end longer than this is given out in parts, so that no log can fill the memory. */
const lineLimitBytes = 1024 * 1024;
const pollMs = 100;
/** Of one log, that a runtime keeps. */
const mostFiles = 100;

/** Offset from which the last `count` whole lines of the first `size` bytes begin. Reads backwards. */
async function tailOffset(file: FileHandle, size: number, count: number): Promise<number> {
  if (count <= 0) return size;
  let position = size;
  let found = 0;
  const buffer = Buffer.alloc(chunkBytes);
  while (position > 0) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    const { bytesRead } = await file.read(buffer, 0, length, position);
    for (let index = bytesRead - 1; index >= 0; index -= 1) {
      if (buffer[index] !== 10) continue;
      // The newline at the very end closes the last line.
      if (position + index === size - 1) continue;
      found += 1;
      if (found === count) return position + index + 1;
    }
  }
  return 0;
}

async function isRenamed(path: string, file: FileHandle): Promise<boolean> {
  const [own, present] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
  return present !== undefined && present.ino !== own.ino;
}

/**
 * The file in which a log goes on that is being followed: a full one was renamed `<path>.1`, then `<path>.2`, and so on.
 * Undefined: it is still written to.
 */
async function successor(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  const { ino } = await file.stat();
  let newer: string | undefined;
  for (let number = 0; number <= mostFiles; number += 1) {
    const name = number === 0 ? path : `${path}.${number}`;
    const found = await stat(name).catch(() => undefined);
    if (found?.ino === ino) return newer === undefined ? undefined : open(newer, 'r').catch(() => undefined);
    if (found === undefined && number > 0) break;
    newer = name;
  }
  // Dropped before it was read to its end: the oldest that is left.
  return newer === undefined ? undefined : open(newer, 'r').catch(() => undefined);
}

interface Span {
  readonly start: number;
  /** What comes after it is not read, unless the log is followed: a container may write faster than somebody reads. */
  readonly end: number;
}

/** Raw lines as bytes, with their newline; all of one read together. `ended` answers whether nothing more will be written. */
async function* lineBatches(
  log: { readonly path: string; file: FileHandle },
  { start, end }: Span,
  options: ReadOptions,
  env: Env,
  ended: () => Promise<boolean>,
): AsyncGenerator<readonly Buffer[]> {
  let position = start;
  let rest: Buffer = Buffer.alloc(0);
  const buffer = Buffer.alloc(chunkBytes);
  let wasEnded = false;
  let renamed = false;
  while (!options.signal.aborted) {
    const length = options.follow ? chunkBytes : Math.min(chunkBytes, end - position);
    const bytesRead = length === 0 ? 0 : (await log.file.read(buffer, 0, length, position)).bytesRead;
    if (bytesRead === 0) {
      if (!options.follow) break;
      // Only a read that came after its renaming may conclude that all of a file was read.
      const next = renamed ? await successor(log.path, log.file) : undefined;
      if (next !== undefined) {
        await log.file.close();
        log.file = next;
        position = 0;
        renamed = false;
        continue;
      }
      renamed = await isRenamed(log.path, log.file);
      if (renamed) continue;
      // The same of the end.
      if (wasEnded) break;
      wasEnded = await ended();
      if (!wasEnded) await env.timers.sleep(pollMs, options.signal).catch(() => undefined);
      continue;
    }
    position += bytesRead;
    rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    const lines: Buffer[] = [];
    let from = 0;
    for (let newline = rest.indexOf(10); newline >= 0; newline = rest.indexOf(10, from)) {
      lines.push(rest.subarray(from, newline + 1));
      from = newline + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > lineLimitBytes) {
      lines.push(rest);
      rest = Buffer.alloc(0);
    }
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0 && !options.signal.aborted) yield [rest];
}

function sinceMs(options: ReadOptions, nowMs: number): number {
  if (options.sinceTime !== undefined) return rfc3339Ms(options.sinceTime);
  if (options.sinceSeconds !== undefined) return nowMs - options.sinceSeconds * 1000;
  return Number.NEGATIVE_INFINITY;
}

/** What a reader sees of one raw line; nothing of a malformed one, of one before `since` and of the other stream. */
function textOf(raw: Buffer, since: number, { timestamps, stream }: ReadOptions): string {
  const line = parseLine(raw.toString('utf8').replace(/\n$/, ''));
  if (stream !== undefined && line?.stream !== stream.toLowerCase()) return '';
  if (line === undefined || (since > Number.NEGATIVE_INFINITY && rfc3339Ms(line.time) < since)) return '';
  return `${timestamps ? `${line.time} ` : ''}${line.text}${line.partial ? '' : '\n'}`;
}

/** Chunks of text of one log file. An absent file reads as empty. Ends with the signal, the limit, or the end of the container. */
export async function* readLog(
  path: string,
  options: ReadOptions,
  env: Env,
  ended: () => Promise<boolean>,
): AsyncGenerator<Uint8Array> {
  const first = await open(path, 'r').catch(() => undefined);
  if (first === undefined) return;
  const log = { path, file: first };
  try {
    const { size } = await first.stat();
    const start = options.tailLines === undefined ? 0 : await tailOffset(first, size, options.tailLines);
    const since = sinceMs(options, env.clock.now());
    let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    for await (const lines of lineBatches(log, { start, end: size }, options, env, ended)) {
      const bytes = Buffer.from(lines.map((raw) => textOf(raw, since, options)).join(''), 'utf8');
      if (bytes.length > 0) yield bytes.length > left ? bytes.subarray(0, left) : bytes;
      left -= bytes.length;
      if (left <= 0) return;
    }
  } finally {
    await log.file.close();
  }
}
