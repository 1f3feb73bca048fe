/**
 * Keeps a service proxy's data plane equal to the cluster's services: watches Services and EndpointSlices, and hands the whole
 * set of rules over after each change, one hand-over at a time. Changes that come meanwhile are joined into the next.
 */
import { dirname } from 'node:path';
import type { ApiClient } from '../contracts/api/index.ts';
import {
  ServiceRuleBuilder,
  serviceProxy,
  type ProxyNode,
  type ProxyStatus,
  type ServicePortRule,
} from '../contracts/proxy/index.ts';
import { removeLeftTraces } from '../command/index.ts';
import { errorMessage } from '../kernel/index.ts';
import { endpointSlices, nodes, services, type Node } from '../kube/index.ts';
import type { ControllerHost } from './host.ts';
import type { HealthCheckServers } from './health-check-servers.ts';
import type { Informer } from './informer.ts';
import { informers, type Informers } from './informers.ts';
import { readRules, writeRules } from './rule-memory.ts';
import { TableHealth } from './table-health.ts';

export interface ServiceRuleSyncOptions {
  readonly implementation: string;
  /** The node that the rules are for: traffic policies and topology hints count for it. Absent: for none in particular. */
  readonly nodeName?: string | undefined;
  /** Time between two hand-overs, at least, in ms. Default 20. */
  readonly minIntervalMs?: number;
  /** File in which the rules are remembered: a start without the API hands those over. Absent: nothing is remembered. */
  readonly memoryFile?: string;
  /** Answers load balancers from outside; absent: nothing does. */
  readonly healthChecks?: HealthCheckServers;
  /** Of the plugin. What other proxies left in the kernel goes when this one serves. */
  readonly dataDir?: string;
  /**
   * Makes the data plane equal to `rules`. A rejection is tried again with back-off; one with the code {@link partlyServed} says that the
   * other services are served.
   */
  apply(rules: readonly ServicePortRule[]): Promise<void>;
}

/** Code of the errors of a data plane that serves some services, but not all. */
export const partlyServed = 'PARTLY_SERVED';

const retryBaseMs = 100;
const retryLimitMs = 10_000;
/** A start that waits longer for the API goes on without it. */
const patienceMs = 3000;
/** Rules may change many times a second; the file need not. */
const rememberMs = 2000;
const zoneOf = (node: Node): string | undefined => node.metadata.labels?.['topology.kubernetes.io/zone'];
const stoppedMessage = 'the service proxy is stopped';

export class ServiceRuleSync {
  readonly #host: ControllerHost;
  readonly #options: ServiceRuleSyncOptions;
  readonly #informers: Informers;
  readonly #health: TableHealth;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #node: Informer<Node> | undefined;
  readonly #builder = new ServiceRuleBuilder();
  #rules: readonly ServicePortRule[] = [];
  #lastSyncAt = 0;
  #inForce: Readonly<Record<string, string>> = {};
  #isApplying = false;
  #lastError: string | undefined;
  #dirty = true;
  /** Nothing of other proxies is left. */
  #isAlone = false;
  /** Removing it failed: the next try is some time away. */
  #isClearingLater = false;
  #failures = 0;
  #wake: (() => void) | undefined;
  /** Ends a back-off early. */
  #hurry = new AbortController();
  #running: Promise<void> | undefined;
  /** Told of the next hand-over: nothing, or why it failed. */
  #waiting: ((error: string | undefined) => void)[] = [];
  #remembering: Promise<void> | undefined;

  constructor(host: ControllerHost, api: ApiClient, options: ServiceRuleSyncOptions) {
    this.#host = host;
    this.#options = options;
    this.#signal = AbortSignal.any([host.signal, this.#stop.signal]);
    this.#informers = informers(host, api);
    this.#health = new TableHealth(host, api, { of: 'services', nodeName: options.nodeName });
    const touch = (): void => this.#touch();
    this.#informers.for(services).addHandler({ added: touch, updated: touch, deleted: touch });
    this.#informers.for(endpointSlices).addHandler({ added: touch, updated: touch, deleted: touch });
    this.#followNode(touch);
  }

  /** Heartbeats change the node all the time; only its zone counts. */
  #followNode(touch: () => void): void {
    const { nodeName } = this.#options;
    if (nodeName === undefined) return;
    this.#node = this.#informers.for(nodes, { fieldSelector: `metadata.name=${nodeName}` });
    this.#node.addHandler({
      added: touch,
      updated: (node, old) => zoneOf(node) !== zoneOf(old) && touch(),
      deleted: touch,
    });
  }

  #proxyNode(): ProxyNode | undefined {
    const { nodeName: name } = this.#options;
    if (name === undefined) return undefined;
    const node = this.#node?.get(name);
    return { name, zone: node === undefined ? undefined : zoneOf(node) };
  }

  /**
   * Begins; resolves after the first hand-over, whether it worked or not. When the API does not answer in time, the remembered
   * rules are handed over, or the data plane stays as it is, until it does. Rejects when it is stopped before.
   */
  async start(): Promise<void> {
    this.#informers.start();
    const synced = this.#informers.synced();
    const inTime = await this.#within(patienceMs, synced);
    if (this.#signal.aborted) throw new Error(stoppedMessage);
    if (!inTime) await this.#applyRemembered();
    const first = this.#nextAttempt();
    this.#running = this.#loop(synced);
    if (inTime) await first;
  }

  async #within(timeMs: number, synced: Promise<void>): Promise<boolean> {
    const over = new AbortController();
    const signal = AbortSignal.any([this.#signal, over.signal]);
    const late = this.#host.env.timers.sleep(timeMs, signal).then(
      () => false,
      () => false,
    );
    const inTime = await Promise.race([synced.then(() => true), late]);
    over.abort();
    return inTime;
  }

  async #applyRemembered(): Promise<void> {
    const { memoryFile: file } = this.#options;
    const { log } = this.#host;
    try {
      const rules = file === undefined ? undefined : await readRules(file);
      if (rules === undefined) {
        log.warn({}, 'the API does not answer: the service rules stay as they are until it does');
        return;
      }
      this.#rules = rules;
      await this.#options.apply(rules);
      log.warn({ rules: rules.length }, 'the API does not answer: serving by the rules that were known last');
    } catch (error) {
      this.#lastError = errorMessage(error);
      log.warn({ file, error: this.#lastError }, 'the service rules that were known last cannot be used');
    }
  }

  /** Resolves when nothing runs any more. The data plane is left as it is. */
  async stop(): Promise<void> {
    this.#stop.abort();
    // The loop may still wait for the first lists.
    await Promise.all([this.#informers.stop(), this.#running]);
    await this.#remembering;
    await this.#options.healthChecks?.close();
    for (const settle of this.#waiting.splice(0)) settle(stoppedMessage);
  }

  /** Hands everything over again, at once also when a back-off is running. @throws Error of the data plane, or when the API has not answered yet */
  async resync(): Promise<void> {
    if (!this.#informers.hasSynced()) throw new Error('the API has not answered yet: the services are not known');
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
      versions: this.#isSettled() ? this.#informers.versions() : this.#inForce,
    };
  }

  /** What else was seen since the last hand-over changes no rule. */
  #isSettled(): boolean {
    return this.#lastSyncAt > 0 && !this.#dirty && !this.#isApplying && this.#lastError === undefined;
  }

  #touch(): void {
    this.#dirty = true;
    this.#wake?.();
  }

  #nextAttempt(): Promise<string | undefined> {
    if (this.#signal.aborted) return Promise.resolve(stoppedMessage);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #loop(synced: Promise<void>): Promise<void> {
    await synced.catch(() => undefined);
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
    this.#isApplying = true;
    const waiting = this.#waiting.splice(0);
    const versions = this.#informers.versions();
    try {
      const [all, slices] = [this.#informers.for(services).list(), this.#informers.for(endpointSlices).list()];
      this.#rules = this.#builder.build(all, slices, this.#proxyNode());
      const shortfall = await this.#handOver();
      await this.#options.healthChecks?.apply(this.#rules);
      await this.#clearUp();
      if (shortfall !== undefined) throw shortfall;
      this.#lastSyncAt = this.#host.env.clock.now();
      this.#lastError = undefined;
      this.#inForce = versions;
      this.#failures = 0;
      this.#health.succeeded();
      this.#remembering ??= this.#remember();
    } catch (error) {
      this.#dirty = true;
      this.#failures += 1;
      this.#lastError = errorMessage(error);
      this.#health.failed(error);
    }
    this.#isApplying = false;
    for (const settle of waiting) settle(this.#lastError);
  }

  /** Answers the error of a data plane that serves some services all the same. */
  async #handOver(): Promise<Error | undefined> {
    try {
      await this.#options.apply(this.#rules);
      return undefined;
    } catch (error) {
      if ((error as Error & { code?: unknown }).code === partlyServed) return error as Error;
      throw error;
    }
  }

  /** Until it is done once, services are also served by what is there. */
  async #clearUp(): Promise<void> {
    const { dataDir } = this.#options;
    if (dataDir === undefined || this.#isAlone || this.#isClearingLater) return;
    const { log } = this.#host;
    try {
      const plugins = await removeLeftTraces(dirname(dataDir), serviceProxy.id);
      this.#isAlone = true;
      if (plugins.length > 0) log.info({ plugins }, 'what another service proxy left on this node is removed');
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'what another service proxy left on this node cannot be removed yet');
      void this.#clearLater();
    }
  }

  async #clearLater(): Promise<void> {
    this.#isClearingLater = true;
    await this.#host.env.timers.sleep(retryLimitMs, this.#signal).catch(() => undefined);
    this.#isClearingLater = false;
    this.#touch();
  }

  /** Some time after a change, so that many changes cost one write; at the end at once. */
  async #remember(): Promise<void> {
    const { memoryFile: file } = this.#options;
    if (file === undefined) return;
    await this.#host.env.timers.sleep(rememberMs, this.#signal).catch(() => undefined);
    const rules = this.#rules;
    try {
      const kept = await writeRules(file, rules);
      if (!kept) this.#host.log.warn({ file }, 'the service rules are too many to be remembered');
    } catch (error) {
      this.#host.log.warn({ file, error: errorMessage(error) }, 'the service rules were not remembered');
    }
    this.#remembering = this.#rules === rules ? undefined : this.#remember();
    await this.#remembering;
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
