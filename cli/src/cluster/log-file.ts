import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import pino from 'pino';
import type { LogFields, Logger } from '@timonel/sdk';

const rotateAtBytes = 32 * 1024 * 1024;

/** Appends to a file; at 32 MiB the file becomes `<file>.1` (replacing the former one), so at most 64 MiB are kept. */
function rotatingFile(file: string): { write(line: string): void } {
  let fd = openSync(file, 'a', 0o600);
  let size = statSync(file).size;
  return {
    write(line) {
      size += Buffer.byteLength(line);
      writeSync(fd, line);
      if (size < rotateAtBytes) return;
      closeSync(fd);
      renameSync(file, `${file}.1`);
      fd = openSync(file, 'a', 0o600);
      size = 0;
    },
  };
}

const repeatAfterMs = 60_000;
const rememberedLines = 200;

/** Passes a line on unless it was passed on within the last minute. The log file has them all. */
function withoutRepetition(print: (line: string) => void): (line: string) => void {
  const lastPrinted = new Map<string, number>();
  return (line) => {
    const now = performance.now();
    const last = lastPrinted.get(line);
    if (last !== undefined && now - last < repeatAfterMs) return;
    lastPrinted.delete(line);
    lastPrinted.set(line, now);
    const oldest = lastPrinted.keys().next();
    if (lastPrinted.size > rememberedLines && oldest.done !== true) lastPrinted.delete(oldest.value);
    print(line);
  };
}

function adapt(logger: pino.Logger): Logger {
  return {
    debug: (fields: LogFields, message: string) => logger.debug(fields, message),
    info: (fields: LogFields, message: string) => logger.info(fields, message),
    warn: (fields: LogFields, message: string) => logger.warn(fields, message),
    error: (fields: LogFields, message: string) => logger.error(fields, message),
    child: (fields: LogFields) => adapt(logger.child(fields)),
  };
}

/** The logger of a cluster: JSON lines into a file; warnings and errors also to `onNotable` as one readable line. */
export function openLog(file: string, level: string, onNotable: (line: string) => void): Logger {
  const target = rotatingFile(file);
  const notable = withoutRepetition(onNotable);
  const stream = {
    write(line: string): void {
      target.write(line);
      const parsed = JSON.parse(line) as {
        level: number;
        msg?: string;
        plugin?: string;
        error?: unknown;
        err?: { message?: string };
      };
      if (parsed.level >= 40) {
        const who = parsed.plugin === undefined ? '' : `${parsed.plugin}: `;
        const cause = parsed.err?.message ?? parsed.error;
        const why = typeof cause === 'string' ? ` (${cause})` : '';
        notable(`${who}${parsed.msg ?? ''}${why}`);
      }
    },
  };
  return adapt(pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream));
}
