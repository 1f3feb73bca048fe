/** The few things that the log does to its directory. The tests have one that fails and crashes. */

export interface LogDisk {
  /** For messages. */
  pathOf(name: string): string;
  /** Makes the directory if need be. Names and sizes of the files in it. */
  list(): Promise<readonly { readonly name: string; readonly sizeBytes: number }[]>;
  read(name: string): Promise<Buffer>;
  /**
   * Makes a file of zeros that has its room on the disk, in place of one of that name; its content is durable when
   * resolved. Nothing is left of it on a failure. Stops early, with a failure, when the signal aborts.
   */
  allocate(name: string, sizeBytes: number, signal: AbortSignal): Promise<void>;
  open(name: string): Promise<LogFile>;
  /** In place of a file that has the new name. Durable, like a removal, after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** One that is gone already is no fault. */
  remove(name: string): Promise<void>;
  syncDirectory(): Promise<void>;
}

/** A file that is open to be written. */
export interface LogFile {
  /** Durable when resolved. One at a time. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}
