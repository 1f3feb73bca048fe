/** A kernel as far as schedulers are put into charge and aside. */
import { KernelError, type AsideProvider, type PluginInfo, type ProbationInfo, type SwapReport } from '@timonel/sdk';
import type { Scheduler } from '@timonel/sdk/contracts/scheduler';
import type { SchedulerWatchParts } from '../scheduler-watch.ts';

export class KernelDouble {
  current: string;
  underProbation: ProbationInfo | undefined;
  readonly given: string[] = [];
  /** The kernel swaps back in the background, which takes its time. */
  hesitates = false;
  readonly swaps: (readonly [string, unknown])[] = [];
  readonly #schedulers: Readonly<Record<string, Scheduler>>;
  readonly #reasons = new Map<string, string>();
  readonly #aside = new Map<string, AbortController>();

  constructor(current: string, schedulers: Readonly<Record<string, Scheduler>>) {
    this.current = current;
    this.#schedulers = schedulers;
  }

  get asides(): readonly string[] {
    return [...this.#aside.keys()];
  }

  /** Ends a plugin that runs aside. */
  take(name: string, reason: string): void {
    this.#reasons.set(name, reason);
    this.#aside.get(name)?.abort();
    this.#aside.delete(name);
  }

  readonly control: SchedulerWatchParts['control'] = {
    list: () => Object.keys(this.#schedulers).map((name) => this.control.info(name)),
    info: (name) =>
      ({
        name,
        provides: ['scheduler'],
        state: this.#reasons.get(name)?.includes('swapped back') === true ? 'failed' : 'disabled',
        since: '2026-01-01T00:00:00Z',
        reason: this.#reasons.get(name),
      }) as unknown as PluginInfo,
    providerOf: () => this.current,
    probation: () => this.underProbation,
    unfit: (_service, reason) => {
      if (this.underProbation === undefined) return false;
      this.given.push(reason);
      if (this.hesitates) return true;
      this.#reasons.set(this.current, `swapped back to '${this.underProbation.previous}' in probation: ${reason}`);
      this.current = this.underProbation.previous;
      this.underProbation = undefined;
      return true;
    },
    swap: (service, name, options): Promise<SwapReport> => {
      if (this.#schedulers[name] === undefined) return Promise.reject(this.#unknown(name));
      this.swaps.push([name, options]);
      const from = this.current;
      this.current = name;
      this.underProbation = { plugin: name, previous: from, endsInMs: 60_000 };
      this.#aside.get(name)?.abort();
      this.#aside.delete(name);
      return Promise.resolve({ service, from, to: name, pauseMs: 1, heldCalls: 0, drainedCalls: 0 });
    },
    aside: (_service, name): Promise<AsideProvider> => {
      const service = this.#schedulers[name];
      if (service === undefined) return Promise.reject(this.#unknown(name));
      const ends = new AbortController();
      this.#aside.set(name, ends);
      const close = (): Promise<void> => {
        ends.abort();
        this.#aside.delete(name);
        return Promise.resolve();
      };
      return Promise.resolve({ plugin: name, service, signal: ends.signal, close });
    },
  };

  #unknown(name: string): KernelError {
    return new KernelError('ERR_PLUGIN_UNKNOWN', `plugin '${name}' is not known`, { plugin: name });
  }
}
