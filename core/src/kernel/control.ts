import { KernelError, type KernelControl, type PluginInfo, type SwapReport } from '@timonel/sdk';
import { describeError, type PluginRecord } from '../lifecycle/plugin-record.ts';
import type { Supervisor } from '../supervision/supervisor.ts';
import type { Swapper } from '../swap/swapper.ts';
import type { Launcher } from './launcher.ts';
import type { Operations } from './operations.ts';
import type { DesiredChange } from './options.ts';
import type { KernelParts } from './parts.ts';
import type { PluginSet } from './plugin-set.ts';

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

/** What operators and plugins see and change of the running kernel. */
export class Control implements KernelControl {
  private readonly parts: KernelParts;
  private readonly set: PluginSet;
  private readonly operations: Operations;
  private readonly launcher: Launcher;
  private readonly supervisor: Supervisor;
  private readonly swapper: Swapper;
  private readonly remember: (change: DesiredChange) => Promise<void>;
  private readonly running: () => boolean;

  constructor(tools: {
    readonly parts: KernelParts;
    readonly set: PluginSet;
    readonly operations: Operations;
    readonly launcher: Launcher;
    readonly supervisor: Supervisor;
    readonly swapper: Swapper;
    readonly remember: (change: DesiredChange) => Promise<void>;
    readonly running: () => boolean;
  }) {
    this.parts = tools.parts;
    this.set = tools.set;
    this.operations = tools.operations;
    this.launcher = tools.launcher;
    this.supervisor = tools.supervisor;
    this.swapper = tools.swapper;
    this.remember = tools.remember;
    this.running = tools.running;
  }

  list(): readonly PluginInfo[] {
    const infos = [...this.parts.records.values()].map((record) => record.info());
    return infos.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  info(name: string): PluginInfo {
    return this.set.byName(name).info();
  }

  providerOf(serviceId: string): string | undefined {
    return this.parts.services.providerOf(serviceId);
  }

  enable(nameOrFile: string, config?: unknown): Promise<PluginInfo> {
    return this.operations.run(async () => {
      this.assertRunning();
      const record = await this.set.find(nameOrFile);
      if (record.life !== undefined && record.state !== 'failed') return this.alreadyEnabled(record, config);
      await this.bringUp(record, config ?? record.entry.config);
      await this.remember({
        kind: 'enable',
        plugin: record.name,
        source: record.entry.source,
        config: record.entry.config,
      });
      return record.info();
    });
  }

  disable(name: string): Promise<PluginInfo> {
    return this.operations.run(async () => {
      this.assertRunning();
      const record = this.set.byName(name);
      if (record.state === 'disabled') return record.info();
      const dependents = record.life === undefined && record.state === 'failed' ? [] : this.set.dependents(record);
      if (dependents.length > 0) {
        const message = `plugin '${name}' is required by ${quoted(dependents)}: disable them first, or swap the service`;
        throw new KernelError('ERR_PLUGIN_IN_USE', message, { plugin: name });
      }
      this.swapper.endProbationOf(record.name);
      this.supervisor.forget(record);
      await this.launcher.close(record, 'disable', { drain: true });
      record.enabled = false;
      record.moveTo('disabled');
      const { source, config } = record.entry;
      await this.remember({ kind: 'disable', plugin: name, source, config });
      return record.info();
    });
  }

  swap(serviceId: string, candidate: string): Promise<SwapReport> {
    return this.operations.run(async () => {
      this.assertRunning();
      const report = await this.swapper.swap(serviceId, candidate);
      await this.remember({ kind: 'swap', service: serviceId, from: report.from, to: report.to });
      return report;
    });
  }

  private async bringUp(record: PluginRecord, config: unknown): Promise<void> {
    const wasEnabled = record.enabled;
    try {
      await this.set.check(record, config);
    } catch (error) {
      this.parts.log.warn({ plugin: record.name }, describeError(error));
      if (record.state === 'failed') record.moveTo('failed', describeError(error));
      throw this.hinted(error);
    }
    record.entry = { ...record.entry, config };
    this.supervisor.forget(record);
    record.enabled = true;
    record.moveTo('checked');
    try {
      await this.launcher.launch(record);
    } catch (error) {
      // It stays in the list as failed, but nobody may count on it.
      record.enabled = wasEnabled;
      throw error;
    }
  }

  private hinted(error: unknown): unknown {
    if (!(error instanceof KernelError) || error.code !== 'ERR_SERVICE_CONFLICT') return error;
    const plugin = error.plugin ?? '';
    return new KernelError(error.code, `${error.message}, or swap the service`, { plugin });
  }

  private alreadyEnabled(record: PluginRecord, config: unknown): PluginInfo {
    if (config === undefined) return record.info();
    const message = `plugin '${record.name}' runs already: disable it first to give it another configuration`;
    throw new KernelError('ERR_PLUGIN_STATE', message, { plugin: record.name });
  }

  private assertRunning(): void {
    if (!this.running()) throw new KernelError('ERR_PLUGIN_STATE', 'the kernel does not run', { retryable: true });
  }
}
