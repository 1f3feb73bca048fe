import {
  KernelError,
  errorMessage,
  kernelControl,
  kernelHooks,
  kernelMetrics,
  MetricRegistry,
  openKernelFigures,
  DeadlineWatch,
  type HookCaller,
  type KernelControl,
  type PluginInfo,
  type PluginStateChange,
  type RequiredDep,
  type ServiceToken,
  type StopReason,
  type TimerHandle,
} from '@timonel/sdk';
import { keepProcessAlive } from '../env/keep-alive.ts';
import { reversed, sortPlugins, visitInOrder } from '../graph/visit.ts';
import { GraphError } from '../graph/problems.ts';
import { resolveGraph, type Graph } from '../graph/resolve.ts';
import { HookRegistry } from '../hooks/hook-registry.ts';
import { PluginScopes } from '../services/plugin-scopes.ts';
import { ServiceRegistry } from '../services/service-registry.ts';
import { Activity } from '../supervision/activity.ts';
import { watchLag } from '../supervision/lag-watch.ts';
import { Supervisor } from '../supervision/supervisor.ts';
import { Swapper } from '../swap/swapper.ts';
import { boot } from './boot.ts';
import { Control } from './control.ts';
import { Launcher } from './launcher.ts';
import { defaultLimits, type KernelLimits } from './limits.ts';
import { Operations } from './operations.ts';
import type { DesiredChange, Kernel, KernelOptions, StartReport, StopProblem, StopReport } from './options.ts';
import type { KernelParts, KernelTools } from './parts.ts';
import { PluginSet } from './plugin-set.ts';

type Phase = 'new' | 'starting' | 'running' | 'stopping' | 'stopped';

/** Wires the parts together; the rules are in the parts. */
class Host implements Kernel {
  readonly control: KernelControl;
  readonly failed: Promise<KernelError>;
  private readonly options: KernelOptions;
  private readonly parts: KernelParts;
  private readonly set: PluginSet;
  private readonly operations: Operations;
  private readonly launcher: Launcher;
  private readonly supervisor: Supervisor;
  private readonly swapper: Swapper;
  private readonly stateHook: HookCaller<typeof kernelHooks.pluginState>;
  private phase: Phase = 'new';
  private lag: TimerHandle | undefined;
  private stopReport: Promise<StopReport> | undefined;

  constructor(options: KernelOptions) {
    this.options = options;
    this.parts = this.createParts({ ...defaultLimits, ...options.limits });
    this.stateHook = this.parts.hooks.callersOf(kernelHooks).pluginState;
    this.operations = new Operations((error) => options.log.error({}, `operation failed: ${errorMessage(error)}`));
    this.launcher = new Launcher(this.parts);
    let reportFailed: (error: KernelError) => void = () => undefined;
    this.failed = new Promise((resolve) => {
      reportFailed = resolve;
    });
    this.supervisor = new Supervisor(this.parts, this.operations, this.launcher, (error) => reportFailed(error));
    this.set = new PluginSet(this.parts, options.loadPlugin);
    const { parts, set, launcher, supervisor, operations } = this;
    const remember = (change: DesiredChange): Promise<void> => this.remember(change);
    const tools: KernelTools = { parts, set, launcher, supervisor, operations, remember };
    this.swapper = new Swapper(tools);
    this.control = new Control(tools, this.swapper, () => this.phase === 'running');
    this.parts.services.bind('kernel', kernelControl, this.control);
    this.parts.services.bind('kernel', kernelMetrics, this.parts.metrics);
  }

  start(): Promise<StartReport> {
    if (this.phase !== 'new') {
      return Promise.reject(new KernelError('ERR_PLUGIN_STATE', `the kernel is ${this.phase} already`));
    }
    this.phase = 'starting';
    return this.operations.run(async () => {
      const { ms, result: plugins } = await this.timed(() => this.boot());
      return { ms, plugins };
    });
  }

  stop(reason: StopReason = 'shutdown'): Promise<StopReport> {
    if (this.stopReport === undefined) {
      this.phase = 'stopping';
      this.supervisor.close();
      this.swapper.close();
      this.stopReport = this.operations.run(async () => {
        const { ms, result: problems } = await this.timed(() => this.closeAll(reason));
        this.finish();
        return { ms, problems };
      });
    }
    return this.stopReport;
  }

  service<S extends ServiceToken>(token: S): RequiredDep<S> {
    return this.parts.services.required(token, 'embedder') as RequiredDep<S>;
  }

  reportFault(plugin: string, error: unknown): boolean {
    const record = this.parts.records.get(plugin);
    if (record?.state !== 'running') return false;
    this.supervisor.fault(record, error);
    return true;
  }

  serviceCalls(): ReturnType<Kernel['serviceCalls']> {
    return this.parts.services.callInfo();
  }

  private async boot(): Promise<readonly PluginInfo[]> {
    const graph = await this.resolve();
    this.watchLag();
    try {
      await boot(graph, this.parts, this.launcher, () => this.isStopping());
    } catch (error) {
      await this.closeAll('failure');
      this.finish();
      throw error;
    }
    if (!this.isStopping()) this.phase = 'running';
    return sortPlugins(graph.plugins).order.map((name) => this.set.byName(name).info());
  }

  /** Runs `work` with the process kept alive, and takes the time. */
  private async timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
    const { clock } = this.parts.env;
    const startedAt = clock.monotonic();
    const release = keepProcessAlive();
    try {
      const result = await work();
      return { ms: clock.monotonic() - startedAt, result };
    } finally {
      release();
    }
  }

  /** Checks the whole set. @throws GraphError */
  private async resolve(): Promise<Graph> {
    const { plugins, available = [] } = this.options;
    const graph = await resolveGraph({
      plugins,
      available: available.map(({ definition }) => definition),
    });
    if (graph.problems.length > 0) {
      this.finish();
      throw new GraphError(graph.problems);
    }
    for (const entry of plugins) {
      const record = this.set.add(entry, true);
      record.config = graph.configs.get(record.name);
      this.parts.hooks.declare(entry.definition.hooks);
      record.moveTo('checked');
    }
    for (const entry of available) {
      if (!this.parts.records.has(entry.definition.name)) this.set.add(entry, false);
    }
    return graph;
  }

  private async closeAll(reason: StopReason): Promise<StopProblem[]> {
    const problems: StopProblem[] = [];
    const living = [...this.parts.records.values()].filter(({ life }) => life !== undefined);
    await visitInOrder(reversed(this.set.links(living)), async ({ name }) => {
      const record = this.set.byName(name);
      for (const { code, message } of await this.launcher.close(record, reason, { drain: true })) {
        problems.push({ plugin: name, code, message });
      }
      record.moveTo('disposed', record.reason);
    });
    return problems;
  }

  private finish(): void {
    this.phase = 'stopped';
    this.supervisor.close();
    this.swapper.close();
    this.lag?.cancel();
    this.parts.deadlines.close();
  }

  private isStopping(): boolean {
    return this.phase === 'stopping' || this.phase === 'stopped';
  }

  private watchLag(): void {
    const { env, log, activity, limits } = this.parts;
    if (limits.stallCheckMs > 0 && limits.stallWarnMs > 0) {
      this.lag = watchLag(env, log, activity, limits.stallCheckMs, limits.stallWarnMs);
    }
  }

  private stateChanged(change: PluginStateChange): void {
    this.parts.log.debug({ plugin: change.plugin, from: change.from, to: change.to }, 'plugin state');
    if (this.stateHook.size === 0) return;
    const told = this.stateHook.call(change, { at: this.parts.env.clock.timestamp() });
    told.catch((error: unknown) => this.parts.log.error({}, errorMessage(error)));
  }

  private async remember(change: DesiredChange): Promise<void> {
    try {
      await this.options.onDesiredChange?.(change);
    } catch (error) {
      this.parts.log.error({ change }, `the change is done but will not outlive a restart: ${errorMessage(error)}`);
    }
  }

  private faultOf(plugin: string, error: unknown): void {
    const record = this.parts.records.get(plugin);
    if (record !== undefined) this.supervisor.fault(record, error);
  }

  private stalled(plugin: string, ms: number): void {
    const { log, limits, figures } = this.parts;
    figures.stalls.of(plugin).add();
    const message = `plugin '${plugin}' blocked the event loop for ${Math.round(ms)} ms`;
    log.warn({ plugin, ms: Math.round(ms) }, message);
    if (ms >= limits.stallFaultMs) this.faultOf(plugin, new Error(message));
  }

  private createParts(limits: KernelLimits): KernelParts {
    const { env, log, dataDirOf, onProgress } = this.options;
    const { clock } = env;
    const deadlines = new DeadlineWatch(clock, env.timers);
    const activity = new Activity(clock, limits.stallWarnMs, (plugin, ms) => this.stalled(plugin, ms));
    const tell = (consumer: string, listener: () => void): void => {
      try {
        activity.run(consumer, listener);
      } catch (error) {
        this.faultOf(consumer, error);
      }
    };
    const records: KernelParts['records'] = new Map();
    const isFromFile = (plugin: string): boolean => (records.get(plugin)?.entry.source ?? 'built-in') !== 'built-in';
    const { heldCallsLimit } = limits;
    const services = new ServiceRegistry({ clock, activity, heldCallsLimit, tell, isFromFile });
    const figures = openKernelFigures({ records: () => records.values(), serviceCalls: () => services.callInfo() });
    const metrics = new MetricRegistry();
    metrics.add(figures.collect, { plugin: 'kernel', onFault: (error) => log.error({}, errorMessage(error)) });
    return {
      env,
      log,
      limits,
      metrics,
      figures: figures.instruments,
      deadlines,
      activity,
      services,
      scopes: new PluginScopes(services),
      hooks: new HookRegistry({ clock, deadlines, activity, figures: figures.instruments }),
      records,
      dataDirOf: async (plugin) => dataDirOf?.(plugin),
      onProgress: (event) => onProgress?.(event),
      onFault: (record, error) => this.supervisor.fault(record, error),
      breakerOf: (record) => this.supervisor.breakerOf(record),
      onStateChange: (change) => this.stateChanged(change),
      onLost: (record, error) => this.supervisor.lost(record, error),
    };
  }
}

/** Makes a kernel. Nothing runs before `start`. */
export function createKernel(options: KernelOptions): Kernel {
  return new Host(options);
}
