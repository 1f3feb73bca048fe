import type { LogFields, Logger } from '@timonel/sdk';

/** A line that a {@link RecordingLogger} kept. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

/** A logger that prints nothing and keeps everything. */
export interface RecordingLogger extends Logger {
  readonly lines: readonly LogLine[];
}

/** Makes a {@link RecordingLogger}. Its children write into the same `lines`, of which the last 10 000 are kept. */
export function createRecordingLogger(): RecordingLogger {
  const lines: LogLine[] = [];
  const write = (level: LogLine['level'], fields: LogFields, message: string): void => {
    lines.push({ level, fields, message });
    if (lines.length > 10_000) lines.shift();
  };
  const loggerWith = (own: LogFields): RecordingLogger => ({
    lines,
    debug: (fields, message) => write('debug', { ...own, ...fields }, message),
    info: (fields, message) => write('info', { ...own, ...fields }, message),
    warn: (fields, message) => write('warn', { ...own, ...fields }, message),
    error: (fields, message) => write('error', { ...own, ...fields }, message),
    child: (fields) => loggerWith({ ...own, ...fields }),
  });
  return loggerWith({});
}
