import type { Env } from '@timonel/sdk';
import { LauncherProcess, type Role } from './launcher-process.ts';
import { MonitorFailure, monitorBinary } from './monitor-binary.ts';

export type { Role } from './launcher-process.ts';

/** PATH_MAX of Linux. */
const longestPath = 4096;

export interface LauncherOptions {
  readonly env: Env;
  /** How long a job may take. Recycling takes as long as there is something to remove. */
  readonly deadlineMs: number;
  readonly monitor?: string | undefined;
}

/**
 * `timonel-monitor serve`: forks what makes and releases containers and sandboxes. Started with the first request, and again with the next one
 * after it was killed, or could fork no more; containers do not depend on it.
 */
export class Launcher {
  readonly #options: LauncherOptions;
  #current: LauncherProcess | undefined;
  #isClosed = false;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  /** Runs a role in a directory to its end. @throws MonitorFailure with the text that the native side printed */
  run(role: Role, directory: string): Promise<void> {
    if (this.#isClosed) return Promise.reject(new MonitorFailure('the runtime is closed', 128));
    if (Buffer.byteLength(directory) > longestPath)
      return Promise.reject(new MonitorFailure(`a path is longer than ${longestPath} bytes`, 128));
    if (this.#current?.isOver !== false) {
      const { env, monitor = monitorBinary } = this.#options;
      this.#current = new LauncherProcess(monitor, env);
    }
    return this.#current.run(role, directory, role === 'recycle' ? undefined : this.#options.deadlineMs);
  }

  /** It ends with what it is doing. */
  close(): void {
    this.#isClosed = true;
    this.#current?.retire();
  }
}
