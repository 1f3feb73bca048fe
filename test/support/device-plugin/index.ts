/** Runs the device plugin of the tests. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DevicePluginSettings {
  readonly resource: string;
  /** Where the node serves `kubelet.sock`. */
  readonly directory: string;
  /** Its own. */
  readonly own: string;
  /** In place of a call: where it leaves its registration socket. */
  readonly registry?: string;
  readonly options?: { readonly preStartRequired?: boolean; readonly getPreferredAllocationAvailable?: boolean };
  readonly cdi?: boolean;
  /** It never answers to Allocate. */
  readonly hangs?: boolean;
  readonly version?: string;
}

export interface PluginCall {
  readonly method: string;
  readonly request?: unknown;
  /** Of `Registered`: what the node answered; empty: all is well. */
  readonly error?: string;
}

export class DevicePluginProcess {
  readonly settings: DevicePluginSettings;
  #child: ChildProcess | undefined;

  constructor(settings: DevicePluginSettings) {
    this.settings = settings;
  }

  async start(devices: Readonly<Record<string, 'Healthy' | 'Unhealthy'>>): Promise<this> {
    const { own, directory } = this.settings;
    mkdirSync(own, { recursive: true });
    mkdirSync(directory, { recursive: true });
    this.tell(devices);
    const program = join(import.meta.dirname, 'plugin.mjs');
    const child = spawn(process.execPath, [program, JSON.stringify(this.settings)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error(`the device plugin did not start: ${output}`)));
      child.once('error', reject);
    });
    return this;
  }

  /** What its devices are by now. */
  tell(devices: Readonly<Record<string, 'Healthy' | 'Unhealthy'>>): void {
    const file = join(this.settings.own, 'devices.json');
    writeFileSync(`${file}.new`, JSON.stringify(devices));
    renameSync(`${file}.new`, file);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  calls(method: string): readonly PluginCall[] {
    const file = join(this.settings.own, 'calls.jsonl');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as PluginCall)
      .filter((call) => call.method === method);
  }
}
