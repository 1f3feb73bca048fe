import {
  KernelError,
  errorMessage,
  withDeadline,
  type KernelErrorCode,
  type PluginInstance,
  type StopReason,
  type TapInfo,
} from '@timonel/sdk';
import { isolationOf, tokensOf } from '../graph/check-definition.ts';
import type { Tap } from '../hooks/tap.ts';
import type { KernelParts } from '../kernel/parts.ts';
import { setupInWorker } from '../isolation/worker-plugin.ts';
import { abandonCalls, type Binding, type Slot } from '../services/slot.ts';
import type { PluginScope } from '../services/plugin-scopes.ts';
import { callWithin, cutOff } from './call-within.ts';
import { drained } from './drained.ts';
import { createContext } from './plugin-context.ts';
import type { PluginRecord } from './plugin-record.ts';

type Undo = () => void | Promise<void>;
type Phase = 'setup' | 'start' | 'probe' | 'drain' | 'export' | 'import' | 'stop' | 'clean-up';

const longestStopMs = 3_600_000;

const phaseCodes: Readonly<Record<Phase, KernelErrorCode>> = {
  setup: 'ERR_PLUGIN_SETUP',
  start: 'ERR_PLUGIN_START',
  probe: 'ERR_PLUGIN_PROBE',
  drain: 'ERR_PLUGIN_STOP',
  export: 'ERR_SERVICE_SWAP',
  import: 'ERR_SERVICE_SWAP',
  stop: 'ERR_PLUGIN_STOP',
  'clean-up': 'ERR_PLUGIN_STOP',
};

/** One life of a plugin, from setup to disposal: all that it registered and the instance it returned. */
export class PluginLife {
  readonly record: PluginRecord;
  /** The service that it is tried for, aside of the provider: none of its taps, metrics and services reaches others. */
  readonly aside: string | undefined;
  /** It is on its way out, within an operation. */
  ending = false;
  readonly controller: AbortController = new AbortController();
  private readonly parts: KernelParts;
  private readonly scope: PluginScope;
  private readonly undos = new Set<Undo>();
  private readonly ownTaps: Tap[] = [];
  private instance: PluginInstance = {};
  private bindings: Binding[] = [];
  private active = false;
  private readonly unbinds: (() => Binding | undefined)[] = [];
  private closed = false;

  constructor(record: PluginRecord, parts: KernelParts, aside?: string) {
    this.record = record;
    this.aside = aside;
    this.parts = parts;
    this.scope = parts.scopes.open(record.entry.definition);
  }

  /** Runs the plugin's setup. On failure what it registered is undone already; a late answer is cleaned up when it comes. */
  async setup(): Promise<void> {
    const { env, limits, dataDirOf } = this.parts;
    const startedAt = env.clock.monotonic();
    let work: unknown;
    try {
      const dataDir = await this.call('setup', limits.setupMs, () => dataDirOf(this.record.name), false);
      this.accept(await this.call('setup', limits.setupMs, () => (work = this.build(dataDir))));
    } catch (error) {
      this.closeLate(work);
      await this.end('failure', { drain: false });
      throw error;
    }
    this.record.setupMs = this.took('setup', startedAt);
  }

  /** Runs the plugin's start. Does not clean up after a failure: `end` does. */
  async start(): Promise<void> {
    const startedAt = this.parts.env.clock.monotonic();
    await this.ask('start', 'start', this.parts.limits.startMs, this.controller.signal);
    this.record.startMs = this.took('start', startedAt);
  }

  private took(phase: 'setup' | 'start', startedAt: number): number {
    const ms = this.parts.env.clock.monotonic() - startedAt;
    this.parts.onProgress({ plugin: this.record.name, phase, ms });
    return ms;
  }

  async probe(): Promise<void> {
    await this.ask('probe', 'probe', this.parts.limits.probeMs);
  }

  get drains(): boolean {
    return this.instance.drain !== undefined;
  }

  async drain(): Promise<void> {
    const { drainMs } = this.parts.limits;
    await this.ask('drain', 'drain', drainMs, drainMs);
  }

  get exportsState(): boolean {
    return this.record.entry.definition.swap === 'handover' && this.instance.exportState !== undefined;
  }

  get importsState(): boolean {
    return this.record.entry.definition.swap === 'handover' && this.instance.importState !== undefined;
  }

  /** A copy of the state: nothing is shared with the instance that goes. */
  async exportState(): Promise<unknown> {
    return structuredClone(await this.ask('export', 'exportState', this.parts.limits.drainMs));
  }

  async importState(state: unknown, from: { readonly plugin: string; readonly version: string }): Promise<void> {
    await this.ask('import', 'importState', this.parts.limits.startMs, state, from);
  }

  serviceFor(key: string): unknown {
    return this.instance.provides?.[key];
  }

  /** Makes taps live and services reachable. */
  activate(): void {
    if (this.ending || this.active) return;
    this.active = true;
    for (const tap of this.ownTaps) tap.live = true;
    const { name, entry } = this.record;
    const { services } = this.parts;
    for (const [key, token] of tokensOf(entry.definition, 'provides')) {
      services.bind(name, token, this.serviceFor(key));
      this.unbinds.push(() => services.unbind(name, token));
    }
  }

  /** Makes one service reachable, through a slot that nobody else has. */
  serveAside(key: string, slot: Slot): void {
    slot.bind(this.record.name, this.serviceFor(key));
    this.unbinds.push(() => slot.unbind(this.record.name));
  }

  /** Takes services and taps away at once; calls in flight go on. */
  deactivate(): void {
    this.active = false;
    for (const unbind of this.unbinds.splice(0)) {
      const binding = unbind();
      if (binding !== undefined) this.bindings.push(binding);
    }
    for (const tap of this.ownTaps) tap.live = false;
  }

  /** Ends this life whatever happens: drain, stop, undo in reverse order. Returns what hung or threw. */
  async end(reason: StopReason, options: { readonly drain: boolean }): Promise<KernelError[]> {
    const problems: KernelError[] = [];
    if (this.ending) return problems;
    this.ending = true;
    const attempt = async (step: () => Promise<unknown>): Promise<void> => {
      try {
        await step();
      } catch (error) {
        problems.push(error as KernelError);
      }
    };
    this.deactivate();
    if (options.drain) {
      this.record.moveTo('draining', this.record.reason);
      await Promise.all([
        attempt(() => this.drain()),
        ...[...this.bindings, ...this.ownTaps].map((busy) =>
          drained(busy, this.parts.limits.drainMs, this.parts.deadlines),
        ),
      ]);
    }
    this.controller.abort(new DOMException(`plugin '${this.record.name}' stops: ${reason}`, 'AbortError'));
    await attempt(() => this.ask('stop', 'stop', this.stopLimitMs(), reason));
    if (options.drain) this.record.moveTo('stopped', this.record.reason);
    // A clean-up may itself use timers or register another one.
    for (let undo = [...this.undos].at(-1); undo !== undefined; undo = [...this.undos].at(-1)) {
      const last = undo;
      this.undos.delete(last);
      await attempt(async () => last());
    }
    this.closed = true;
    for (const binding of this.bindings) abandonCalls(binding);
    await attempt(() => this.scope.close());
    for (const problem of problems)
      this.parts.log.warn({ plugin: this.record.name, code: problem.code }, problem.message);
    return problems;
  }

  private stopLimitMs(): number {
    const { stopMs = 0 } = this.instance;
    return stopMs > this.parts.limits.stopMs ? Math.min(stopMs, longestStopMs) : this.parts.limits.stopMs;
  }

  /** Registers an undo; undefined when this life is over. */
  keep(undo: Undo): (() => void) | undefined {
    if (this.closed) return undefined;
    // A new function each time: the same one may be registered twice.
    const entry: Undo = () => undo();
    this.undos.add(entry);
    return () => this.undos.delete(entry);
  }

  addTap(tap: Tap): void {
    this.ownTaps.push(tap);
    this.keep(() => tap.remove());
    tap.live = this.active;
  }

  taps(): readonly TapInfo[] {
    return this.ownTaps.map((tap) => tap.info());
  }

  fault(error: unknown): void {
    if (!this.ending) this.parts.onFault(this.record, error);
  }

  /** Registers a clean-up of the plugin's own. A life that is over runs at once what comes late. */
  dispose(cleanUp: Undo): void {
    const run = (): Promise<void> => this.call('clean-up', this.parts.limits.disposeMs, cleanUp);
    if (this.keep(run) !== undefined) return;
    run().catch((error: unknown) => this.parts.log.warn({ plugin: this.record.name }, errorMessage(error)));
  }

  run<T>(fn: () => T): T {
    return this.parts.activity.run(this.record.name, fn);
  }

  private build(dataDir: string | undefined): unknown {
    const { record, parts } = this;
    const { entry } = record;
    const context = createContext(this, parts, this.scope.deps, dataDir);
    if (isolationOf(entry) === 'in-process') return entry.definition.setup(context);
    const onLost = (error: KernelError): void => parts.onLost(record, error);
    return setupInWorker(context, { moduleUrl: entry.moduleUrl, dataDir }, { ...parts, onLost });
  }

  /** Checks what setup returned against the definition. */
  private accept(instance: unknown): void {
    const { definition } = this.record.entry;
    const contract = (text: string): KernelError =>
      new KernelError('ERR_PLUGIN_CONTRACT', `setup of plugin '${definition.name}' ${text}`, {
        plugin: definition.name,
      });
    if (instance !== undefined && (typeof instance !== 'object' || instance === null)) {
      throw contract('must return an object or nothing');
    }
    // Kept before the checks: an instance that breaks the contract is stopped like any other.
    this.instance = instance ?? {};
    const declared = new Set(tokensOf(definition, 'provides').map(([key]) => key));
    for (const key of declared) {
      const service = this.serviceFor(key);
      if ((typeof service !== 'object' && typeof service !== 'function') || service === null) {
        throw contract(`did not return the service '${key}' that the definition declares under 'provides'`);
      }
    }
    for (const key of Object.keys(this.instance.provides ?? {})) {
      if (!declared.has(key)) throw contract(`returned a service '${key}' that the definition does not declare`);
    }
  }

  /** A setup that ran past its deadline may still answer: then its instance is stopped. */
  private closeLate(work: unknown): void {
    const known = this.instance;
    const stopLate = (late: unknown): void => {
      if (typeof late !== 'object' || late === null || late === known) return;
      const instance = late as PluginInstance;
      this.dispose(() => instance.stop?.('failure'));
    };
    Promise.resolve(work).then(stopLate, () => undefined);
  }

  /** Calls a method of the instance, when it has it: what need not be limited costs no thread, which a busy machine starts late. */
  private async ask(phase: Phase, name: keyof PluginInstance, ms: number, ...args: unknown[]): Promise<unknown> {
    const method = this.instance[name] as ((...args: unknown[]) => unknown) | undefined;
    return method && this.call(phase, ms, () => Reflect.apply(method, this.instance, args));
  }

  /** Runs plugin code as the plugin's, with a deadline that a synchronous loop cannot outlast either, when it is `limited`. */
  private async call<T>(phase: Phase, ms: number, fn: () => T | Promise<T>, limited = true): Promise<T> {
    const plugin = this.record.name;
    let timedOut: KernelError | undefined;
    const expire = (): KernelError => {
      const message = `${phase} of plugin '${plugin}' did not end within ${ms} ms`;
      timedOut = new KernelError('ERR_PLUGIN_TIMEOUT', message, { plugin });
      return timedOut;
    };
    try {
      const work = this.run(() => (limited ? callWithin(ms, fn) : fn()));
      if (work === cutOff) throw expire();
      return await withDeadline(this.parts.deadlines, ms, work, expire);
    } catch (error) {
      if (timedOut !== undefined) throw timedOut;
      const message = `${phase} of plugin '${plugin}' threw: ${errorMessage(error)}`;
      throw new KernelError(phaseCodes[phase], message, { plugin, cause: error });
    }
  }
}
