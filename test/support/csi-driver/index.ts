/** Runs the CSI driver of the tests. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CsiDriverSettings {
  readonly name: string;
  /** Where it registers: `plugins_registry`. */
  readonly registry: string;
  /** Its own. */
  readonly directory: string;
  readonly nodeId?: string;
  /** Numbers of `NodeServiceCapability.RPC.Type`. Default: stages, measures and expands. */
  readonly capabilities?: readonly number[];
  readonly versions?: readonly string[];
  /** As one whose mounts the node does not see. */
  readonly mountsNothing?: boolean;
  readonly segments?: Readonly<Record<string, string>>;
}

export interface DriverCall {
  readonly method: string;
  readonly request: Readonly<Record<string, unknown>>;
}

type Fault = { readonly code: string; readonly message?: string };

export class CsiDriverProcess {
  readonly settings: CsiDriverSettings;
  #child: ChildProcess | undefined;

  constructor(settings: CsiDriverSettings) {
    this.settings = settings;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async start(): Promise<this> {
    const { directory, registry } = this.settings;
    mkdirSync(directory, { recursive: true });
    mkdirSync(registry, { recursive: true });
    const program = join(import.meta.dirname, 'driver.mjs');
    const child = spawn(process.execPath, [program, JSON.stringify(this.settings)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error(`the CSI driver did not start: ${output}`)));
      child.once('error', reject);
    });
    return this;
  }

  /** Its sockets stay, as those of a driver that was killed. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  addVolume(id: string): void {
    mkdirSync(this.pathOf(id), { recursive: true, mode: 0o777 });
  }

  pathOf(id: string): string {
    return join(this.settings.directory, 'volumes', id);
  }

  /** By method. Empty: all is well. */
  fail(faults: Readonly<Record<string, Fault>>): void {
    writeFileSync(join(this.settings.directory, 'fail.json'), JSON.stringify(faults));
  }

  /** Of one method, or of all. */
  calls(method?: string): readonly DriverCall[] {
    const file = join(this.settings.directory, 'calls.jsonl');
    if (!existsSync(file)) return [];
    const all = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as DriverCall);
    return method === undefined ? all : all.filter((call) => call.method === method);
  }

  forgetCalls(): void {
    rmSync(join(this.settings.directory, 'calls.jsonl'), { force: true });
  }
}
