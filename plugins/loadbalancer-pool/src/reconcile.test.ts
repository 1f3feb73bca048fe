import { describe, expect, it } from '@jest/globals';
import { addressAnnotation, cleanupFinalizer, poolAnnotation } from '@timonel/sdk/contracts/loadbalancer';
import type { Service } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { parseRange, poolOf } from './pools.ts';
import { explain, type Observed } from './reconcile.ts';
import { addressOf, aService, main, observed, pass, reserve, settled } from './testing/passes.ts';

describe('an address', () => {
  it('is the first that is free, and comes with finalizer, annotation and event', () => {
    const seen = observed(aService(), [aService({ name: 'a', ingress: '192.0.2.1' })]);
    expect(settled(seen)).toMatchObject({
      metadata: { annotations: { [poolAnnotation]: 'main' }, finalizers: [cleanupFinalizer] },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.2', ipMode: 'VIP' }] } },
    });
    expect(pass(seen).events).toEqual(['EnsuredLoadBalancer: Ensured load balancer with the address 192.0.2.2']);
    expect(explain(seen)).toEqual([]);
  });

  it.each<[string, Partial<Service['spec']>, boolean]>([
    ['another class', { loadBalancerClass: 'example.com/other' }, true],
    ['no class, where that is the business of others', {}, false],
    ['another type', { type: 'NodePort' }, true],
  ])('is not for services of %s', (_, spec, isDefault) => {
    const seen = { ...observed(aService({ spec })), isDefault };
    expect(pass(seen)).toMatchObject({ writes: 0, events: [] });
    expect(explain(seen).map(({ code }) => code)).toEqual(spec.type === undefined ? ['other-class'] : []);
  });

  it('is for services of the class', () => {
    const seen = { ...observed(aService({ spec: { loadBalancerClass: 'timonel.dev/pool' } })), isDefault: false };
    expect(addressOf(settled(seen))).toBe('192.0.2.1');
  });

  it('may be wished by field or annotation, also one that is not given without', () => {
    const byField = aService({ spec: { loadBalancerIP: '192.0.2.3' } });
    expect(addressOf(settled(observed(byField)))).toBe('192.0.2.3');
    const annotations = { [addressAnnotation]: '198.51.100.2' };
    const byAnnotation = aService({ spec: { loadBalancerIP: '192.0.2.3' }, metadata: { annotations } });
    const got = settled(observed(byAnnotation));
    expect([addressOf(got), got.metadata.annotations?.[poolAnnotation]]).toEqual(['198.51.100.2', 'reserve']);
  });

  it('takes nulls of clients for what is absent', () => {
    const absent = null as never;
    const spec = { loadBalancerClass: absent, loadBalancerIP: absent, loadBalancerSourceRanges: absent };
    expect(addressOf(settled(observed(aService({ spec }))))).toBe('192.0.2.1');
    expect(addressOf(settled(observed({ ...aService(), status: { loadBalancer: absent } })))).toBe('192.0.2.1');
  });

  it('that others gave stays as it is', () => {
    const foreign = { ...aService(), status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } } };
    expect(pass(observed(foreign))).toMatchObject({ writes: 0, events: [] });
  });
});

describe('no address', () => {
  const taken = aService({ name: 'a', ingress: '192.0.2.1' });
  const full = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((ingress, index) =>
    aService({ name: `h${index}`, ingress }),
  );

  it.each<[string, string, Observed]>([
    [
      'NoPool',
      'no pool of addresses is configured: see the configuration of loadbalancer-pool',
      observed(aService(), [], []),
    ],
    ['PoolExhausted', 'all IPv4 addresses are given away: main (3 addresses)', observed(aService(), full)],
    [
      'PoolExhausted',
      'no pool gives IPv4 addresses to services that do not wish one',
      observed(aService(), [], [reserve]),
    ],
    [
      'AddressNotInPool',
      'no pool has the address 203.0.113.9',
      observed(aService({ spec: { loadBalancerIP: '203.0.113.9' } })),
    ],
    ['AddressInvalid', '"fd00::1" is not an IPv4 address', observed(aService({ spec: { loadBalancerIP: 'fd00::1' } }))],
    [
      'AddressTaken',
      'the address 192.0.2.1 is that of the service default/a',
      observed(aService({ spec: { loadBalancerIP: '192.0.2.1' } }), [taken]),
    ],
  ])('%s: condition, one event, and why', (reason, message, seen) => {
    const service = settled(seen);
    expect(service.status).toMatchObject({
      loadBalancer: {},
      conditions: [{ type: 'LoadBalancerAddress', status: 'False', reason, message }],
    });
    expect(service.metadata.finalizers).toBeUndefined();
    expect(pass(seen).events).toEqual([`SyncLoadBalancerFailed: Error syncing load balancer: ${message}`]);
    expect(pass({ ...seen, subject: service }).events).toEqual([]);
    expect(explain(seen)).toMatchObject([{ code: reason, text: `it has no address: ${message}` }]);
  });

  it('ends when one is free, and the condition with it', () => {
    const waiting = settled(observed(aService(), full));
    const got = settled(observed(waiting, full.slice(1)));
    expect(got.status).toEqual({ loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } });
  });

  it('the one it has stays when its wish cannot be met', () => {
    const service = aService({ ingress: '192.0.2.2', spec: { loadBalancerIP: '192.0.2.1' } });
    const after = settled(observed(service, [taken]));
    expect(addressOf(after)).toBe('192.0.2.2');
    expect(after.status?.conditions).toMatchObject([{ reason: 'AddressTaken' }]);
    expect(addressOf(settled(observed(after)))).toBe('192.0.2.1');
  });
});

describe('the end', () => {
  it('a service that is deleted loses the finalizer at once', () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    const base = aService({ ingress: '192.0.2.1' });
    const { service, events } = pass(observed({ ...base, metadata: { ...base.metadata, deletionTimestamp } }));
    expect(service).toBeUndefined();
    expect(events).toEqual(['DeletedLoadBalancer: Deleted load balancer']);
  });

  it.each<[string, Partial<Service['spec']>]>([
    ['type', { type: 'ClusterIP' }],
    ['class', { loadBalancerClass: 'example.com/other' }],
  ])('a service of another %s loses its address, then finalizer and annotation', (_, spec) => {
    const first = pass(observed(aService({ ingress: '192.0.2.1', spec }))).service as Service;
    expect([addressOf(first), first.metadata.finalizers]).toEqual([undefined, [cleanupFinalizer]]);
    const second = settled(observed(first));
    expect([second.metadata.annotations, second.metadata.finalizers]).toEqual([undefined, undefined]);
  });

  it('of a pool: its services get addresses of another, or none', () => {
    const service = aService({ ingress: '203.0.113.1' });
    expect(addressOf(settled(observed(service)))).toBe('192.0.2.1');
    expect(addressOf(settled(observed(service, [], [])))).toBeUndefined();
  });
});

describe('a service that lost the annotation, as by kubectl replace', () => {
  const { annotations: _, ...metadata } = aService({ ingress: '192.0.2.2' }).metadata;
  const plain: Service = { ...aService({ ingress: '192.0.2.2' }), metadata };

  it('keeps its address, and gets annotation and finalizer again', () => {
    const replaced = { ...plain, metadata: { ...metadata, finalizers: [] } };
    for (const subject of [plain, replaced]) {
      const after = settled(observed(subject, [aService({ name: 'a', ingress: '192.0.2.1' })]));
      expect([addressOf(after), after.metadata.annotations, after.metadata.finalizers]).toEqual([
        '192.0.2.2',
        { [poolAnnotation]: 'main' },
        [cleanupFinalizer],
      ]);
    }
  });

  it('loses the finalizer when it is deleted, and address and finalizer when it becomes of another type', () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(pass(observed({ ...plain, metadata: { ...metadata, deletionTimestamp } })).service).toBeUndefined();
    const typed: Service = { ...plain, spec: { ...plain.spec, type: 'ClusterIP' } };
    const after = settled(observed(pass(observed(typed)).service as Service));
    expect([addressOf(after), after.metadata.finalizers]).toEqual([undefined, undefined]);
  });

  it('is left alone where others serve it', () => {
    const foreign = { ...plain, status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } } };
    expect(pass(observed(foreign)).writes).toBe(0);
    expect(pass({ ...observed(plain), isDefault: false }).writes).toBe(0);
    const leaving = { ...foreign, metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(pass(observed(leaving)).writes).toBe(0);
  });
});

describe('addresses in a pool', () => {
  it.each<[string, number | undefined]>([
    ['192.0.2.7', 1],
    ['192.0.2.0/30', 4],
    ['192.0.2.1 - 192.0.2.10', 10],
    ['192.0.2.10-192.0.2.1', undefined],
    ['192.0.2.1-x', undefined],
    ['fd00::/129', undefined],
    ['', undefined],
  ])('%j', (text, size) => {
    const pool = poolOf({ name: 'p', addresses: [text], autoAssign: true });
    expect(parseRange(text) === undefined ? undefined : Number(pool.size(4))).toBe(size);
  });
});

it('from any state, each address comes to be of one service, the eldest, and as many services have one as can', () => {
  const some = fc.record({
    ingress: fc.option(fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3', '203.0.113.1'), { nil: undefined }),
    created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'),
    wish: fc.option(fc.constantFrom('192.0.2.1', '192.0.2.2'), { nil: undefined }),
    // What clients take off.
    lost: fc.constantFrom<readonly string[]>([], ['annotations'], ['annotations', 'finalizers']),
  });
  fc.assert(
    fc.property(fc.array(some, { maxLength: 6 }), (inputs) => {
      let all = inputs.map(({ ingress, created, wish, lost }, index) => {
        const spec = wish === undefined ? {} : { loadBalancerIP: wish };
        const made = aService({ name: `s${index}`, created, spec, ...(ingress === undefined ? {} : { ingress }) });
        // Without the annotation, an address of no pool is one that others gave.
        if (ingress === '203.0.113.1') return made;
        const kept = Object.entries(made.metadata).filter(([field]) => !lost.includes(field));
        return { ...made, metadata: Object.fromEntries(kept) };
      });
      let writes = 1;
      for (let round = 0; writes > 0; round += 1) {
        expect(round).toBeLessThan(10);
        writes = 0;
        for (const { metadata } of all) {
          const service = all.find((one) => one.metadata.uid === metadata.uid) as Service;
          const others = all.filter((one) => one !== service);
          const result = pass(observed(service, others, [main]));
          writes += result.writes;
          all = all.map((one) => (one === service ? (result.service as Service) : one));
        }
      }
      const given = all.flatMap((service) => addressOf(service) ?? []);
      expect(new Set(given).size).toBe(given.length);
      const waiting = all.filter(
        (service) => addressOf(service) === undefined && service.spec.loadBalancerIP === undefined,
      );
      if (waiting.length > 0) expect(given).toHaveLength(3);
    }),
    { numRuns: 300 },
  );
});
