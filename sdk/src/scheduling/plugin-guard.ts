/** Calls plugins of the framework: a throw becomes a fault with the plugin's name, and a plugin with many faults is left out. */
import { errorMessage } from '../kernel/index.ts';
import type { PluginFaults } from '../contracts/scheduler/index.ts';

/** A plugin broke its contract. The framework catches it: one pod cannot be decided now. */
export class PluginFault extends Error {
  override readonly name: string = 'PluginFault';
  readonly plugin: string;

  constructor(plugin: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.plugin = plugin;
  }
}

interface Record {
  faults: number;
  lastFault: string;
  quarantined: boolean;
}

/** So many faults, and the plugin is asked no more until its scheduler is made anew or configured. */
const faultLimit = 10;

export class PluginGuard {
  readonly #records = new Map<string, Record>();
  #running: string | undefined;

  /** The plugin that runs at this moment. */
  get running(): string | undefined {
    return this.#running;
  }

  call<T>(plugin: string, fn: () => T): T {
    const caller = this.#running;
    this.#running = plugin;
    try {
      return fn();
    } catch (error) {
      throw this.fault(plugin, `threw: ${errorMessage(error)}`, error);
    } finally {
      this.#running = caller;
    }
  }

  /** Counts a fault. The caller throws it. */
  fault(plugin: string, what: string, cause?: unknown): PluginFault {
    if (cause instanceof PluginFault) return cause;
    const record = this.#records.get(plugin) ?? { faults: 0, lastFault: '', quarantined: false };
    record.faults += 1;
    record.lastFault = what;
    record.quarantined ||= record.faults >= faultLimit;
    this.#records.set(plugin, record);
    return new PluginFault(plugin, `plugin ${plugin} ${what}`, cause);
  }

  /** The call that was under way was ended from outside. */
  wasCutOff(): void {
    if (this.#running !== undefined) this.fault(this.#running, 'did not return');
    this.#running = undefined;
  }

  /** Whether it is left out because of its faults. */
  isOut(plugin: string): boolean {
    return this.#records.size > 0 && this.#records.get(plugin)?.quarantined === true;
  }

  /** How many plugins are left out; what depends on the list of plugins is made anew when it changes. */
  get outCount(): number {
    let count = 0;
    for (const { quarantined } of this.#records.values()) if (quarantined) count += 1;
    return count;
  }

  faults(): PluginFaults[] {
    return [...this.#records].map(([plugin, record]) => ({ plugin, ...record }));
  }
}
