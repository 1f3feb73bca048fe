/**
 * The service `kubernetes` in the namespace `default`, through which pods reach the API: first address of the range, no
 * selector, and endpoints when the server listens where other machines reach it. What is changed or deleted of it is made again.
 */
import { errorMessage, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isApiAbsent, jsonEqual } from '@timonel/sdk/controller';
import { keepServerEndpoints, placeOfServer } from '@timonel/sdk/controller/endpoints';
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  services,
  type KubeObject,
  type ResourceType,
  type Service,
} from '@timonel/sdk/kube';

export const kubernetesKey = 'default/kubernetes';
const at = { name: 'kubernetes', namespace: 'default' } as const;
/** While something is in the way, such as a namespace that is not there yet. */
const retryMs = 250;
/** What others change is put right as soon. */
const periodMs = 10_000;

function serviceOf(clusterIP: string, url: string): Service {
  const targetPort = Number(new URL(url).port || 443);
  return {
    metadata: { ...at, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { type: 'ClusterIP', clusterIP, ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort }] },
  };
}

/** Creates the object, or changes what is not as it should be. Who loses a race against another server has nothing to do. */
async function keep<T extends KubeObject>(
  api: ApiClient,
  type: ResourceType<T>,
  wanted: T,
  corrected: (found: T) => T | undefined,
): Promise<void> {
  try {
    const next = corrected(await api.get(type, at));
    if (next !== undefined) await api.update(type, next);
  } catch (error) {
    if (isConflict(error)) return;
    if (!isNotFound(error)) throw error;
    await api.create(type, wanted).catch((refusal: unknown) => {
      if (!isAlreadyExists(refusal)) throw refusal;
    });
  }
}

async function ensure(api: ApiClient, clusterIP: string, url: string, publishEndpoint: boolean): Promise<void> {
  const service = serviceOf(clusterIP, url);
  await keep(api, services, service, (found) =>
    jsonEqual(found.spec.ports, service.spec.ports) && found.spec.type === 'ClusterIP'
      ? undefined
      : { ...found, spec: { ...found.spec, type: 'ClusterIP', ports: service.spec.ports ?? [] } },
  );
  // Nobody but this machine reaches a loopback address: who opens another one for pods says where it is.
  const place = placeOfServer(url);
  if (!publishEndpoint || place === undefined) return;
  await keepServerEndpoints(api, [place]);
}

/** Keeps it until the signal. Its namespace may be made by another plugin a moment later. */
export async function keepKubernetesService(
  parts: {
    readonly api: ApiClient;
    readonly log: Logger;
    readonly signal: AbortSignal;
    /** Ends early when something of it may have been deleted. */
    readonly pause: (limitMs: number) => Promise<void>;
    readonly publishEndpoint: boolean;
  },
  clusterIP: string,
  url: string,
): Promise<void> {
  const { api, log, signal, pause, publishEndpoint } = parts;
  while (!signal.aborted) {
    let pauseMs = periodMs;
    try {
      await ensure(api, clusterIP, url, publishEndpoint);
    } catch (error) {
      const soon = isNotFound(error) || isApiAbsent(error);
      if (!soon) log.warn({}, `cannot make the service ${at.namespace}/${at.name}: ${errorMessage(error)}`);
      pauseMs = soon ? retryMs : retryMs * 20;
    }
    await pause(pauseMs);
  }
}
