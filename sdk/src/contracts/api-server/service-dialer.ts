import type { Duplex } from 'node:stream';
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { ApiClient } from '../api/index.ts';

/** Reaches services from where the API server runs, which need not be in the pod network. */
export interface ServiceDialer {
  /**
   * A connection to a ready endpoint of a port of the service. `api`: by which service, endpoints and pods are looked up.
   * @throws ApiError NotFound, ServiceUnavailable
   */
  dial(
    service: { readonly namespace: string; readonly name: string; readonly port: number },
    api: Pick<ApiClient, 'get' | 'list'>,
  ): Promise<Duplex>;
}

/** Token of {@link ServiceDialer}. */
export const serviceDialer: ServiceToken<ServiceDialer, 'one'> = defineService<ServiceDialer>('api.service-dialer', {
  major: 1,
  cardinality: 'one',
});
