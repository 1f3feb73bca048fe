/** Runs the CSI driver of the tests. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StandIn } from '../stand-in.ts';

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
  readonly #program: StandIn<DriverCall>;

  constructor(settings: CsiDriverSettings) {
    this.settings = settings;
    this.#program = new StandIn('CSI driver', join(import.meta.dirname, 'driver.mjs'), settings.directory);
  }

  get pid(): number {
    return this.#program.pid;
  }

  async start(): Promise<this> {
    const { directory, registry } = this.settings;
    mkdirSync(directory, { recursive: true });
    mkdirSync(registry, { recursive: true });
    await this.#program.start(this.settings);
    return this;
  }

  /** Its sockets stay, as those of a driver that was killed. */
  stop(): Promise<void> {
    return this.#program.stop();
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
    const all = this.#program.calls();
    return method === undefined ? all : all.filter((call) => call.method === method);
  }

  forgetCalls(): void {
    rmSync(join(this.settings.directory, 'calls.jsonl'), { force: true });
  }
}
