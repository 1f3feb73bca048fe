import { describe, expect, it } from '@jest/globals';
import type { ClusterObjects } from '../cluster/objects.ts';
import { Upstreams } from '../cluster/upstreams.ts';
import { controllerName } from './classes.ts';
import { ingressRoutes } from './ingress-routes.ts';

describe('Ingresses', () => {
  it('have no path that fits into no request: their other paths are served', () => {
    const paths = [`/${'a'.repeat(16_400)}`, '/short'].map((path) => ({
      path,
      pathType: 'Prefix',
      backend: { service: { name: 'web', port: { number: 80 } } },
    }));
    const ingress = {
      metadata: { namespace: 'default', name: 'web' },
      spec: { ingressClassName: 'ours', rules: [{ http: { paths } }] },
    };
    const objects = {
      ingresses: () => [ingress],
      ingressClasses: () => [{ metadata: { name: 'ours' }, spec: { controller: controllerName } }],
      service: () => undefined,
    } as Partial<ClusterObjects> as ClusterObjects;
    const { routes, problems } = ingressRoutes(objects, new Upstreams(objects), { http: 80, https: 0 });
    expect(routes.map(({ path }) => path.value)).toEqual(['/short']);
    expect(problems.map(({ reason }) => reason)).toEqual(['PathInvalid', 'ServiceNotFound']);
  });
});
