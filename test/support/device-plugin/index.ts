/** Runs the device plugin of the tests. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StandIn } from '../stand-in.ts';

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
  readonly #program: StandIn<PluginCall>;

  constructor(settings: DevicePluginSettings) {
    this.settings = settings;
    this.#program = new StandIn('device plugin', join(import.meta.dirname, 'plugin.mjs'), settings.own);
  }

  async start(devices: Readonly<Record<string, 'Healthy' | 'Unhealthy'>>): Promise<this> {
    const { own, directory } = this.settings;
    mkdirSync(own, { recursive: true });
    mkdirSync(directory, { recursive: true });
    this.tell(devices);
    await this.#program.start(this.settings);
    return this;
  }

  /** What its devices are by now. */
  tell(devices: Readonly<Record<string, 'Healthy' | 'Unhealthy'>>): void {
    const file = join(this.settings.own, 'devices.json');
    writeFileSync(`${file}.new`, JSON.stringify(devices));
    renameSync(`${file}.new`, file);
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }

  calls(method: string): readonly PluginCall[] {
    return this.#program.calls().filter((call) => call.method === method);
  }
}
