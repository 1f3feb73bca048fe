import { readFile } from 'node:fs/promises';
import type { ContainerConfig, ContainerRuntime, ContainerStatus, SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { until } from '../../until.ts';
import { containerConfig, sandboxConfig } from './configs.ts';
import type { RuntimeCommands, RuntimeUnderTest } from './under-test.ts';

const deadlineMs = 10_000;

/** What the parts of the suite share. Sandboxes made through it are removed after each test. */
export class SuiteContext {
  /** Known before the runtime is made, so that a test can be skipped with its reason. */
  readonly declared: RuntimeCommands;
  #bed: RuntimeUnderTest | undefined;
  #runtime: ContainerRuntime | undefined;
  #count = 0;
  #sandboxes: string[] = [];

  constructor(declared: RuntimeCommands) {
    this.declared = declared;
  }

  open(bed: RuntimeUnderTest): void {
    this.#bed = bed;
    this.#runtime = bed.runtime;
  }

  async close(): Promise<void> {
    await this.#bed?.close();
  }

  async removeAll(): Promise<void> {
    for (const id of this.#sandboxes.splice(0)) await this.#runtime?.removeSandbox(id);
  }

  get runtime(): ContainerRuntime {
    if (this.#runtime === undefined) throw new Error('the runtime under test could not be made');
    return this.#runtime;
  }

  get commands(): RuntimeCommands {
    return this.#bed?.commands ?? this.declared;
  }

  get logDirectory(): string {
    return this.#bed?.logDirectory ?? '';
  }

  async restart(): Promise<void> {
    this.#runtime = await this.#bed?.restart();
  }

  newId(): string {
    return `contract-${++this.#count}`;
  }

  sandbox(id: string, changes: Partial<SandboxConfig> = {}): SandboxConfig {
    this.#sandboxes.push(id);
    return sandboxConfig(id, this.logDirectory, changes);
  }

  container(
    sandboxId: string,
    id: string,
    command: readonly string[],
    changes: Partial<ContainerConfig> = {},
  ): ContainerConfig {
    if (this.#bed === undefined) throw new Error('the runtime under test could not be made');
    return containerConfig(sandboxId, id, this.#bed.image, command, changes);
  }

  async newSandbox(): Promise<string> {
    const id = this.newId();
    await this.runtime.runSandbox(this.sandbox(id));
    return id;
  }

  /** Creates and starts a container; returns its id. */
  async started(
    sandboxId: string,
    command: readonly string[],
    changes: Partial<ContainerConfig> = {},
  ): Promise<string> {
    const config = this.container(sandboxId, this.newId(), command, changes);
    await this.runtime.createContainer(config);
    await this.runtime.startContainer(config.id);
    await this.ready(config.id, command);
    return config.id;
  }

  async exited(id: string): Promise<ContainerStatus> {
    let status: ContainerStatus | undefined;
    const ended = async (): Promise<boolean> => {
      status = await this.runtime.containerStatus(id);
      return status?.state === 'exited';
    };
    await until(ended, { what: `container ${id} to end`, timeoutMs: deadlineMs });
    if (status === undefined) throw new Error(`container ${id} is gone`);
    return status;
  }

  /** A program that was just executed needs a moment to set its signal handlers; it says when it has. */
  async ready(id: string, command: readonly string[]): Promise<void> {
    const { run, runIgnoringTerm, runUntilQuit, readyLine } = this.commands;
    if (readyLine === undefined || ![run, runIgnoringTerm, runUntilQuit].includes(command)) return;
    const logPath = (await this.runtime.containerStatus(id))?.logPath ?? '';
    const said = async (): Promise<boolean> => (await readFile(logPath, 'utf8')).includes(readyLine);
    await until(said, { what: `container ${id} to say "${readyLine}"`, timeoutMs: deadlineMs });
  }
}
