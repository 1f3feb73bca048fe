import { describe, expect, it } from '@jest/globals';
import { endpointSlices, type Endpoints, type EndpointSlice, type Service } from '@timonel/sdk/kube';
import { applyActions } from '@timonel/testkit';
import fc from 'fast-check';
import { explain, reconcile, type Observed } from './reconcile.ts';

type Subsets = NonNullable<Endpoints['subsets']>;

function theEndpoints(subsets: Subsets, metadata: Partial<Endpoints['metadata']> = {}): Endpoints {
  return { metadata: { name: 'web', namespace: 'default', uid: 'ep', ...metadata }, subsets };
}

const service: Service = { metadata: { name: 'web', namespace: 'default' }, spec: { ports: [{ port: 80 }] } };
const ports = [{ name: 'http', port: 8080, protocol: 'TCP' }];
const one = theEndpoints([{ addresses: [{ ip: '10.0.0.1' }], ports }]);

function observed(subject: Endpoints | undefined, more: Partial<Observed> = {}): Observed {
  const slices = more.slices ?? [];
  const isTaken = (name: string): boolean => slices.some(({ metadata }) => metadata.name === name);
  return { subject, service, slices, nowMs: 0, timestamp: '2026-01-01T00:00:00Z', isTaken, ...more };
}

function step(state: Observed): Observed {
  const slices = applyActions(endpointSlices, state.slices, reconcile(state).actions);
  return observed(state.subject, { slices, service: state.service });
}

const writes = (state: Observed): string[] =>
  reconcile(state)
    .actions.filter((action) => action.do !== 'event')
    .map((action) => action.do);
const addresses = (slices: readonly EndpointSlice[]): string[] =>
  slices.flatMap(({ endpoints }) => endpoints.flatMap((endpoint) => endpoint.addresses)).toSorted();

describe('reconcile', () => {
  it('mirrors addresses that are ready and others, by family and ports, with labels and annotations', () => {
    const subject = theEndpoints(
      [
        {
          addresses: [{ ip: '10.0.0.1', hostname: 'a', nodeName: 'n' }, { ip: 'fd00::1' }],
          notReadyAddresses: [{ ip: '10.0.0.2' }],
          ports,
        },
        { addresses: [{ ip: '10.0.0.3' }], ports },
        { addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 9090 }] },
      ],
      {
        labels: { team: 'a' },
        annotations: { mine: 'yes', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
      },
    );
    const { slices } = step(observed(subject));
    expect(slices.map(({ addressType, ports: own, endpoints }) => [addressType, own?.[0]?.port, endpoints])).toEqual([
      [
        'IPv4',
        8080,
        [
          { addresses: ['10.0.0.1'], conditions: { ready: true }, hostname: 'a', nodeName: 'n' },
          { addresses: ['10.0.0.2'], conditions: { ready: false } },
          { addresses: ['10.0.0.3'], conditions: { ready: true } },
        ],
      ],
      ['IPv6', 8080, [{ addresses: ['fd00::1'], conditions: { ready: true } }]],
      ['IPv4', 9090, [{ addresses: ['10.0.0.1'], conditions: { ready: true } }]],
    ]);
    expect(slices[0]?.metadata).toMatchObject({
      labels: {
        team: 'a',
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
      },
      annotations: { mine: 'yes' },
      ownerReferences: [{ kind: 'Endpoints', name: 'web', uid: 'ep', controller: true }],
    });
    expect(slices[0]?.metadata.annotations).toEqual({ mine: 'yes' });
  });

  it.each<[string, Endpoints | undefined, Service | undefined]>([
    ['Endpoints that are gone', undefined, service],
    ['Endpoints without a service', one, undefined],
    ['Endpoints of a service with a selector', one, { ...service, spec: { ...service.spec, selector: { app: 'x' } } }],
    [
      'Endpoints that say so',
      theEndpoints([], { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }),
      service,
    ],
    [
      'Endpoints that elect a leader',
      theEndpoints([], { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }),
      service,
    ],
    ['Endpoints that are being deleted', theEndpoints([], { deletionTimestamp: '2026-01-01T00:00:00Z' }), service],
  ])('does not mirror %s', (_, subject, of) => {
    expect(writes(observed(subject, { service: of }))).toEqual([]);
    const { slices } = step(observed(one));
    expect(writes(observed(subject, { service: of, slices }))).toEqual(['delete']);
  });

  it('follows changes in place, and removes slices of Endpoints that were made anew', () => {
    const state = step(observed(one));
    const two = theEndpoints([{ addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }], ports }]);
    expect(writes({ ...state, subject: two })).toEqual(['update']);
    expect(writes({ ...state, subject: theEndpoints([]) })).toEqual(['delete']);
    expect(writes({ ...state, subject: theEndpoints(one.subsets ?? [], { labels: { a: 'b' } }) })).toEqual(['update']);
    expect(writes({ ...state, subject: theEndpoints(one.subsets ?? [], { uid: 'other' }) })).toEqual([
      'create',
      'delete',
    ]);
  });

  it('mirrors 1,000 addresses of a subset, and says what it left out', () => {
    const many = Array.from({ length: 1003 }, (_, index) => ({ ip: `10.0.${index >> 8}.${index & 255}` }));
    const state = observed(
      theEndpoints([
        { addresses: [...many, { ip: 'x' }], ports },
        { addresses: [{ ip: 'y' }], ports },
      ]),
    );
    const after = step(state);
    expect(after.slices.map(({ endpoints }) => endpoints.length)).toEqual(Array.from({ length: 10 }, () => 100));
    const events = reconcile(state).actions.flatMap((action) => (action.do === 'event' ? [action.event.message] : []));
    expect(events).toEqual([
      'Skipped 1 invalid IP addresses when mirroring to EndpointSlices',
      'A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 4 addresses were skipped',
    ]);
    expect(writes(after)).toEqual([]);
    expect(explain(after).map(({ code }) => code)).toEqual(['invalid-addresses', 'too-many-addresses']);
  });

  it('mirrors all addresses of one target, as of a machine that has two', () => {
    const targetRef = { kind: 'VirtualMachine', name: 'vm', uid: 'vm' };
    const subset = { addresses: ['10.0.0.1', '10.0.0.2'].map((ip) => ({ ip, targetRef })), ports };
    const state = step(observed(theEndpoints([subset])));
    expect(addresses(state.slices)).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(writes(state)).toEqual([]);
  });

  it('takes nulls of clients for what is absent', () => {
    const absent = null as never;
    const address = { ip: '10.0.0.1', hostname: absent, nodeName: absent, targetRef: absent };
    const subset = { addresses: [address], notReadyAddresses: absent, ports: absent };
    expect(addresses(step(observed(theEndpoints([subset]))).slices)).toEqual(['10.0.0.1']);
    expect(writes(observed(theEndpoints(absent)))).toEqual([]);
  });

  it('from any state reaches the addresses of the Endpoints, and rests', () => {
    const ip = fc.nat(250).map((number) => `10.0.0.${number}`);
    const list = fc
      .uniqueArray(ip, { maxLength: 250, size: 'max' })
      .map((all) => all.map((address) => ({ ip: address })));
    const subset = fc.record({ addresses: list, ports: fc.constantFrom(ports, [{ port: 1 }], []) });
    fc.assert(
      fc.property(fc.array(fc.array(subset, { maxLength: 3 }), { minLength: 1, maxLength: 4 }), (lives) => {
        let state = observed(undefined);
        for (const subsets of lives) {
          state = step({ ...state, subject: theEndpoints(subsets) });
          const wanted = new Set(
            subsets.flatMap((each) => each.addresses.map((address) => `${JSON.stringify(each.ports)} ${address.ip}`)),
          );
          expect(addresses(state.slices)).toHaveLength(wanted.size);
          for (const { endpoints } of state.slices) expect(endpoints.length).toBeLessThanOrEqual(100);
          expect(writes(state)).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
