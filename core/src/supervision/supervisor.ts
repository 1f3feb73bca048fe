import { KernelError, errorCode, errorMessage, type BreakerInfo, type TimerHandle } from '@timonel/sdk';
import { getOrCreate } from '../collections/get-or-create.ts';
import type { Launcher } from '../kernel/launcher.ts';
import type { Operations } from '../kernel/operations.ts';
import type { KernelParts } from '../kernel/parts.ts';
import { describeError, type PluginRecord } from '../lifecycle/plugin-record.ts';

/** What the supervisor remembers of one plugin. */
interface Watched {
  /** When it had the faults that count still. */
  faultsAt: number[];
  /** Restarts since the last time it ran well. */
  attempts: number;
  runningSince: number;
  restart: TimerHandle | undefined;
  restartAt: number;
  gaveUp: boolean;
}

/** Counts faults, quarantines and restarts `optional` plugins, reports `required` ones that failed for good. */
export class Supervisor {
  /** Called with each fault of a plugin; a probation listens here. */
  readonly interceptors: Map<string, (error: unknown) => void> = new Map();
  private readonly parts: KernelParts;
  private readonly operations: Operations;
  private readonly launcher: Launcher;
  private readonly onFailed: (error: KernelError) => void;
  private readonly watched = new Map<string, Watched>();
  private closed = false;

  constructor(parts: KernelParts, operations: Operations, launcher: Launcher, onFailed: (error: KernelError) => void) {
    this.parts = parts;
    this.operations = operations;
    this.launcher = launcher;
    this.onFailed = onFailed;
  }

  /** Counts a fault of a plugin. */
  fault(record: PluginRecord, error: unknown): void {
    const watched = this.of(record);
    if (!this.count(record, watched, error)) return;
    const { faultLimit, faultWindowMs } = this.parts.limits;
    watched.faultsAt = [...this.countingStill(watched), this.parts.env.clock.monotonic()];
    if (watched.faultsAt.length <= faultLimit) return;
    const plugin = record.name;
    const message = `plugin '${plugin}' had more than ${faultLimit} faults within ${faultWindowMs} ms; the last: ${errorMessage(error)}`;
    this.quarantine(record, watched, new KernelError('ERR_PLUGIN_QUARANTINED', message, { plugin, cause: error }));
  }

  /** The worker thread of a plugin is gone: one fault, and no budget can bring it back but a restart. */
  lost(record: PluginRecord, error: KernelError): void {
    // Before it runs, its next lifecycle call fails.
    if (record.state !== 'running') return;
    const watched = this.of(record);
    if (this.count(record, watched, error)) this.quarantine(record, watched, error);
  }

  /** To be told when a plugin was started anew by somebody else: its slate is clean. */
  forget(record: PluginRecord): void {
    this.watched.get(record.name)?.restart?.cancel();
    this.watched.delete(record.name);
  }

  breakerOf(record: PluginRecord): BreakerInfo {
    const { faultLimit: limit, faultWindowMs: windowMs } = this.parts.limits;
    const watched = this.watched.get(record.name);
    const faults = watched === undefined ? 0 : this.countingStill(watched).length;
    if (record.state !== 'quarantined') return { state: 'closed', faults, limit, windowMs };
    const retryInMs = (watched?.restartAt ?? 0) - this.parts.env.clock.monotonic();
    return { state: 'open', faults, limit, windowMs, ...(retryInMs > 0 ? { retryInMs } : {}) };
  }

  /** Takes over a plugin that lost its life outside of its own fault: restarts it, or reports it when it is required. */
  takeOver(record: PluginRecord, error: unknown): void {
    const reason = describeError(error);
    if (record.entry.definition.criticality === 'required') {
      this.onFailed(new KernelError('ERR_PLUGIN_START', reason, { plugin: record.name, cause: error }));
      return;
    }
    record.moveTo('quarantined', reason);
    this.planRestart(record, this.of(record));
  }

  close(): void {
    this.closed = true;
    for (const watched of this.watched.values()) watched.restart?.cancel();
  }

  private countingStill({ faultsAt }: Watched): readonly number[] {
    const now = this.parts.env.clock.monotonic();
    return faultsAt.filter((at) => now - at < this.parts.limits.faultWindowMs);
  }

  private of(record: PluginRecord): Watched {
    return getOrCreate(this.watched, record.name, () => ({
      faultsAt: [],
      attempts: 0,
      runningSince: this.parts.env.clock.monotonic(),
      restart: undefined,
      restartAt: 0,
      gaveUp: false,
    }));
  }

  /** False when nobody acts on faults of this plugin any more. */
  private count(record: PluginRecord, watched: Watched, error: unknown): boolean {
    record.faults++;
    if (this.closed || watched.gaveUp) return false;
    const code = errorCode(error);
    const fields = { plugin: record.name, ...(code === undefined ? {} : { code }) };
    this.parts.log.warn(fields, `fault: ${errorMessage(error)}`);
    this.interceptors.get(record.name)?.(error);
    return true;
  }

  private quarantine(record: PluginRecord, watched: Watched, reason: KernelError): void {
    const { life } = record;
    if (life === undefined) return;
    this.parts.log.error({ plugin: record.name, code: reason.code }, reason.message);
    if (record.entry.definition.criticality === 'required' && life.aside === undefined) {
      // It goes on until the embedder shuts down: others need it to stop cleanly.
      watched.gaveUp = true;
      record.moveTo('failed', describeError(reason));
      this.onFailed(reason);
      return;
    }
    watched.faultsAt = [];
    life.deactivate();
    this.operations.background(async () => {
      if (record.life !== life) return;
      await this.launcher.close(record, 'failure', { drain: false });
      record.moveTo('quarantined', describeError(reason));
      // Nobody but its watcher needs it.
      if (life.aside !== undefined) return;
      const ranMs = this.parts.env.clock.monotonic() - watched.runningSince;
      if (ranMs >= this.parts.limits.restartResetMs) watched.attempts = 0;
      this.planRestart(record, watched);
    });
  }

  private planRestart(record: PluginRecord, watched: Watched): void {
    const { restartLimit, restartBackoffMs, restartBackoffMaxMs } = this.parts.limits;
    if (this.closed) return;
    if (watched.attempts >= restartLimit) {
      const hint = `${record.reason ?? ''}; gave up after ${watched.attempts} restarts: enable it again to retry`;
      record.moveTo('quarantined', hint);
      return;
    }
    const delayMs = Math.min(restartBackoffMs * 2 ** watched.attempts, restartBackoffMaxMs);
    watched.attempts++;
    watched.restartAt = this.parts.env.clock.monotonic() + delayMs;
    watched.restart = this.parts.env.timers.after(delayMs, () => {
      this.operations.background(() => this.restart(record, watched));
    });
  }

  private async restart(record: PluginRecord, watched: Watched): Promise<void> {
    if (record.state !== 'quarantined' || this.watched.get(record.name) !== watched || this.closed) return;
    record.restarts++;
    try {
      await this.launcher.launch(record);
      watched.runningSince = this.parts.env.clock.monotonic();
      watched.faultsAt = [];
    } catch (error) {
      record.moveTo('quarantined', `restart failed: ${describeError(error)}`);
      this.planRestart(record, watched);
    }
  }
}
