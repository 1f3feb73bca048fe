import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Env } from '@timonel/sdk';
import { RuntimeError } from '@timonel/sdk/contracts/runtime';
import { isMounted } from '@timonel/sdk/linux';
import { containerSpec } from './bundle/container-spec.ts';
import { specText } from './bundle/spec.ts';
import type { RuntimeOciConfig } from './config.ts';
import { startMonitor } from './conmon.ts';
import type { Container } from './container.ts';
import { killStrayMonitor } from './container-maker.ts';
import { beginLog } from './full-log.ts';
import { isAlive, killProcess } from './identity.ts';
import { writeText } from './json-file.ts';
import type { Layout } from './layout.ts';
import { asRuntimeError, type OciProgram } from './oci-program.ts';
import { placesOf } from './places.ts';

export interface StarterOptions {
  readonly env: Env;
  readonly layout: Layout;
  readonly program: OciProgram;
  readonly settings: RuntimeOciConfig;
  cgroupOf(sandboxId: string, containerId: string): string;
}

/**
 * Makes and starts the container of the OCI runtime in one go: `createContainer` only prepares it, so that no process waits for its
 * start, and a command that is not there fails the start, as it does with the CRI.
 */
export class ContainerStarter {
  readonly #options: StarterOptions;

  constructor(options: StarterOptions) {
    this.#options = options;
  }

  /** @throws RuntimeError StartError: the container has ended then */
  async start(container: Container, pausePid: () => number, processesOf: () => number | undefined): Promise<void> {
    const { program, env } = this.#options;
    const { id } = container.config;
    try {
      this.#writeBundle(container, pausePid(), processesOf());
      await this.#run(container);
    } catch (error) {
      await this.#undo(container).catch(() => undefined); // removal repeats it
      const failure = asStartError(error, container.config.command[0] ?? '');
      const finishedAt = env.clock.now();
      const exitCode = failure.exitCode ?? 128;
      container.end({ exitCode, signal: 0, finishedAt, reason: 'StartError', message: failure.message });
      await program.delete(id).catch(() => undefined);
      throw failure;
    }
  }

  async #run(container: Container): Promise<void> {
    const { program, env, layout, settings } = this.#options;
    const { config, stored, files } = container;
    for (const name of ['attach', 'ctl', 'winsz', 'conmon.pid']) rmSync(join(files.directory, name), { force: true });
    beginLog(stored.logPath, settings);
    const made = await startMonitor({
      config,
      program,
      directory: files.directory,
      logPath: stored.logPath,
      logMaxBytes: settings.logMaxBytes,
      exitDirectory: layout.exits,
      env,
    });
    container.storeRun({ ...made, startedAt: 0 });
    await program.run(['start', config.id]);
    container.storeRun({ ...made, startedAt: env.clock.now() });
  }

  #writeBundle(container: Container, pausePid: number, processesOf: number | undefined): void {
    const { layout, settings } = this.#options;
    const { config, sandbox, user } = container.stored;
    const { directory } = container.files;
    const places = placesOf(layout, config, sandbox);
    if (!isMounted(places.root)) throw new Error('its root file system is not mounted any more');
    const cgroup = this.#options.cgroupOf(config.sandboxId, config.id);
    const input = { config, sandbox, settings, user, cgroup, places, pausePid, processesOf };
    mkdirSync(layout.exits, { recursive: true });
    writeText(join(directory, 'config.json'), specText(containerSpec(input)));
  }

  /** What a failed or cut-off start left: the container is as it was created. */
  async #undo(container: Container): Promise<void> {
    const { run, files } = container;
    if (run !== undefined) {
      killProcess(run.init);
      killProcess(run.monitor);
    } else killStrayMonitor(files.directory);
    await this.#options.program.delete(container.config.id);
    container.forgetRun();
  }

  /** After a restart: a start that was cut off is undone, unless the command runs already. */
  async adopt(container: Container, bootId: string): Promise<void> {
    if (container.state !== 'created') return;
    const { run, stored } = container;
    if (stored.bootId !== bootId) {
      const message = 'the node was restarted before the container was started';
      const finishedAt = this.#options.env.clock.now();
      container.end({ exitCode: 137, signal: 9, finishedAt, reason: 'Error', message });
      return;
    }
    if (run !== undefined && isAlive(run.monitor) && (await this.#isStarted(container))) {
      container.storeRun({ ...run, startedAt: this.#options.env.clock.now() });
      return;
    }
    await this.#undo(container);
  }

  /** What waits for its start the OCI runtime starts only once; what runs or has ended it refuses to. */
  async #isStarted(container: Container): Promise<boolean> {
    try {
      return (await this.#options.program.state(container.config.id)) !== 'created';
    } catch {
      return false;
    }
  }
}

function asStartError(error: unknown, command: string): RuntimeError {
  const known = asRuntimeError(error, 'StartError') as RuntimeError;
  if (known.reason !== 'StartError')
    return new RuntimeError('StartError', known.message, { exitCode: 128, cause: error });
  if (known.message.includes(command)) return known;
  const { exitCode = 128 } = known;
  return new RuntimeError('StartError', `${command}: ${known.message}`, { exitCode, cause: error });
}
