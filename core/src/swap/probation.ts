import type { KernelParts } from '../kernel/parts.ts';
import type { PluginLife } from '../lifecycle/plugin-life.ts';
import type { Supervisor } from '../supervision/supervisor.ts';

/** The time after a swap in which the new provider must prove itself. */
export interface Probation {
  readonly service: string;
  /** The plugin that served before. */
  readonly old: string;
  /** On the monotonic clock. */
  readonly endsAt: number;
  /** The new provider is no good. */
  broken(error: unknown): void;
  end(): void;
}

/** Who proves itself, instead of whom, and how long. */
export interface ProbationTerms {
  readonly life: PluginLife;
  readonly service: string;
  readonly old: string;
  readonly ms: number;
}

/** Probes the new provider at intervals and allows it few faults. Calls one of `onBroken` and `onPassed`, or none after `end`. */
export function beginProbation(
  parts: KernelParts,
  supervisor: Supervisor,
  { life, service, old, ms }: ProbationTerms,
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
  const timers = [env.timers.every(limits.probationProbeMs, () => void probe()), env.timers.after(ms, passed)];
  return { service, old, endsAt: env.clock.monotonic() + ms, broken, end };
}
