/** The pages of a node's server: what one reads of the node by GET. */
import type { KernelMetrics, Many, MetricFamily, OptionalRef } from '@timonel/sdk';
import { expositionFormat, expositionTypes, formatMetrics } from '@timonel/sdk/contracts/metrics';
import type { NetworkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import {
  networkStatePath,
  usagePath,
  type NodeEndpoint,
  type NodeInspection,
  type NodeNetworkState,
  type NodeStats,
} from '@timonel/sdk/contracts/node';
import type { ServiceProxy } from '@timonel/sdk/contracts/proxy';
import { cadvisorFamilies } from './cadvisor-page.ts';
import { kubeletFamilies, probeFamilies, resourceFamilies, startFamilies } from './metrics-pages.ts';
import { inspectionIn, nodeIn } from './node-in.ts';
import { lookAt, summaryOf, type FormerLook } from './summary.ts';

export interface Page {
  readonly contentType: string;
  readonly text: string;
}

export interface PagesParts {
  readonly nodes: Many<NodeEndpoint>;
  readonly inspections: Many<NodeInspection>;
  readonly metrics: KernelMetrics;
  readonly proxy: OptionalRef<ServiceProxy>;
  readonly policies: OptionalRef<NetworkPolicyEnforcer>;
}

const json = (value: unknown): Page => ({ contentType: 'application/json', text: JSON.stringify(value) });
/** Rates over less than this say little. */
const leastWindowMs = 1000;

export class Pages {
  readonly #parts: PagesParts;
  /** Two looks at the node: rates are those since the older one, which is old enough. */
  #looks: readonly FormerLook[] = [];

  constructor(parts: PagesParts) {
    this.#parts = parts;
  }

  /** Undefined: there is none of this path. @throws ApiError ServiceUnavailable */
  async of(path: string, accept: string): Promise<Page | undefined> {
    const metrics = async (families: Promise<readonly MetricFamily[]>): Promise<Page> => {
      const format = expositionFormat(accept);
      return { contentType: expositionTypes[format], text: formatMetrics(await families, format) };
    };
    switch (path) {
      case '/healthz':
        return { contentType: 'text/plain', text: 'ok' };
      case usagePath:
        return json(await nodeIn(this.#parts).usage());
      case networkStatePath:
        return json(await this.#network());
      case '/metrics':
        return metrics(this.#own());
      case '/metrics/resource':
        return metrics(this.#resource());
      case '/metrics/cadvisor':
        return metrics(this.#inspected().stats().then(cadvisorFamilies));
      case '/metrics/probes':
        return metrics(this.#inspected().probes().then(probeFamilies));
      case '/stats/summary':
        return json(this.#summary(await this.#inspected().stats()));
      case '/pods':
      case '/pods/':
      case '/runningpods':
      case '/runningpods/':
        return json(await this.#pods(path.startsWith('/runningpods')));
      case '/configz':
        return json({ kubeletconfig: await this.#inspected().configuration() });
    }
    return undefined;
  }

  async #network(): Promise<NodeNetworkState> {
    const [proxy, policies] = [this.#parts.proxy.current, this.#parts.policies.current];
    return {
      ...(proxy === undefined ? {} : { proxy: await proxy.status() }),
      ...(policies === undefined ? {} : { policies: await policies.status() }),
    };
  }

  #inspected(): NodeInspection {
    return inspectionIn(this.#parts);
  }

  async #own(): Promise<readonly MetricFamily[]> {
    const own = this.#parts.metrics.collect();
    if (this.#parts.inspections.all().length === 0) return own;
    return [...own, ...kubeletFamilies(await this.#inspected().stats())];
  }

  async #resource(): Promise<readonly MetricFamily[]> {
    const families = resourceFamilies(await nodeIn(this.#parts).usage());
    if (this.#parts.inspections.all().length === 0) return families;
    return [...families, ...startFamilies(await this.#inspected().stats())];
  }

  #summary(stats: NodeStats): object {
    const [older, newer] = this.#looks;
    const isOld = (look: FormerLook | undefined): boolean =>
      look !== undefined && stats.time - look.time >= leastWindowMs;
    const former = isOld(newer) ? newer : isOld(older) ? older : undefined;
    if (newer === undefined || isOld(newer)) this.#looks = [newer ?? lookAt(stats), lookAt(stats)];
    return summaryOf(stats, former);
  }

  async #pods(running: boolean): Promise<object> {
    const pods = await this.#inspected().pods();
    const items = running ? pods.filter(({ status }) => status?.phase === 'Running') : pods;
    return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
  }
}
