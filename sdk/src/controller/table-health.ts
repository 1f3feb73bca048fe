/**
 * What is told when a node's table cannot be brought to what the cluster wants: once in the log and as an event of the node, not at each
 * try, and again when it can; in metrics always.
 */
import type { ApiClient } from '../contracts/api/index.ts';
import { counterMetric, errorMessage, gaugeMetric, type MetricDefinition } from '../kernel/index.ts';
import { nodes } from '../kube/index.ts';
import { EventRecorder } from './event-recorder.ts';
import type { ControllerHost } from './host.ts';

export const tableMetrics: {
  readonly failures: MetricDefinition<'counter', readonly ['of']>;
  readonly stale: MetricDefinition<'gauge', readonly ['of']>;
} = Object.freeze({
  failures: counterMetric('timonel_node_rules_failures_total', {
    help: 'Tries to bring the rules of a node to what the cluster wants that failed, of services or policies.',
    labels: ['of'],
  }),
  stale: gaugeMetric('timonel_node_rules_stale', {
    help: '1 while older rules than the cluster wants are in force, for the newer ones cannot be written.',
    labels: ['of'],
  }),
});

export interface TableHealthOptions {
  readonly of: 'services' | 'policies';
  /** Whose event it is; absent: none is recorded. */
  readonly nodeName?: string | undefined;
}

const texts = {
  services: { reason: 'ServiceRulesNotInForce', what: 'the service rules' },
  policies: { reason: 'NetworkPoliciesNotInForce', what: 'the network policies' },
} as const;

export class TableHealth {
  readonly #host: ControllerHost;
  readonly #api: ApiClient;
  readonly #options: TableHealthOptions;
  readonly #failures: { add(): void } | undefined;
  readonly #stale: { set(value: number): void } | undefined;
  #events: EventRecorder | undefined;
  /** Of this row of failures. */
  #told: string | undefined;

  constructor(host: ControllerHost, api: ApiClient, options: TableHealthOptions) {
    this.#host = host;
    this.#api = api;
    this.#options = options;
    const metrics = host.metrics?.(tableMetrics);
    this.#failures = metrics?.failures.of(options.of);
    this.#stale = metrics?.stale.of(options.of);
  }

  /** What was before is still in force, and somebody tries again. */
  failed(error: unknown): void {
    const message = errorMessage(error);
    const { reason, what } = texts[this.#options.of];
    this.#failures?.add();
    this.#stale?.set(1);
    if (this.#told === message) return;
    const isFirst = this.#told === undefined;
    this.#told = message;
    this.#host.log.warn({ error: message }, `${what} could not be written; those of before stay, trying again`);
    if (isFirst) void this.#record(reason, `${what} could not be written, those of before stay: ${message}`);
  }

  succeeded(): void {
    if (this.#told === undefined) return;
    this.#told = undefined;
    this.#stale?.set(0);
    this.#host.log.info({}, `${texts[this.#options.of].what} are in force again`);
  }

  async #record(reason: string, message: string): Promise<void> {
    const { nodeName } = this.#options;
    if (nodeName === undefined) return;
    try {
      const node = await this.#api.get(nodes, { name: nodeName });
      this.#events ??= new EventRecorder(this.#host, this.#api, { component: this.#host.name, host: nodeName });
      this.#events.record(nodes, node, 'Warning', reason, message);
    } catch (error) {
      this.#host.log.debug({ error: errorMessage(error) }, 'no event of the node could be recorded');
    }
  }
}
