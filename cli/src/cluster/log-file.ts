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
        onNotable(`${who}${parsed.msg ?? ''}${why}`);
      }
    },
  };
  return adapt(pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream));
}
