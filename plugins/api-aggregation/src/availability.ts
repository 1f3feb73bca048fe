/** Whether the server of an APIService can be asked: the condition Available, with the reasons and words of Kubernetes. */
import { errorMessage, type Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { RoutedResource } from '@timonel/sdk/contracts/api-server';
import {
  endpointSlices,
  isNotFound,
  services,
  type ApiService,
  type EndpointSlice,
  type Service,
} from '@timonel/sdk/kube';
import { ask } from './ask.ts';
import { openApiHash, resourcesIn } from './resources.ts';
import type { Target, TargetService } from './target.ts';

export interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** What the server serves. */
export interface Offer {
  readonly resources: readonly RoutedResource[];
  readonly openApiHash: string | undefined;
}

export interface Finding {
  readonly verdict: Verdict;
  /** While it is available. */
  readonly offer?: Offer;
}

export type Api = Pick<ApiClient, 'get' | 'list'>;

const no = (reason: string, message: string): Finding => ({ verdict: { status: 'False', reason, message } });

export const local: Verdict = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};

const wordsLimit = 1000;

function portName({ spec }: Service, port: number): string | undefined {
  const found = spec?.ports?.find((one) => one.port === port);
  return found === undefined ? undefined : (found.name ?? '');
}

function hasReadyAddress({ endpoints, ports }: EndpointSlice, port: string): boolean {
  return (
    ports?.some(({ name }) => (name ?? '') === port) === true &&
    endpoints.some(({ conditions, addresses }) => conditions?.ready !== false && addresses.length > 0)
  );
}

/** Undefined: the service and its endpoints are there. */
async function missingOf({ namespace, name, port }: TargetService, api: Api): Promise<Finding | undefined> {
  let service: Service;
  try {
    service = await api.get(services, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return no('ServiceNotFound', `service/${name} in "${namespace}" is not present`);
    return no(
      'ServiceAccessError',
      `service/${name} in "${namespace}" cannot be checked due to: ${errorMessage(error)}`,
    );
  }
  const wanted = portName(service, port);
  if (wanted === undefined)
    return no('ServicePortError', `service/${name} in "${namespace}" is not listening on port ${port}`);
  const { items } = await api.list(endpointSlices, { namespace, labelSelector: `kubernetes.io/service-name=${name}` });
  if (items.length === 0)
    return no('EndpointsNotFound', `cannot find endpointslices for service/${name} in "${namespace}"`);
  if (items.some((slice) => hasReadyAddress(slice, wanted))) return undefined;
  return no(
    'MissingEndpoints',
    `endpointslices for service/${name} in "${namespace}" have no addresses with port name "${wanted}"`,
  );
}

/** A server need not describe what it serves. */
async function openApiOf(target: Target, name: string, timers: Env['timers']): Promise<string | undefined> {
  try {
    return openApiHash(await ask(target, '/openapi/v3', timers), name);
  } catch {
    return undefined;
  }
}

/** Looks at the service, its endpoints, and what the server answers to discovery. */
export async function findingOf(
  { spec }: ApiService,
  target: Target,
  { api, timers }: { readonly api: Api; readonly timers: Env['timers'] },
): Promise<Finding> {
  const name = `apis/${spec?.group ?? ''}/${spec?.version ?? ''}`;
  try {
    const missing = await missingOf(target.service, api);
    if (missing !== undefined) return missing;
    const resources = resourcesIn(await ask(target, `/${name}`, timers));
    const offer = { resources, openApiHash: await openApiOf(target, name, timers) };
    return { verdict: { status: 'True', reason: 'Passed', message: 'all checks passed' }, offer };
  } catch (error) {
    const url = `https://${target.host}:${target.service.port}/${name}`;
    const words = `failing or missing response from ${url}: ${errorMessage(error)}`;
    return no('FailedDiscoveryCheck', words.slice(0, wordsLimit));
  }
}
