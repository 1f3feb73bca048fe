/** What pods use of cpu and memory, by metrics.k8s.io. */
import { timestampMs } from '@timonel/sdk/controller';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { errorMessage, type Env } from '@timonel/sdk';
import { apiErrorReason, milliQuantity, podMetrics, type Pod, type PodMetrics } from '@timonel/sdk/kube';
import type { Reading } from './metric-problem.ts';
import type { PodSample } from './pod-groups.ts';

const unitsMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** A duration as Go writes it: `1m15.5s`. What is no duration is none. */
export function durationMs(text: string): number {
  let sum = 0;
  for (const [, digits, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g))
    sum += Number(digits) * (unitsMs[unit] ?? 0);
  return sum;
}

function sampleOf(metrics: PodMetrics, resource: string, container: string | undefined): PodSample | undefined {
  const counted = metrics.containers.filter(({ name }) => container === undefined || name === container);
  if (counted.length === 0) return undefined;
  let milli = 0;
  for (const { usage } of counted) {
    const used = milliQuantity(usage[resource] ?? '');
    if (used === undefined) return undefined;
    milli += used;
  }
  const atMs = timestampMs(metrics.timestamp);
  return atMs === undefined ? undefined : { milli, atMs, windowMs: durationMs(metrics.window) };
}

type Listed = readonly PodMetrics[] | { readonly error: string };

/** Reads the metrics of a namespace once for all of its autoscalers that ask within a moment. */
export class ResourceMetricsReader {
  readonly #api: ApiClient;
  readonly #env: Env;
  readonly #keptMs: number;
  readonly #lists = new Map<string, { readonly atMs: number; readonly list: Promise<Listed> }>();

  /** `keptMs`: how long a list is used. */
  constructor(api: ApiClient, env: Env, keptMs: number) {
    this.#api = api;
    this.#env = env;
    this.#keptMs = keptMs;
  }

  async read(
    namespace: string,
    pods: readonly Pod[],
    resource: string,
    container: string | undefined,
  ): Promise<Reading> {
    const list = await this.#list(namespace);
    const failed = (text: string): Reading => ({
      of: 'nothing',
      message: `unable to get metrics for resource ${resource}: ${text}`,
    });
    if ('error' in list) return failed(list.error);
    const wanted = new Set(pods.map(({ metadata }) => metadata.name));
    const own = list.filter(({ metadata }) => wanted.has(metadata.name));
    if (own.length === 0) return failed('no metrics returned from resource metrics API');
    const isThere = own.some(({ containers }) => containers.some(({ name }) => name === container));
    if (container !== undefined && !isThere) return failed(`container ${container} not present in metrics of the pods`);
    const samples = own.flatMap((metrics) => {
      const sample = sampleOf(metrics, resource, container);
      return sample === undefined ? [] : [[metrics.metadata.name ?? '', sample] as const];
    });
    return { of: 'pods', samples: new Map(samples) };
  }

  #list(namespace: string): Promise<Listed> {
    const nowMs = this.#env.clock.monotonic();
    const kept = this.#lists.get(namespace);
    if (kept !== undefined && nowMs - kept.atMs < this.#keptMs) return kept.list;
    for (const [other, { atMs }] of this.#lists) if (nowMs - atMs >= this.#keptMs) this.#lists.delete(other);
    const list = this.#ask(namespace);
    this.#lists.set(namespace, { atMs: nowMs, list });
    return list;
  }

  async #ask(namespace: string): Promise<Listed> {
    try {
      return (await this.#api.list(podMetrics, { namespace })).items;
    } catch (error) {
      const text = errorMessage(error);
      const isAbsent = apiErrorReason(error) === 'NotFound';
      return { error: isAbsent ? `${text}; the plugin metrics-resource offers them` : text };
    }
  }
}
