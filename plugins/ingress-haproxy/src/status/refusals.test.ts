import { describe, expect, it } from '@jest/globals';
import type { CheckedListener } from '../gateway/listeners.ts';
import { httpRoutes } from '../gateway/types.ts';
import type { Translated } from '../routing-source.ts';
import { withRefusals } from './refusals.ts';

const named = (name: string): { metadata: { name: string; namespace: string } } => ({
  metadata: { name, namespace: 'default' },
});
const ok = { ok: true, reason: 'Accepted', message: '' };
const listener = (certificates: CheckedListener['certificates']): CheckedListener => ({
  gateway: named('edge'),
  listener: { name: 'x', port: 443, protocol: 'HTTPS' },
  host: { kind: 'any', name: '' },
  tls: true,
  accepted: ok,
  resolvedRefs: ok,
  certificates,
  kinds: [],
  allows: () => true,
});

const parents = [{ parentRef: { name: 'edge' }, accepted: ok, resolvedRefs: ok, listeners: [] }];
const translated: Translated = {
  table: { listeners: [], routes: [], upstreams: new Map() },
  ingresses: [named('good'), named('bad')],
  gateway: {
    classes: [],
    gateways: [
      {
        gateway: named('edge'),
        listeners: [listener([]), listener([{ pem: '', hosts: [] }])].map((checked) => ({
          checked,
          attachedRoutes: 0,
        })),
      },
    ],
    routeObjects: ['good', 'bad'].map((name) => ({ type: httpRoutes as never, route: named(name), parents })),
    listeners: [],
    routes: [],
    problems: [],
  },
  problems: [],
};

describe('what haproxy refuses', () => {
  it('is told of the objects that it was made from, and of no others', () => {
    const refused = new Map(['ingresses', 'httproutes'].map((kind) => [`${kind} default/bad`, 'too much']));
    refused.set('gateways default/edge', 'no key');
    const { gateway, problems = [] } = withRefusals(translated, refused) ?? {};
    expect(problems.map(({ type, object, reason }) => [type.resource, object.metadata.name, reason])).toEqual([
      ['ingresses', 'bad', 'Refused'],
      ['gateways', 'edge', 'Refused'],
      ['httproutes', 'bad', 'Refused'],
    ]);
    expect(gateway?.routeObjects.map((route) => route.parents[0]?.accepted)).toEqual([
      ok,
      { ok: false, reason: 'UnsupportedValue', message: 'haproxy refuses it: too much' },
    ]);
    expect(gateway?.gateways[0]?.listeners.map(({ checked }) => checked.resolvedRefs.reason)).toEqual([
      'Accepted',
      'InvalidCertificateRef',
    ]);
  });

  it('changes nothing where there is nothing of it', () => {
    expect(withRefusals(translated, new Map())).toBe(translated);
  });
});
