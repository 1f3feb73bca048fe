import type { PluginInfo } from '../control.ts';
import { kernelMetricDefinitions } from './kernel-metric-definitions.ts';
import { openMetrics, type Instruments, type OpenMetrics } from './open-metrics.ts';

/** The instruments that the kernel writes. */
export type KernelFigures = Instruments<typeof kernelMetricDefinitions>;

/** What the calls of a method came to, of one provider of the service. */
export interface ServiceCallFigures {
  readonly service: string;
  readonly method: string;
  readonly calls: number;
  readonly errors: number;
  readonly totalMs: number;
}

/** Where the figures come from that are looked up rather than followed. */
export interface FigureSources {
  records(): Iterable<Pick<PluginInfo, 'name' | 'state' | 'faults' | 'restarts'> & { readonly enabled: boolean }>;
  serviceCalls(): readonly ServiceCallFigures[];
}

function refresh(figures: KernelFigures, sources: FigureSources): void {
  figures.pluginState.clear();
  for (const { name, state, enabled, faults, restarts } of sources.records()) {
    if (!enabled) continue;
    figures.pluginState.of(name, state).set(1);
    figures.pluginFaults.of(name).set(faults);
    figures.pluginRestarts.of(name).set(restarts);
  }
  // A service may have several providers.
  for (const counter of [figures.serviceCalls, figures.serviceErrors, figures.serviceSeconds]) counter.clear();
  for (const { service, method: name, calls, errors, totalMs } of sources.serviceCalls()) {
    figures.serviceCalls.of(service, name).add(calls);
    figures.serviceErrors.of(service, name).add(errors);
    figures.serviceSeconds.of(service, name).add(totalMs / 1000);
  }
}

/** The kernel's own metrics: those that it follows, and those that are looked up when somebody reads them. */
export function openKernelFigures(sources: FigureSources): OpenMetrics<typeof kernelMetricDefinitions> {
  return openMetrics(kernelMetricDefinitions, (figures) => refresh(figures, sources));
}
