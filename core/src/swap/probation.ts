import type { KernelParts } from '../kernel/parts.ts';
import type { PluginLife } from '../lifecycle/plugin-life.ts';
import type { Supervisor } from '../supervision/supervisor.ts';

/** The time after a swap in which the new provider must prove itself. */
export interface Probation {
  /** The plugin that served before. */
  readonly old: string;
  end(): void;
}

/** Probes the new provider at intervals and allows it few faults. Calls one of `onBroken` and `onPassed`, or none after `end`. */
export function beginProbation(
  parts: KernelParts,
  supervisor: Supervisor,
  life: PluginLife,
  old: string,
  listener: { readonly onBroken: (error: unknown) => void; readonly onPassed: () => void },
): Probation {
  const { limits, env } = parts;
  const plugin = life.record.name;
  let over = false;
  let faults = 0;
  let probing = false;
  const end = (): void => {
    over = true;
    for (const timer of timers) timer.cancel();
    supervisor.interceptors.delete(plugin);
  };
  const broken = (error: unknown): void => {
    if (over) return;
    end();
    listener.onBroken(error);
  };
  const probe = async (): Promise<void> => {
    if (probing) return;
    probing = true;
    await life.probe().catch(broken);
    probing = false;
  };
  supervisor.interceptors.set(plugin, (error) => {
    if (++faults >= limits.probationFaultLimit) broken(error);
  });
  const passed = (): void => {
    end();
    listener.onPassed();
  };
  const timers = [
    env.timers.every(limits.probationProbeMs, () => void probe()),
    env.timers.after(limits.probationMs, passed),
  ];
  return { old, end };
}
