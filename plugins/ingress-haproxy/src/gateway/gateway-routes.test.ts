import { describe, expect, it } from '@jest/globals';
import { Upstreams } from '../cluster/upstreams.ts';
import type { ClusterObjects } from '../cluster/objects.ts';
import { controllerName } from '../ingress/classes.ts';
import { gatewayRoutes, type GatewayRoutes } from './gateway-routes.ts';
import type { GatewayObjects } from './objects.ts';
import type { Gateway, GatewayListener, GrpcRoute, HttpRoute } from './types.ts';

const meta = (name: string): { name: string; namespace: string } => ({ name, namespace: 'default' });
const plain = { name: 'plain', port: 80, protocol: 'HTTP' };
const gatewayOf = (name: string, ...listeners: object[]): Gateway => ({
  metadata: meta(name),
  spec: { gatewayClassName: 'ours', listeners: listeners as GatewayListener[] },
});
/** As the API may hold it: not all that the schema of somebody else lets through has the right type. */
const routeOf = (name: string, rule: object, gateway = 'edge'): HttpRoute => ({
  metadata: meta(name),
  spec: { parentRefs: [{ name: gateway }], rules: [rule] },
});

function translate(httpRoutes: HttpRoute[], gateways: Gateway[], grpcRoutes: GrpcRoute[] = []): GatewayRoutes {
  const objects: GatewayObjects = {
    gatewayClasses: () => [{ metadata: { name: 'ours' }, spec: { controllerName } }],
    gateways: () => gateways,
    httpRoutes: () => httpRoutes,
    grpcRoutes: () => grpcRoutes,
    referenceGrants: () => [],
    namespace: (name) => ({ metadata: { name, labels: { team: 'a' } } }),
    secret: () => undefined,
  };
  const cluster = { service: () => undefined } as Partial<ClusterObjects> as ClusterObjects;
  const ports = new Map([
    [80, false],
    [443, true],
  ]);
  return gatewayRoutes(objects, new Upstreams(cluster), ports);
}

const verdicts = ({ routeObjects }: GatewayRoutes): Record<string, string[]> =>
  Object.fromEntries(
    routeObjects.map(({ route, parents }) => [
      route.metadata.name ?? '',
      parents.map(({ accepted }) => accepted.reason),
    ]),
  );

const filter = (type: string, key: string, value: unknown): object => ({ filters: [{ type, [key]: value }] });

describe('objects of the Gateway API that cannot be read', () => {
  it.each([
    ['a list of headers that is none', filter('RequestHeaderModifier', 'requestHeaderModifier', { set: 5 })],
    ['an empty header', filter('RequestHeaderModifier', 'requestHeaderModifier', { set: [null] })],
    [
      'a header that is a number',
      filter('ResponseHeaderModifier', 'responseHeaderModifier', { set: [{ name: 'a', value: 5 }] }),
    ],
    ['an empty rewrite', filter('URLRewrite', 'urlRewrite', null)],
    ['a host that is a list', filter('URLRewrite', 'urlRewrite', { hostname: ['a.test'] })],
    [
      'a path that is a number',
      filter('URLRewrite', 'urlRewrite', { path: { type: 'ReplaceFullPath', replaceFullPath: 5 } }),
    ],
    ['a port with more lines', filter('RequestRedirect', 'requestRedirect', { port: '80\n  http-request deny' })],
    ['a match without a value', { matches: [{ headers: [{ name: 'a' }] }] }],
    ['empty timeouts', { timeouts: null }],
    ['a path that fits into no request', { matches: [{ path: { value: `/${'ü'.repeat(2_000)}` } }] }],
    [
      'more headers than a line has room for',
      { matches: [{ headers: Array.from({ length: 41 }, () => ({ name: 'a', value: 'b' })) }] },
    ],
  ])('are one route with %s, and others are served', (_, rule) => {
    const translated = translate([routeOf('odd', rule), routeOf('fine', {})], [gatewayOf('edge', plain)]);
    expect(verdicts(translated)).toEqual({ odd: ['UnsupportedValue'], fine: ['Accepted'] });
    expect(translated.routes.map(({ owner }) => owner)).toEqual(['httproutes default/fine']);
    expect(translated.problems.filter(({ reason }) => reason === 'UnsupportedValue')).toHaveLength(1);
  });

  it('are one route of gRPC, and others are served', () => {
    const grpc = { ...routeOf('odd', { matches: [{ method: null }] }) } as GrpcRoute;
    const translated = translate([routeOf('fine', {})], [gatewayOf('edge', plain)], [grpc]);
    expect(verdicts(translated)).toEqual({ odd: ['UnsupportedValue'], fine: ['Accepted'] });
  });

  it.each([
    [
      'an operator that is none',
      {
        namespaces: {
          from: 'Selector',
          selector: { matchExpressions: [{ key: 'team', operator: 'Like', values: ['a'] }] },
        },
      },
    ],
    [
      'values that are none',
      {
        namespaces: { from: 'Selector', selector: { matchExpressions: [{ key: 'team', operator: 'In', values: 5 }] } },
      },
    ],
    ['kinds that are no list', { kinds: 'x' }],
  ])('are one listener with %s, and others are served', (_, allowedRoutes) => {
    const gateways = [gatewayOf('edge', { ...plain, name: 'odd', allowedRoutes }, plain), gatewayOf('other', plain)];
    const translated = translate([routeOf('fine', {}), routeOf('elsewhere', {}, 'other')], gateways);
    const conditions = translated.gateways.flatMap(({ listeners }) =>
      listeners.map(({ checked }) => `${checked.listener.name} ${checked.accepted.reason}`),
    );
    expect(conditions).toEqual(['odd UnsupportedValue', 'plain Accepted', 'plain Accepted']);
    expect(verdicts(translated)).toEqual({ fine: ['Accepted'], elsewhere: ['Accepted'] });
  });

  it('are one listener whose certificates are no list', () => {
    const secure = { name: 'odd', port: 443, protocol: 'HTTPS', tls: { certificateRefs: {} } };
    const translated = translate([routeOf('fine', {})], [gatewayOf('edge', secure, plain)]);
    expect(translated.gateways[0]?.listeners[0]?.checked.accepted).toMatchObject({
      ok: false,
      reason: 'UnsupportedValue',
    });
    expect(verdicts(translated)).toEqual({ fine: ['Accepted'] });
  });
});
