import type { TimerHandle } from '@timonel/sdk';
import type { KernelParts } from '../kernel/parts.ts';
import type { PluginLife } from '../lifecycle/plugin-life.ts';
import type { Supervisor } from '../supervision/supervisor.ts';

/** The time after a swap in which the new provider must prove itself: probes at intervals, few faults allowed. */
export class Probation {
  readonly old: string;
  private readonly parts: KernelParts;
  private readonly supervisor: Supervisor;
  private readonly life: PluginLife;
  private readonly listener: { readonly onBroken: (error: unknown) => void; readonly onEnd: () => void };
  private timers: TimerHandle[] = [];
  private over = false;
  private faults = 0;
  private probing = false;

  constructor(
    parts: KernelParts,
    supervisor: Supervisor,
    life: PluginLife,
    old: string,
    listener: { readonly onBroken: (error: unknown) => void; readonly onEnd: () => void },
  ) {
    this.parts = parts;
    this.supervisor = supervisor;
    this.life = life;
    this.old = old;
    this.listener = listener;
  }

  begin(): void {
    const { limits, env } = this.parts;
    this.supervisor.interceptors.set(this.life.record.name, (error) => {
      if (++this.faults >= limits.probationFaultLimit) this.broken(error);
    });
    this.timers = [
      env.timers.every(limits.probationProbeMs, () => this.probe()),
      env.timers.after(limits.probationMs, () => {
        this.end();
        this.listener.onEnd();
      }),
    ];
  }

  end(): void {
    this.over = true;
    for (const timer of this.timers) timer.cancel();
    this.supervisor.interceptors.delete(this.life.record.name);
  }

  private probe(): void {
    if (this.probing) return;
    this.probing = true;
    const fit = (): void => {
      this.probing = false;
    };
    this.life.probe().then(fit, (error: unknown) => this.broken(error));
  }

  private broken(error: unknown): void {
    if (this.over) return;
    this.end();
    this.listener.onBroken(error);
  }
}
