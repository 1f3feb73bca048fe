/** Structured fields of a log line. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A logger that stamps each line with its plugin. Level names as in syslog practice; `fields` come before the text. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}
