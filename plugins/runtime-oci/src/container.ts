import { closeSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerConfig, ContainerState, ContainerStatus, SandboxConfig } from '@timonel/sdk/contracts/runtime';
import type { ResolvedUser } from './bundle/user.ts';
import type { Monitored } from './conmon.ts';
import { isAlive, killProcess } from './identity.ts';
import { readJson, writeJson } from './json-file.ts';

const terminationMessageBytes = 4096;
const oomKillCounter = /^oom_kill (\d+)$/m;

/** What `container.json` holds; written last, so a directory without it is half-made. */
export interface StoredContainer {
  /** With the limits in force. */
  readonly config: ContainerConfig;
  readonly sandbox: SandboxConfig;
  readonly user: ResolvedUser;
  readonly logPath: string;
  readonly bootId: string;
  readonly createdAt: number;
}

/** What `run.json` holds once conmon has made it. `startedAt` 0: the OCI runtime was not yet told to start it. */
export interface StoredRun extends Monitored {
  readonly startedAt: number;
}

export interface ExitRecord {
  readonly exitCode: number;
  readonly signal: number;
  readonly finishedAt: number;
  readonly reason: string;
  readonly message: string;
}

export interface ContainerFiles {
  readonly directory: string;
  /** Conmon's. */
  readonly exitFile: string;
  /** With the counter `oom_kill`. */
  readonly oomFile: string;
}

/** A container as its directory tells. What cannot change any more is kept in memory. */
export class Container {
  readonly files: ContainerFiles;
  #stored: StoredContainer;
  #run: StoredRun | undefined;
  #exit: ExitRecord | undefined;

  constructor(stored: StoredContainer, files: ContainerFiles) {
    this.#stored = stored;
    this.files = files;
    this.#run = readJson(join(files.directory, 'run.json')) as StoredRun | undefined;
    this.#exit = readJson(join(files.directory, 'exit.json')) as ExitRecord | undefined;
  }

  get config(): ContainerConfig {
    return this.#stored.config;
  }

  get stored(): StoredContainer {
    return this.#stored;
  }

  get run(): StoredRun | undefined {
    return this.#run;
  }

  get exit(): ExitRecord | undefined {
    return this.#exit;
  }

  get state(): ContainerState {
    if (this.#exit !== undefined) return 'exited';
    return (this.#run?.startedAt ?? 0) > 0 ? 'running' : 'created';
  }

  store(stored: StoredContainer): void {
    writeJson(join(this.files.directory, 'container.json'), stored);
    this.#stored = stored;
  }

  storeRun(run: StoredRun): void {
    this.#run = run;
    writeJson(join(this.files.directory, 'run.json'), run);
  }

  /** As if it was never started. */
  forgetRun(): void {
    rmSync(join(this.files.directory, 'run.json'), { force: true });
    rmSync(this.files.exitFile, { force: true });
    this.#run = undefined;
  }

  /** That it ended is true also when the disk is full: then the next runtime comes to the same finding. */
  end(exit: ExitRecord): void {
    const message = this.#terminationMessage() || exit.message;
    this.#exit = { ...exit, message };
    try {
      writeJson(join(this.files.directory, 'exit.json'), this.#exit);
    } catch {
      // see above
    }
  }

  /** Looks whether it ended. True: it is so since this call. */
  settle(bootId: string, now: number): boolean {
    const run = this.#run;
    if (this.#exit !== undefined || run === undefined || run.startedAt === 0) return false;
    const sameBoot = this.#stored.bootId === bootId;
    const monitored = sameBoot && isAlive(run.monitor);
    const code = this.#exitCode();
    if (code !== undefined) this.end(this.#ended(code, run.startedAt));
    else if (monitored) return false;
    else if (sameBoot && isAlive(run.init)) {
      // Nobody writes its log or waits for it: it ends as its monitor did.
      killProcess(run.init);
      return false;
    } else {
      const why = sameBoot ? 'the monitor process of the container was killed' : 'the node was restarted';
      const message = `${why}, and the container ended with it`;
      this.end({ exitCode: 137, signal: 9, finishedAt: now, reason: 'Error', message });
    }
    return true;
  }

  status(): ContainerStatus {
    const { config, logPath, createdAt } = this.#stored;
    const state = this.state;
    return {
      id: config.id,
      sandboxId: config.sandboxId,
      name: config.name,
      attempt: config.attempt,
      state,
      imageId: config.image.imageId,
      imageReference: config.image.reference,
      pid: state === 'running' ? this.#run?.init.pid : undefined,
      createdAt,
      startedAt: this.#run?.startedAt ?? 0,
      finishedAt: this.#exit?.finishedAt ?? 0,
      exitCode: this.#exit?.exitCode,
      signal: this.#exit === undefined || this.#exit.signal === 0 ? undefined : this.#exit.signal,
      reason: this.#exit?.reason ?? '',
      message: this.#exit?.message ?? '',
      logPath,
      writableLayer: join(this.files.directory, 'upper'),
      labels: config.labels,
      resources: config.resources,
    };
  }

  #exitCode(): number | undefined {
    try {
      const text = readFileSync(this.files.exitFile, 'utf8').trim();
      return /^\d+$/.test(text) ? Number(text) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Conmon tells 128 + n of a signal n, as programs do by convention that pass on the end of another one. */
  #ended(exitCode: number, startedAt: number): ExitRecord {
    const oom = exitCode !== 0 && this.#isOomKilled();
    return {
      exitCode,
      signal: exitCode > 128 && exitCode <= 128 + 64 ? exitCode - 128 : 0,
      finishedAt: Math.max(startedAt, Math.floor(statSync(this.files.exitFile).mtimeMs)),
      reason: oom ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error',
      message: '',
    };
  }

  #isOomKilled(): boolean {
    try {
      return Number(oomKillCounter.exec(readFileSync(this.files.oomFile, 'utf8'))?.[1] ?? 0) > 0;
    } catch {
      return false;
    }
  }

  #terminationMessage(): string {
    if (this.config.terminationMessagePath === '') return '';
    let fd: number | undefined;
    try {
      fd = openSync(join(this.files.directory, 'termination'), 'r');
      const bytes = Buffer.alloc(terminationMessageBytes);
      return bytes.subarray(0, readSync(fd, bytes, 0, terminationMessageBytes, 0)).toString('utf8');
    } catch {
      return '';
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}
