import { describe, expect, it } from '@jest/globals';
import { triggerTimeAnnotation } from '@timonel/sdk/controller/endpoints';
import { endpoints, type Endpoints, type Pod, type Service } from '@timonel/sdk/kube';
import { applyActions } from '@timonel/testkit';
import fc from 'fast-check';
import { explain, reconcile, type Observed } from './reconcile.ts';

function aService(more: Partial<Service['spec']> = {}, metadata: Partial<Service['metadata']> = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'svc', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    spec: { clusterIP: '10.96.0.7', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...more },
  };
}

interface PodInput {
  readonly port?: number;
  readonly ready?: boolean;
  readonly deleting?: boolean;
  readonly phase?: string;
  readonly ips?: readonly string[];
  readonly spec?: Partial<Pod['spec']>;
}

function aPod(name: string, { port = 8080, ready = true, deleting = false, ...input }: PodInput = {}): Pod {
  const { phase = 'Running', ips = [`10.0.0.${name}`] } = input;
  const metadata = { name, namespace: 'default', uid: `uid-${name}`, labels: { app: 'web' } };
  const lastTransitionTime = '2026-01-01T00:01:00Z';
  return {
    metadata: deleting ? { ...metadata, deletionTimestamp: '2026-01-01T00:02:00Z' } : metadata,
    spec: {
      nodeName: 'n',
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port }] }],
      ...input.spec,
    },
    status: {
      phase,
      podIPs: ips.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }],
    },
  };
}

function observed(more: Partial<Observed> = {}): Observed {
  return { subject: aService(), nowMs: 0, timestamp: '2026-01-01T00:03:00Z', pods: [], endpoints: undefined, ...more };
}

function step(state: Observed): Observed {
  const before = state.endpoints === undefined ? [] : [state.endpoints];
  return { ...state, endpoints: applyActions(endpoints, before, reconcile(state).actions)[0] };
}

const verbs = (state: Observed): string[] => reconcile(state).actions.map((action) => action.do);
const subsets = (state: Observed): Endpoints['subsets'] => step(state).endpoints?.subsets;

describe('reconcile', () => {
  it('makes Endpoints without subsets for a service that selects nothing', () => {
    const state = step(observed());
    expect(state.endpoints).toEqual({
      metadata: {
        name: 'web',
        namespace: 'default',
        uid: 'uid of default/web',
        labels: { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
        annotations: { [triggerTimeAnnotation]: '2026-01-01T00:00:00Z' },
      },
    });
    expect(verbs(state)).toEqual([]);
  });

  it('groups pods by the ports they have, ready ones and others', () => {
    const pods = [aPod('1'), aPod('2', { port: 9090 }), aPod('3', { ready: false }), aPod('4')];
    expect(subsets(observed({ pods }))).toMatchObject([
      {
        addresses: [{ ip: '10.0.0.1', nodeName: 'n', targetRef: { kind: 'Pod', name: '1' } }, { ip: '10.0.0.4' }],
        notReadyAddresses: [{ ip: '10.0.0.3' }],
        ports: [{ port: 8080, protocol: 'TCP' }],
      },
      { addresses: [{ ip: '10.0.0.2' }], ports: [{ port: 9090 }] },
    ]);
  });

  it('leaves out pods that end, without address or without the port; terminating ones count when all are published', () => {
    const pods = [
      aPod('1', { deleting: true }),
      aPod('2', { phase: 'Failed' }),
      aPod('3', { ips: [] }),
      aPod('4', { spec: { containers: [{ name: 'c' }] } }),
      aPod('5', { ready: false }),
    ];
    expect(subsets(observed({ pods }))).toMatchObject([{ notReadyAddresses: [{ ip: '10.0.0.5' }] }]);
    const subject = aService({ publishNotReadyAddresses: true });
    const all = subsets(observed({ pods, subject }))?.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
    expect(all).toEqual(['10.0.0.1', '10.0.0.5']);
  });

  it('knows headless services: without ports too, and with the names of pods', () => {
    const pods = [aPod('1', { spec: { hostname: 'db-0', subdomain: 'web' } })];
    const subject = aService({ clusterIP: 'None', ports: [] }, { labels: { team: 'a' } });
    const state = step(observed({ pods, subject }));
    expect(state.endpoints?.subsets).toEqual([
      { addresses: [expect.objectContaining({ ip: '10.0.0.1', hostname: 'db-0' })] },
    ]);
    expect(state.endpoints?.metadata.labels).toMatchObject({ team: 'a', 'service.kubernetes.io/headless': '' });
  });

  it('shows addresses of the first family', () => {
    const pods = [aPod('1', { ips: ['10.0.0.1', 'fd00::1'] })];
    const subject = aService({ ipFamilies: ['IPv6', 'IPv4'] });
    expect(subsets(observed({ pods, subject }))?.[0]?.addresses?.[0]?.ip).toBe('fd00::1');
  });

  it('shows 1,000 addresses, ready ones first, says that there are more, and takes that back', () => {
    const pods = Array.from({ length: 1010 }, (_, index) => aPod(String(index), { ready: index >= 20 }));
    const state = step(observed({ pods }));
    const [subset] = state.endpoints?.subsets ?? [];
    expect([subset?.addresses?.length, subset?.notReadyAddresses?.length]).toEqual([990, 10]);
    const over = { 'endpoints.kubernetes.io/over-capacity': 'truncated' };
    expect(state.endpoints?.metadata.annotations).toMatchObject(over);
    expect(verbs(state)).toEqual([]);
    expect(explain(state)).toMatchObject([{ code: 'over-capacity' }]);
    const fewer = step({ ...state, pods: pods.slice(500) });
    expect(fewer.endpoints?.metadata.annotations ?? {}).toEqual({});
    expect(explain(fewer)).toEqual([]);
  });

  it('takes nulls of clients for what is absent', () => {
    const absent = null as never;
    const subsets = [{ addresses: absent, notReadyAddresses: absent, ports: absent }];
    const existing = { metadata: { name: 'web', namespace: 'default', uid: 'e' }, subsets };
    const state = step(observed({ endpoints: existing, pods: [aPod('1')] }));
    expect(state.endpoints?.subsets?.[0]?.addresses).toHaveLength(1);
    expect(verbs({ ...state, endpoints: { ...existing, subsets: absent } })).toEqual(['update']);
  });

  it('joins changes of large Endpoints that come soon after one another', () => {
    const pods = Array.from({ length: 300 }, (_, index) => aPod(String(index)));
    const state = { ...step(observed({ pods })), pods: pods.slice(1) };
    expect(reconcile({ ...state, nowMs: 5_400, writtenMs: 5_000 })).toEqual({ actions: [], requeueAfterMs: 600 });
    for (const nowMs of [6_000, 4_000]) expect(verbs({ ...state, nowMs, writtenMs: 5_000 })).toEqual(['update']);
    const small = { ...step(observed({ pods: pods.slice(0, 10) })), pods: [] };
    expect(verbs({ ...small, nowMs: 5_400, writtenMs: 5_000 })).toEqual(['update']);
  });

  it('removes its own after the service, and nothing that is made by hand or elects a leader', () => {
    const state = step(observed({ pods: [aPod('1')] }));
    expect(verbs({ ...state, subject: undefined })).toEqual(['delete']);
    const own = state.endpoints as Endpoints;
    const leader = { ...own.metadata, annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } };
    const handMade = { metadata: { name: 'web', namespace: 'default' } };
    for (const subject of [undefined, aService({ selector: {} }), aService({ type: 'ExternalName' })]) {
      expect(verbs({ ...state, subject, endpoints: handMade })).toEqual([]);
      expect(verbs({ ...state, subject, endpoints: { ...own, metadata: leader } })).toEqual([]);
    }
    expect(verbs({ ...state, pods: [], endpoints: { ...own, metadata: leader } })).toEqual([]);
    const ending = aService({}, { deletionTimestamp: '2026-01-01T00:02:00Z' });
    expect(verbs(observed({ subject: ending }))).toEqual([]);
    expect(verbs({ ...state, subject: ending, pods: [] })).toEqual(['update']);
  });

  it('keeps annotations of others, and says when the change was to be seen', () => {
    const state = step(observed());
    const annotated = { ...state.endpoints, metadata: { ...state.endpoints?.metadata, annotations: { mine: 'yes' } } };
    const later = step({ ...state, endpoints: annotated, pods: [aPod('1')] });
    expect(later.endpoints?.metadata.annotations).toEqual({
      mine: 'yes',
      [triggerTimeAnnotation]: '2026-01-01T00:01:00Z',
    });
    expect(step({ ...later, pods: [] }).endpoints?.metadata.annotations).toEqual({ mine: 'yes' });
  });

  it('from any state reaches one that rests, whatever the order of the pods', () => {
    const anyPod = fc.record({ port: fc.constantFrom(8080, 9090), ready: fc.boolean(), deleting: fc.boolean() });
    const population = fc.array(fc.tuple(fc.nat(200), anyPod), { maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(fc.array(population, { minLength: 1, maxLength: 3 }), (lives) => {
        let state = observed();
        for (const life of lives) {
          const pods = [...new Map(life)].map(([number, input]) => aPod(String(number), input));
          state = step({ ...state, pods });
          expect(verbs(state)).toEqual([]);
          expect(verbs({ ...state, pods: pods.toReversed() })).toEqual([]);
          const shown = (state.endpoints?.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [] }) => [
            ...addresses,
            ...notReadyAddresses,
          ]);
          expect(shown).toHaveLength(pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).length);
        }
      }),
      { numRuns: 60 },
    );
  });
});
