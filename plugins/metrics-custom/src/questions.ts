/** From a path to the values. */
import { errorMessage, InTime, type Env, type Many, type OptionalRef } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { pathParameter, type ResourceProvider, type RouteRequest } from '@timonel/sdk/contracts/api-server';
import {
  externalMetricsProvider,
  isMeasured,
  objectMetricsProvider,
  type ExternalMetricsProvider,
  type MeasuredValue,
  type ObjectMetricsProvider,
} from '@timonel/sdk/contracts/metrics';
import { ApiError, parseLabelSelector, type LabelSelector, type ResourceType, type Selector } from '@timonel/sdk/kube';
import { externalValues, objectValues } from './answers.ts';

/** How long a provider may take. */
const answerMs = 10_000;

export interface QuestionParts {
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly api: OptionalRef<ApiClient>;
  readonly resources: Many<ResourceProvider>;
  readonly objects: Many<ObjectMetricsProvider>;
  readonly external: Many<ExternalMetricsProvider>;
}

const servicesOf = <T>(many: Many<T>): T[] => many.all().map(({ service }) => service);

function selectorIn(query: URLSearchParams, name: string): Selector {
  const text = query.get(name) ?? '';
  try {
    return parseLabelSelector(text);
  } catch (error) {
    throw new ApiError('BadRequest', `${name}: ${errorMessage(error)}`);
  }
}

/** As an object; undefined when it selects everything. */
function selectorObject(selector: Selector): LabelSelector | undefined {
  if (selector.length === 0) return undefined;
  return { matchExpressions: selector.map(({ key, operator, values }) => ({ key, operator, values: [...values] })) };
}

export class Questions {
  readonly #parts: QuestionParts;
  readonly #inTime: InTime;

  constructor(parts: QuestionParts) {
    this.#parts = parts;
    this.#inTime = new InTime(parts.env, parts.signal, answerMs);
  }

  /** @throws ApiError */
  async objects({ params, query }: RouteRequest): Promise<unknown> {
    const namespace = params['namespace'] === undefined ? undefined : pathParameter(params, 'namespace');
    const type = this.#type(pathParameter(params, 'resource'));
    const { group, resource } = type;
    const metric = pathParameter(params, 'metric');
    const provider = objectMetricsProvider(servicesOf(this.#parts.objects), { group, resource, metric });
    if (provider === undefined) throw new ApiError('NotFound', `no plugin offers the metric ${metric} of ${resource}`);
    const name = pathParameter(params, 'name');
    const names = name === '*' ? await this.#names(type, namespace, query) : [name];
    const selector = selectorIn(query, 'metricLabelSelector');
    const values = await this.#answered(provider.values({ group, resource, namespace, names, metric, selector }));
    if (name !== '*' && values.length === 0)
      throw new ApiError('NotFound', `there is no value of the metric ${metric} for ${resource} ${name}`);
    return objectValues({ type, namespace, metric, selector: selectorObject(selector) }, values);
  }

  /** @throws ApiError */
  async external({ params, query }: RouteRequest): Promise<unknown> {
    const metric = pathParameter(params, 'metric');
    const provider = externalMetricsProvider(servicesOf(this.#parts.external), metric);
    if (provider === undefined) throw new ApiError('NotFound', `no plugin offers the metric ${metric}`);
    const selector = selectorIn(query, 'labelSelector');
    const namespace = pathParameter(params, 'namespace');
    return externalValues(metric, await this.#answered(provider.values({ namespace, metric, selector })));
  }

  /** `pods`, `deployments.apps`. */
  #type(name: string): ResourceType {
    const [resource = '', ...group] = name.split('.');
    const found = servicesOf(this.#parts.resources)
      .flatMap((provider) => provider.definitions())
      .find((one) => one.resource === resource && one.group === group.join('.'));
    if (found === undefined) throw new ApiError('NotFound', `no plugin serves the resource ${name}`);
    const { version, kind, namespaced } = found;
    return { group: found.group, version, resource, kind, namespaced };
  }

  async #names(type: ResourceType, namespace: string | undefined, query: URLSearchParams): Promise<string[]> {
    const api = this.#parts.api.current;
    if (api === undefined) throw new ApiError('ServiceUnavailable', 'the API is not there yet');
    const labelSelector = query.get('labelSelector') ?? '';
    const where = namespace === undefined ? {} : { namespace };
    const { items } = await api.list(type, { ...where, ...(labelSelector === '' ? {} : { labelSelector }) });
    return items.map(({ metadata }) => metadata.name ?? '');
  }

  async #answered<T extends MeasuredValue>(values: Promise<readonly T[]>): Promise<readonly T[]> {
    const answered = await this.#inTime.wait(values);
    if ('value' in answered) return answered.value.filter(isMeasured);
    throw new ApiError('ServiceUnavailable', `the metric cannot be had: ${answered.error}`);
  }
}
