import {
  KernelError,
  type AsideProvider,
  type KernelControl,
  type PluginInfo,
  type ProbationInfo,
  type SwapOptions,
  type SwapReport,
} from '@timonel/sdk';
import { quoted } from '../graph/problems.ts';
import { describeError, type PluginRecord } from '../lifecycle/plugin-record.ts';
import { Asides } from '../swap/asides.ts';
import type { Swapper } from '../swap/swapper.ts';
import type { KernelTools } from './parts.ts';

/** What operators and plugins see and change of the running kernel. */
export class Control implements KernelControl {
  private readonly tools: KernelTools;
  private readonly swapper: Swapper;
  private readonly asides: Asides;
  private readonly running: () => boolean;

  constructor(tools: KernelTools, swapper: Swapper, running: () => boolean) {
    this.tools = tools;
    this.swapper = swapper;
    this.asides = new Asides(tools);
    this.running = running;
  }

  list(): readonly PluginInfo[] {
    const infos = [...this.tools.parts.records.values()].map((record) => record.info());
    return infos.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  info(name: string): PluginInfo {
    return this.tools.set.byName(name).info();
  }

  providerOf(serviceId: string): string | undefined {
    return this.tools.parts.services.providerOf(serviceId);
  }

  enable(nameOrFile: string, config?: unknown): Promise<PluginInfo> {
    return this.tools.operations.run(async () => {
      this.assertRunning();
      const record = await this.tools.set.find(nameOrFile);
      if (record.life === undefined || record.state === 'failed') {
        await this.bringUp(record, config ?? record.entry.config);
        await this.remember('enable', record);
      } else if (record.life.aside !== undefined) {
        const message = `plugin '${record.name}' runs aside of service '${record.life.aside}': swap the service, or end that first`;
        throw new KernelError('ERR_PLUGIN_STATE', message, { plugin: record.name });
      } else if (config !== undefined) {
        const message = `plugin '${record.name}' runs already: disable it first to give it another configuration`;
        throw new KernelError('ERR_PLUGIN_STATE', message, { plugin: record.name });
      }
      return record.info();
    });
  }

  disable(name: string): Promise<PluginInfo> {
    return this.tools.operations.run(async () => {
      this.assertRunning();
      const record = this.tools.set.byName(name);
      if (record.state === 'disabled') return record.info();
      const dependents =
        record.life === undefined && record.state === 'failed' ? [] : this.tools.set.dependents(record);
      if (dependents.length > 0) {
        const message = `plugin '${name}' is required by ${quoted(dependents)}: disable them first, or swap the service`;
        throw new KernelError('ERR_PLUGIN_IN_USE', message, { plugin: name });
      }
      this.swapper.endProbationOf(record.name);
      this.tools.supervisor.forget(record);
      await this.tools.launcher.close(record, 'disable', { drain: true });
      record.enabled = false;
      record.moveTo('disabled');
      await this.remember('disable', record);
      return record.info();
    });
  }

  probation(serviceId: string): ProbationInfo | undefined {
    return this.swapper.probation(serviceId);
  }

  unfit(serviceId: string, reason: string): boolean {
    return this.swapper.unfit(serviceId, reason);
  }

  aside(service: string, nameOrFile: string, config?: unknown): Promise<AsideProvider> {
    const { activity, records } = this.tools.parts;
    // The embedder does not come through a slot.
    const owner = activity.current === 'kernel' ? records.get(activity.consumer ?? '')?.life : undefined;
    return this.tools.operations.run(() => {
      this.assertRunning();
      return this.asides.open({ service, nameOrFile, config, owner });
    });
  }

  swap(serviceId: string, candidate: string, options?: SwapOptions): Promise<SwapReport> {
    return this.tools.operations.run(async () => {
      this.assertRunning();
      const report = await this.swapper.swap(serviceId, candidate, options);
      await this.tools.remember({ kind: 'swap', service: serviceId, from: report.from, to: report.to });
      return report;
    });
  }

  private async bringUp(record: PluginRecord, config: unknown): Promise<void> {
    const wasEnabled = record.enabled;
    try {
      await this.tools.set.check(record, config);
    } catch (error) {
      this.tools.parts.log.warn({ plugin: record.name }, describeError(error));
      if (record.state === 'failed') record.moveTo('failed', describeError(error));
      throw error;
    }
    record.entry = { ...record.entry, config };
    this.tools.supervisor.forget(record);
    record.enabled = true;
    record.moveTo('checked');
    try {
      await this.tools.launcher.launch(record);
    } catch (error) {
      // It stays in the list as failed, but nobody may count on it.
      record.enabled = wasEnabled;
      throw error;
    }
  }

  private remember(kind: 'enable' | 'disable', { name: plugin, entry }: PluginRecord): Promise<void> {
    return this.tools.remember({ kind, plugin, source: entry.source, config: entry.config });
  }

  private assertRunning(): void {
    if (!this.running()) throw new KernelError('ERR_PLUGIN_STATE', 'the kernel does not run', { retryable: true });
  }
}
