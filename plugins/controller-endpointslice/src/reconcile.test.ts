import { describe, expect, it } from '@jest/globals';
import { triggerTimeAnnotation } from '@timonel/sdk/controller/endpoints';
import fc from 'fast-check';
import type { Pod } from '@timonel/sdk/kube';
import { reconcile, type Observed } from './reconcile.ts';
import { allEndpoints, aPod, aService, observed, step, verbs } from './testing/objects.ts';

const rests = (state: Observed): void => expect(reconcile(state).actions).toEqual([]);
const triggerOf = (state: Observed): string | undefined =>
  state.slices[0]?.metadata.annotations?.[triggerTimeAnnotation];

describe('reconcile', () => {
  it('makes one empty slice for a service that selects nothing, and uses it later', () => {
    const state = step(observed());
    expect(state.slices).toMatchObject([{ endpoints: [], ports: [], addressType: 'IPv4' }]);
    rests(state);
    const later = { ...state, pods: [aPod('1')] };
    expect(verbs(later)).toEqual(['update']);
    expect(step(later).slices).toMatchObject([{ ports: [{ port: 8080 }], endpoints: [{ addresses: ['10.0.0.1'] }] }]);
    expect(verbs({ ...step(later), pods: [] })).toEqual(['update']);
  });

  it('resolves named ports by pod: pods with other numbers get slices of their own', () => {
    const { slices } = step(observed({ pods: [aPod('1'), aPod('2', { port: 9090 }), aPod('3')] }));
    expect(slices.map(({ ports, endpoints }) => [ports?.[0]?.port, endpoints.length])).toEqual([
      [8080, 2],
      [9090, 1],
    ]);
  });

  it('finds named ports of sidecars, by protocol too, and has no port where a pod has none of the name', () => {
    const port = { name: 'http', containerPort: 15000 };
    const sidecar = { name: 's', restartPolicy: 'Always', ports: [port] };
    const spec = { containers: [{ name: 'c' }] };
    const withSidecar = aPod('1', { spec: { ...spec, initContainers: [sidecar] } });
    const withInit = aPod('2', { spec: { ...spec, initContainers: [{ name: 'i', ports: [port] }] } });
    const udp = aPod('3', { spec: { containers: [{ name: 'c', ports: [{ ...port, protocol: 'UDP' }] }] } });
    const { slices } = step(observed({ pods: [withSidecar, withInit, udp] }));
    expect(slices.map(({ ports, endpoints }) => [ports?.map((one) => one.port), endpoints.length])).toEqual([
      [[15000], 1],
      [[], 2],
    ]);
  });

  it('tells ready, serving and terminating; leaves out pods that ended or have no address', () => {
    const pods = [
      aPod('1', { ready: false }),
      aPod('2', { deleting: true }),
      aPod('3', { phase: 'Succeeded' }),
      aPod('4', { ips: [] }),
      aPod('5', { ready: false, deleting: true }),
    ];
    expect(allEndpoints(step(observed({ pods })).slices).map(({ conditions }) => conditions)).toEqual([
      { ready: false, serving: false, terminating: false },
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: false, terminating: true },
    ]);
    const subject = aService({ publishNotReadyAddresses: true });
    expect(allEndpoints(step(observed({ pods, subject })).slices).map(({ conditions }) => conditions)).toEqual([
      { ready: true, serving: false, terminating: false },
      { ready: true, serving: true, terminating: true },
      { ready: true, serving: false, terminating: true },
    ]);
  });

  it('leaves out pods of nodes that are gone, unless all addresses are to be published', () => {
    const pods = [aPod('1'), aPod('2', { nodeName: 'gone' })];
    const nodes = { n: { zone: 'z', cpuMillis: 1, counts: true } };
    expect(allEndpoints(step(observed({ pods }, nodes)).slices)).toMatchObject([{ nodeName: 'n', zone: 'z' }]);
    const subject = aService({ publishNotReadyAddresses: true });
    expect(allEndpoints(step(observed({ pods, subject }, nodes)).slices)).toHaveLength(2);
  });

  it('has slices of each family, and none of a family that the service has lost', () => {
    const pods = [aPod('1', { ips: ['10.0.0.1', 'fd00::1'] }), aPod('2')];
    const state = step(observed({ pods, subject: aService({ ipFamilies: ['IPv4', 'IPv6'] }) }));
    expect(state.slices.map(({ addressType, endpoints }) => [addressType, endpoints[0]?.addresses[0]])).toEqual([
      ['IPv4', '10.0.0.1'],
      ['IPv6', 'fd00::1'],
    ]);
    rests(state);
    expect(step({ ...state, subject: aService() }).slices.map(({ addressType }) => addressType)).toEqual(['IPv4']);
    const only6 = step(observed({ subject: aService({ ipFamilies: [], clusterIP: 'fd00::7' }), pods }));
    expect(only6.slices.map(({ addressType, endpoints }) => [addressType, endpoints.length])).toEqual([['IPv6', 1]]);
  });

  it('names pods of a subdomain for DNS, marks headless services, and takes over labels', () => {
    const headless = aService({ clusterIP: 'None' }, { labels: { team: 'a', 'service.kubernetes.io/headless': 'x' } });
    const pods = [
      aPod('1', { spec: { hostname: 'db-0', subdomain: 'web' } }),
      aPod('2', { spec: { hostname: 'db-1', subdomain: 'other' } }),
    ];
    const state = step(observed({ pods, subject: headless }));
    expect(allEndpoints(state.slices).map(({ hostname }) => hostname)).toEqual(['db-0', undefined]);
    expect(state.slices[0]?.metadata.labels).toEqual({
      team: 'a',
      'service.kubernetes.io/headless': '',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    const renamed = { ...state, subject: aService({}, { labels: { team: 'b' } }) };
    expect(verbs(renamed)).toEqual(['update']);
    expect(step(renamed).slices[0]?.metadata.labels).not.toHaveProperty(['service.kubernetes.io/headless']);
    rests(step(renamed));
  });

  it('removes all after the service, and when it selects no pods any more', () => {
    const state = step(observed({ pods: [aPod('1')] }));
    for (const subject of [undefined, aService({ selector: {} }), aService({ type: 'ExternalName' })]) {
      expect(verbs({ ...state, subject, pods: [] })).toEqual(['delete']);
    }
  });

  it('follows the pods of a service that is being deleted, and adds no slices for it', () => {
    const subject = aService({}, { deletionTimestamp: '2026-01-01T00:02:00Z' });
    const state = step(observed({ pods: [aPod('1')] }));
    expect(verbs({ ...state, subject, pods: [aPod('2')] })).toEqual(['update']);
    expect(verbs(observed({ subject, pods: [aPod('1')] }))).toEqual([]);
  });

  it('replaces the slices of a former service of the name', () => {
    const state = step(observed({ pods: [aPod('1')] }));
    const reborn = { ...state, subject: aService({}, { uid: 'svc-2' }) };
    expect(verbs(reborn)).toEqual(['create', 'delete']);
    rests(step(reborn));
  });

  it('takes nulls of clients for what is absent', () => {
    const absent = null as never;
    const subject = aService({ ipFamilies: absent, clusterIP: absent });
    const bare = aPod('1', { spec: { initContainers: absent, hostname: absent } });
    const pods = [bare, aPod('2')].map((pod) => ({
      ...pod,
      status: { ...pod.status, podIPs: absent, podIP: '10.0.0.9' },
    }));
    const none = { ...aPod('3'), status: { phase: 'Running', podIPs: absent, podIP: absent, conditions: absent } };
    const state = step(observed({ subject, pods: [...pods, none] }));
    expect(allEndpoints(state.slices)).toHaveLength(2);
    const damaged = state.slices.map((slice) => ({ ...slice, endpoints: absent, ports: absent }));
    const auto = aService({}, { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } });
    expect(allEndpoints(step({ ...state, subject: auto, slices: damaged }).slices)).toHaveLength(2);
  });

  it('gives a slice the same name again when its creation is repeated, and avoids names that others have', () => {
    const nameOf = (state: Observed): string | undefined => step(state).slices.at(-1)?.metadata.name;
    const first = nameOf(observed());
    expect(first).toMatch(/^web-[a-z0-9]{5}$/);
    expect(nameOf(observed())).toBe(first);
    expect(nameOf({ ...observed(), isTaken: (name) => name === first })).not.toBe(first);
  });
});

describe('the time of the change', () => {
  it('is that of the pod that became ready last, of the service at first, and absent when pods go', () => {
    const none = step(observed());
    expect(triggerOf(none)).toBe('2026-01-01T00:00:00Z');
    const [a, b] = [
      aPod('1', { readySince: '2026-01-01T00:01:00Z' }),
      aPod('2', { readySince: '2026-01-01T00:05:00Z' }),
    ];
    const one = step({ ...none, pods: [a] });
    expect(triggerOf(one)).toBe('2026-01-01T00:01:00Z');
    const both = step({ ...one, pods: [a, b] });
    expect(triggerOf(both)).toBe('2026-01-01T00:05:00Z');
    expect(triggerOf(step({ ...both, pods: [a] }))).toBeUndefined();
  });

  it('is not before the service', () => {
    const pods = [aPod('1', { readySince: '2025-01-01T00:00:00Z' })];
    expect(triggerOf(step(observed({ pods })))).toBe('2026-01-01T00:00:00Z');
  });
});

describe('properties', () => {
  const anyPod = fc.record({
    port: fc.constantFrom(8080, 9090),
    ready: fc.boolean(),
    deleting: fc.boolean(),
    phase: fc.constantFrom('Running', 'Running', 'Failed'),
    nodeName: fc.constantFrom('n', 'n', 'gone'),
  });
  const population = fc.array(fc.tuple(fc.nat(260), anyPod), { maxLength: 260, size: 'max' });

  it('each pod has exactly one endpoint, slices keep their bound, a second pass does nothing', () => {
    fc.assert(
      fc.property(fc.array(population, { minLength: 1, maxLength: 4 }), (lives) => {
        let state = observed();
        for (const life of lives) {
          const pods = [...new Map(life)].map(([number, input]) => aPod(String(number), input));
          state = step({ ...state, pods });
          const names = allEndpoints(state.slices).map(({ targetRef }) => targetRef?.name ?? '');
          const eligible = pods.filter(({ status, spec }) => status?.phase === 'Running' && spec.nodeName === 'n');
          expect(names.toSorted()).toEqual(eligible.map(({ metadata }) => metadata.name ?? '').toSorted());
          for (const { endpoints } of state.slices) expect(endpoints.length).toBeLessThanOrEqual(100);
          rests(state);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('one pod more or less writes one slice, and never more slices than that need be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 250 }), (count) => {
        const pods = Array.from({ length: count }, (_, index) => aPod(String(index + 1000)));
        const state = step(observed({ pods }));
        expect(state.slices).toHaveLength(Math.ceil(count / 100));
        const writes = (next: readonly Pod[]): string[] => verbs({ ...state, pods: next });
        expect(writes([...pods, aPod('1')])).toHaveLength(1);
        expect(writes(pods.slice(1))).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });

  it('slices that show an endpoint twice lose it once', () => {
    const state = step(observed({ pods: [aPod('1'), aPod('2')] }));
    const [slice] = state.slices;
    if (slice === undefined) throw new Error('no slice');
    const twice = {
      ...state,
      slices: [slice, { ...slice, metadata: { ...slice.metadata, name: 'copy', uid: 'copy' } }],
    };
    expect(verbs(twice)).toEqual(['delete']);
  });
});
