/** Asks all nodes, over and over, what they use. */
import { errorMessage, type Env, type Instruments, type Logger } from '@timonel/sdk';
import type { NodeEndpoint, NodeResolver, NodeUsage } from '@timonel/sdk/contracts/node';
import { ApiError } from '@timonel/sdk/kube';
import type { ResourceMetricsConfig } from './config.ts';
import type { scrapeMetrics } from './definitions.ts';
import type { UsageSamples } from './usage-samples.ts';

export interface ScraperParts {
  readonly env: Env;
  readonly log: Logger;
  readonly config: ResourceMetricsConfig;
  readonly samples: UsageSamples;
  readonly metrics: Instruments<typeof scrapeMetrics>;
  /** Names of the cluster's nodes. */
  readonly nodeNames: () => readonly string[];
  /** Nodes of this process. */
  readonly local: () => readonly NodeEndpoint[];
  readonly resolvers: () => readonly NodeResolver[];
}

export class Scraper {
  readonly #parts: ScraperParts;
  /** Nodes that did not answer last time, with the reason: told once, not at each round. */
  readonly #silent = new Map<string, string>();

  constructor(parts: ScraperParts) {
    this.#parts = parts;
  }

  /** Why there are no figures: one sentence. */
  why(): string {
    const [first] = this.#silent.values();
    const count = this.#parts.nodeNames().length;
    if (count === 0) return 'the cluster has no nodes so far';
    if (first === undefined) return 'no node has been measured twice so far; please try again in some seconds';
    return `${this.#silent.size} of ${count} nodes do not tell what they use: ${first}`;
  }

  /** Until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { env, config, samples } = this.#parts;
    while (!signal.aborted) {
      const startedAt = env.clock.monotonic();
      await this.round();
      const periodMs = samples.ready() ? config.intervalMs : Math.min(config.firstIntervalMs, config.intervalMs);
      const restMs = Math.max(0, startedAt + periodMs - env.clock.monotonic());
      await env.timers.sleep(restMs, signal).catch(() => undefined);
    }
  }

  /** One look at every node, some at a time. Never rejects. */
  async round(): Promise<void> {
    const { env, config, metrics, nodeNames, samples } = this.#parts;
    const startedAt = env.clock.monotonic();
    const names = nodeNames();
    const known = new Set(names);
    samples.keepOnly(known);
    for (const name of this.#silent.keys()) if (!known.has(name)) this.#silent.delete(name);
    const waiting = names.values();
    const worker = async (): Promise<void> => {
      for (const name of waiting) await this.#ask(name);
    };
    await Promise.all(Array.from({ length: Math.min(config.concurrency, names.length) }, worker));
    metrics.duration.of().observe((env.clock.monotonic() - startedAt) / 1000);
  }

  async #ask(name: string): Promise<void> {
    const { log, metrics, samples } = this.#parts;
    try {
      samples.accept(await this.#within(this.#usage(name)));
      metrics.requests.of('true').add();
      if (this.#silent.delete(name)) log.info({ node: name }, `node "${name}" tells again what it uses`);
    } catch (error) {
      metrics.requests.of('false').add();
      const isNew = !this.#silent.has(name);
      this.#silent.set(name, errorMessage(error));
      if (!isNew) return;
      log.debug({ node: name, error: errorMessage(error) }, `node "${name}" does not tell what it uses`);
    }
  }

  async #usage(name: string): Promise<NodeUsage> {
    const here = this.#parts.local().find((node) => node.nodeName() === name);
    if (here !== undefined) return here.usage();
    for (const resolver of this.#parts.resolvers()) {
      const node = await resolver.resolve(name);
      if (node !== undefined) return node.usage();
    }
    throw new ApiError('ServiceUnavailable', `node "${name}" cannot be reached from here`);
  }

  async #within<T>(work: Promise<T>): Promise<T> {
    const { env, config } = this.#parts;
    const cut = new AbortController();
    const late = env.timers.sleep(config.timeoutMs, cut.signal).then(() => {
      throw new ApiError('Timeout', `no answer within ${config.timeoutMs} ms`);
    });
    late.catch(() => undefined);
    work.catch(() => undefined);
    try {
      return await Promise.race([work, late]);
    } finally {
      cut.abort();
    }
  }
}
