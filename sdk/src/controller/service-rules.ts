/**
 * Keeps a service proxy's data plane equal to the cluster's services: watches Services and EndpointSlices, and hands the whole
 * set of rules over after each change, one hand-over at a time. Changes that come meanwhile are joined into the next.
 */
import type { ApiClient } from '../contracts/api/index.ts';
import { buildServiceRules, type ProxyStatus, type ServicePortRule } from '../contracts/proxy/index.ts';
import { errorMessage } from '../kernel/index.ts';
import { endpointSlices, services } from '../kube/index.ts';
import type { ControllerHost } from './host.ts';
import { informers, type Informers } from './informers.ts';

export interface ServiceRuleSyncOptions {
  readonly implementation: string;
  /** Time between two hand-overs, at least, in ms. Default 20. */
  readonly minIntervalMs?: number;
  /** Makes the data plane equal to `rules`. A rejection is tried again with back-off. */
  apply(rules: readonly ServicePortRule[]): Promise<void>;
}

const retryBaseMs = 100;
const retryLimitMs = 10_000;
const stoppedMessage = 'the service proxy is stopped';

export class ServiceRuleSync {
  readonly #host: ControllerHost;
  readonly #options: ServiceRuleSyncOptions;
  readonly #informers: Informers;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #rules: readonly ServicePortRule[] = [];
  #lastSyncAt = 0;
  #lastError: string | undefined;
  #dirty = true;
  #failures = 0;
  #wake: (() => void) | undefined;
  /** Ends a back-off early. */
  #hurry = new AbortController();
  #running: Promise<void> | undefined;
  /** Told of the next hand-over: nothing, or why it failed. */
  #waiting: ((error: string | undefined) => void)[] = [];

  constructor(host: ControllerHost, api: ApiClient, options: ServiceRuleSyncOptions) {
    this.#host = host;
    this.#options = options;
    this.#signal = AbortSignal.any([host.signal, this.#stop.signal]);
    this.#informers = informers(host, api);
    const touch = (): void => this.#touch();
    this.#informers.for(services).addHandler({ added: touch, updated: touch, deleted: touch });
    this.#informers.for(endpointSlices).addHandler({ added: touch, updated: touch, deleted: touch });
  }

  /** Begins; resolves after the first hand-over, whether it worked or not. Rejects when it is stopped before the lists came. */
  async start(): Promise<void> {
    this.#informers.start();
    await this.#informers.synced();
    const first = this.#nextAttempt();
    this.#running = this.#loop();
    await first;
  }

  /** Resolves when nothing runs any more. The data plane is left as it is. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#informers.stop();
    for (const settle of this.#waiting.splice(0)) settle(stoppedMessage);
  }

  /** Hands everything over again, at once also when a back-off is running. @throws Error of the data plane */
  async resync(): Promise<void> {
    const attempt = this.#nextAttempt();
    this.#touch();
    this.#hurry.abort();
    const error = await attempt;
    if (error !== undefined) throw new Error(error);
  }

  status(): ProxyStatus {
    return {
      implementation: this.#options.implementation,
      rules: this.#rules.length,
      backends: this.#rules.reduce((sum, rule) => sum + rule.backends.length, 0),
      lastSyncAt: this.#lastSyncAt,
      lastError: this.#lastError,
    };
  }

  #touch(): void {
    this.#dirty = true;
    this.#wake?.();
  }

  #nextAttempt(): Promise<string | undefined> {
    if (this.#signal.aborted) return Promise.resolve(stoppedMessage);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #loop(): Promise<void> {
    while (!this.#signal.aborted) {
      if (!this.#dirty) {
        await this.#changed();
        continue;
      }
      this.#hurry = new AbortController();
      await this.#attempt();
      await this.#pause();
    }
    for (const settle of this.#waiting.splice(0)) settle(stoppedMessage);
  }

  async #attempt(): Promise<void> {
    this.#dirty = false;
    const waiting = this.#waiting.splice(0);
    try {
      this.#rules = buildServiceRules(this.#informers.for(services).list(), this.#informers.for(endpointSlices).list());
      await this.#options.apply(this.#rules);
      this.#lastSyncAt = this.#host.env.clock.now();
      this.#lastError = undefined;
      this.#failures = 0;
    } catch (error) {
      this.#dirty = true;
      this.#failures += 1;
      this.#lastError = errorMessage(error);
      this.#host.log.warn({ error: this.#lastError }, 'the service rules could not be written; trying again');
    }
    for (const settle of waiting) settle(this.#lastError);
  }

  async #pause(): Promise<void> {
    const backOffMs = Math.min(retryLimitMs, retryBaseMs * 2 ** Math.min(this.#failures - 1, 10));
    const pauseMs = this.#failures === 0 ? (this.#options.minIntervalMs ?? 20) : backOffMs;
    const signal = AbortSignal.any([this.#signal, this.#hurry.signal]);
    await this.#host.env.timers.sleep(pauseMs, signal).catch(() => undefined);
  }

  #changed(): Promise<void> {
    const signal = this.#signal;
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      signal.addEventListener('abort', done);
      this.#wake = done;
      if (signal.aborted) done();
    });
  }
}
