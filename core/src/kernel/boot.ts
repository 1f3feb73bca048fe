import { KernelError } from '@timonel/sdk';
import type { Graph } from '../graph/resolve.ts';
import { visitInOrder } from '../graph/visit.ts';
import type { Linked } from '../graph/links.ts';
import type { PluginRecord } from '../lifecycle/plugin-record.ts';
import type { Launcher } from './launcher.ts';
import type { KernelParts } from './parts.ts';

/**
 * Builds all plugins, then starts them, in order of the graph and otherwise side by side. An `optional` plugin that
 * fails takes along only those that need it. Returns the error of a `required` one; the caller stops the rest then.
 */
export class Boot {
  private readonly parts: KernelParts;
  private readonly launcher: Launcher;
  private readonly stopping: () => boolean;
  private fatal: unknown;

  constructor(parts: KernelParts, launcher: Launcher, stopping: () => boolean) {
    this.parts = parts;
    this.launcher = launcher;
    this.stopping = stopping;
  }

  async run(graph: Graph): Promise<unknown> {
    await this.phase(graph.plugins, async (record) => {
      const life = await this.launcher.build(record);
      // Nothing runs yet: taps are in place before the first start, and setup can read the services it requires.
      life.activate();
    });
    await this.phase(graph.plugins, (record) => this.launcher.start(record));
    return this.fatal;
  }

  private async phase(plugins: readonly Linked[], step: (record: PluginRecord) => Promise<unknown>): Promise<void> {
    await visitInOrder(plugins, async (linked) => {
      const record = this.parts.records.get(linked.name);
      if (record === undefined || record.state === 'failed' || this.fatal !== undefined || this.stopping()) return;
      try {
        this.checkNeeds(linked);
        await step(record);
      } catch (error) {
        await this.launcher.close(record, 'failure', { drain: false });
        if (this.recordState(linked.name) !== 'failed') this.launcher.failed(record, error);
        if (linked.definition.criticality === 'required') this.fatal ??= error;
      }
    });
  }

  private checkNeeds(linked: Linked): void {
    for (const { token, providers } of linked.needs) {
      if (providers.length === 0 || providers.some((name) => this.recordState(name) !== 'failed')) continue;
      const names = providers.map((name) => `'${name}'`).join(', ');
      const message = `plugin '${linked.name}' requires service '${token.id}' of ${names}, which failed`;
      throw new KernelError('ERR_SERVICE_MISSING', message, { plugin: linked.name });
    }
  }

  private recordState(name: string): string | undefined {
    return this.parts.records.get(name)?.state;
  }
}
