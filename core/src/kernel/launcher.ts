import type { KernelError, StopReason } from '@timonel/sdk';
import { PluginLife } from '../lifecycle/plugin-life.ts';
import { describeError, type PluginRecord } from '../lifecycle/plugin-record.ts';
import type { KernelParts } from './parts.ts';

/** The steps of a plugin's life with its state; every failure leaves nothing behind. */
export class Launcher {
  private readonly parts: KernelParts;

  constructor(parts: KernelParts) {
    this.parts = parts;
  }

  /** declared or checked → built; `aside` of a service: see {@link PluginLife.aside}. */
  async build(record: PluginRecord, aside?: string): Promise<PluginLife> {
    record.setupMs = undefined;
    record.startMs = undefined;
    const life = new PluginLife(record, this.parts, aside);
    record.life = life;
    try {
      await life.setup();
    } catch (error) {
      this.failed(record, error);
      throw error;
    }
    record.moveTo('built');
    return life;
  }

  /** What is not fit to serve is gone afterwards. */
  async probe(record: PluginRecord): Promise<void> {
    try {
      await record.life?.probe();
    } catch (error) {
      await this.discard(record, error);
      throw error;
    }
  }

  /** built → running. */
  async start(record: PluginRecord): Promise<void> {
    const { life } = record;
    if (life === undefined) return;
    record.moveTo('starting');
    try {
      await life.start();
    } catch (error) {
      await life.end('failure', { drain: false });
      this.failed(record, error);
      throw error;
    }
    record.moveTo('running');
  }

  /** From nothing to running; services and taps appear when it runs. */
  async launch(record: PluginRecord): Promise<void> {
    const life = await this.build(record);
    await this.start(record);
    life.activate();
  }

  /** Ends the present life. The caller sets the state that follows. */
  async close(record: PluginRecord, reason: StopReason, options: { readonly drain: boolean }): Promise<KernelError[]> {
    const { life } = record;
    if (life === undefined) return [];
    const problems = await life.end(reason, options);
    record.life = undefined;
    return problems;
  }

  async discard(record: PluginRecord, error: unknown): Promise<void> {
    await this.close(record, 'failure', { drain: false });
    this.failed(record, error);
  }

  failed(record: PluginRecord, error: unknown): void {
    const reason = describeError(error);
    record.life = undefined;
    record.moveTo('failed', reason);
    this.parts.log.error({ plugin: record.name }, reason);
    this.parts.onProgress({ plugin: record.name, phase: 'failed', reason });
  }
}
