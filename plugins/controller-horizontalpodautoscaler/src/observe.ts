/** Looks at all that an autoscaler is decided by. */
import { errorMessage, InTime, type Env, type Many } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ResourceProvider } from '@timonel/sdk/contracts/api-server';
import type { ExternalMetricsProvider, ObjectMetricsProvider } from '@timonel/sdk/contracts/metrics';
import { withoutNulls } from '@timonel/sdk/controller';
import { apiErrorReason, type HorizontalPodAutoscaler, type MetricSpec, type Pod, type Scale } from '@timonel/sdk/kube';
import type { AutoscalerConfig } from './config.ts';
import { memoryFor, type Memory } from './memory.ts';
import { isRefusal, type Reading, type Refusal } from './metric-problem.ts';
import { readExternalMetric, readObjectMetric, readPodsMetric } from './named-metrics.ts';
import { selectPods, type PodsInputs } from './observe-pods.ts';
import type { Observed, Sight, Target } from './observed.ts';
import { ResourceMetricsReader } from './resource-metrics.ts';
import { customType, describedType, scalableType } from './target-kinds.ts';
import { waitMs } from './timing.ts';

export interface Sources extends PodsInputs {
  readonly memories: Map<string, Memory>;
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly api: ApiClient;
  readonly config: AutoscalerConfig;
  readonly resources: Many<ResourceProvider>;
  readonly objectMetrics: Many<ObjectMetricsProvider>;
  readonly externalMetrics: Many<ExternalMetricsProvider>;
}

/** A memory that ends longer ago has a gap. */
const missedPeriods = 4;
const servicesOf = <T>(many: Many<T>): T[] => many.all().map(({ service }) => service);
/** What the API says of the target itself; other errors are about the way to it, and are tried again. */
const verdicts: ReadonlySet<string> = new Set(['BadRequest', 'Forbidden', 'Invalid', 'MethodNotAllowed', 'NotFound']);

export class Observer {
  readonly #sources: Sources;
  readonly #resourceMetrics: ResourceMetricsReader;
  readonly #inTime: InTime;

  constructor(sources: Sources) {
    this.#sources = sources;
    const { api, env, config } = sources;
    this.#resourceMetrics = new ResourceMetricsReader(api, env, Math.min(1000, config.syncPeriodMs / 4));
    this.#inTime = new InTime(env, sources.signal, config.metricTimeoutMs);
  }

  async observe(
    key: string,
    now: { readonly nowMs: number; readonly timestamp: string },
  ): Promise<Observed | undefined> {
    const { autoscalers, memories, env, config } = this.#sources;
    const cached = autoscalers.get(key);
    if (cached === undefined) {
      memories.delete(key);
      return undefined;
    }
    const subject = { ...cached, spec: withoutNulls(cached.spec) };
    const monotonicMs = env.clock.monotonic();
    const { syncPeriodMs } = config;
    const { uid = '' } = subject.metadata;
    const memory = memoryFor(memories.get(key), { uid, nowMs: monotonicMs, gapMs: missedPeriods * syncPeriodMs });
    const wait = waitMs(subject, memory, { ...now, monotonicMs, syncPeriodMs });
    const sight = wait > 0 ? undefined : await this.#look(subject);
    return { ...now, subject, key, monotonicMs, config, memory, sight, waitMs: wait };
  }

  async #look(subject: HorizontalPodAutoscaler): Promise<Sight | Refusal> {
    const target = await this.#target(subject);
    if (isRefusal(target)) return target;
    const selected = selectPods(this.#sources, subject, target.selector);
    const readings = selected.selectorProblem === undefined ? await this.#readings(subject, selected.pods) : [];
    return { target, ...selected, readings };
  }

  async #target({ metadata, spec }: HorizontalPodAutoscaler): Promise<Target | Refusal> {
    const { api, resources } = this.#sources;
    const builtIn = scalableType(spec.scaleTargetRef, servicesOf(resources));
    const type = isRefusal(builtIn) ? ((await customType(spec.scaleTargetRef, api)) ?? builtIn) : builtIn;
    if (isRefusal(type)) return type;
    const name = { namespace: metadata.namespace, name: spec.scaleTargetRef.name };
    try {
      const scale: Scale = await api.getSubresource(type, name, 'scale');
      return {
        type,
        object: scale,
        specReplicas: scale.spec?.replicas ?? 0,
        statusReplicas: scale.status?.replicas ?? 0,
        selector: scale.status?.selector,
      };
    } catch (error) {
      if (!verdicts.has(apiErrorReason(error) ?? '')) throw error;
      return { refusal: errorMessage(error) };
    }
  }

  #readings({ metadata, spec }: HorizontalPodAutoscaler, pods: readonly Pod[]): Promise<Reading[]> {
    const { namespace = '' } = metadata;
    return Promise.all((spec.metrics ?? []).map((metric) => this.#answered(this.#read(metric, namespace, pods))));
  }

  async #answered(reading: Promise<Reading>): Promise<Reading> {
    const answered = await this.#inTime.wait(reading);
    return 'value' in answered
      ? answered.value
      : { of: 'nothing', message: `unable to get metrics: ${answered.error}` };
  }

  async #read(metric: MetricSpec, namespace: string, pods: readonly Pod[]): Promise<Reading> {
    const { resource, containerResource, pods: ofPods, object, external } = metric;
    const objectProviders = servicesOf(this.#sources.objectMetrics);
    if (resource !== undefined) return this.#resourceMetrics.read(namespace, pods, resource.name, undefined);
    if (containerResource !== undefined) {
      const { name, container } = containerResource;
      return this.#resourceMetrics.read(namespace, pods, name, container);
    }
    if (ofPods !== undefined) return readPodsMetric(objectProviders, ofPods.metric, namespace, pods);
    if (external !== undefined)
      return readExternalMetric(servicesOf(this.#sources.externalMetrics), external.metric, namespace);
    if (object === undefined) return { of: 'nothing', message: 'the metric has no source' };
    const { describedObject, metric: identifier } = object;
    const type = describedType(describedObject, servicesOf(this.#sources.resources));
    if (isRefusal(type)) return { of: 'nothing', message: type.refusal };
    const { kind, name } = describedObject;
    const where = type.namespaced ? namespace : undefined;
    return readObjectMetric(objectProviders, identifier, { type, kind, namespace: where, name });
  }
}
