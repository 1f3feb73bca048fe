import { describe, expect, it } from '@jest/globals';
import type { EndpointSlice, Pod, Service } from '@timonel/sdk/kube';
import fc from 'fast-check';
import { plan, type Action, type Observed } from './reconcile.ts';

function service(more: Partial<Service['spec']> = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'svc' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...more },
  };
}

interface PodInput {
  readonly port?: number;
  readonly ready?: boolean;
  readonly deleting?: boolean;
  readonly phase?: string;
  readonly ips?: readonly string[];
}

function pod(
  name: string,
  { port = 8080, ready = true, deleting = false, phase = 'Running', ips = [`10.0.0.${name}`] }: PodInput = {},
): Pod {
  const [podIP = ''] = ips;
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { nodeName: 'n', containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port }] }] },
    status: {
      phase,
      podIP,
      podIPs: ips.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

/** The API in memory: applies the actions. */
function apply(state: Observed, actions: readonly Action[]): Observed {
  let slices = [...state.slices];
  let { endpoints } = state;
  for (const action of actions) {
    if (action.do === 'createSlice') {
      const name = `web-${slices.length}-${Math.random()}`;
      slices.push({ ...action.slice, metadata: { ...action.slice.metadata, name, uid: name } });
    } else if (action.do === 'updateSlice') {
      slices = slices.map((slice) => (slice.metadata.uid === action.slice.metadata.uid ? action.slice : slice));
    } else if (action.do === 'deleteSlice')
      slices = slices.filter((slice) => slice.metadata.uid !== action.slice.metadata.uid);
    else if (action.do === 'deleteEndpoints') endpoints = undefined;
    else if ('endpoints' in action) ({ endpoints } = action);
  }
  return { ...state, slices, endpoints };
}

const empty: Observed = { service: service(), pods: [], slices: [], endpoints: undefined };
const step = (state: Observed): Observed => apply(state, plan(state));
const kinds = (actions: readonly Action[]): string[] => actions.map((action) => action.do);

describe('plan', () => {
  it('makes one empty slice for a service that selects nothing', () => {
    const state = step(empty);
    expect(state.slices).toHaveLength(1);
    expect(state.slices[0]).toMatchObject({ endpoints: [], ports: [], addressType: 'IPv4' });
    expect(plan(state)).toEqual([]);
    expect(step({ ...state, pods: [pod('1')] }).slices).toHaveLength(1);
  });

  it('resolves named ports by pod: pods with other numbers get slices and subsets of their own', () => {
    const { slices, endpoints } = step({ ...empty, pods: [pod('1'), pod('2', { port: 9090 }), pod('3')] });
    expect(slices.map(({ ports, endpoints: all }) => [ports?.[0]?.port, all.length])).toEqual([
      [8080, 2],
      [9090, 1],
    ]);
    expect(endpoints?.subsets?.map(({ ports, addresses }) => [ports?.[0]?.port, addresses?.length])).toEqual([
      [8080, 2],
      [9090, 1],
    ]);
  });

  it('tells ready, serving and terminating; leaves out pods that ended or have no address', () => {
    const pods = [
      pod('1', { ready: false }),
      pod('2', { deleting: true }),
      pod('3', { phase: 'Succeeded' }),
      pod('4', { ips: [] }),
    ];
    const { slices, endpoints } = step({ ...empty, pods });
    expect(slices[0]?.endpoints.map(({ conditions }) => conditions)).toEqual([
      { ready: false, serving: false, terminating: false },
      { ready: false, serving: true, terminating: true },
    ]);
    expect(endpoints?.subsets).toMatchObject([{ notReadyAddresses: [{ ip: '10.0.0.1' }] }]);
    expect(endpoints?.subsets?.[0]?.addresses).toBeUndefined();
    const all = step({ ...empty, service: service({ publishNotReadyAddresses: true }), pods });
    expect(all.slices[0]?.endpoints.every(({ conditions }) => conditions?.ready === true)).toBe(true);
  });

  it('has slices of each family', () => {
    const state = {
      ...empty,
      service: service({ ipFamilies: ['IPv4', 'IPv6'] }),
      pods: [pod('1', { ips: ['10.0.0.1', 'fd00::1'] })],
    };
    expect(step(state).slices.map(({ addressType, endpoints }) => [addressType, endpoints[0]?.addresses[0]])).toEqual([
      ['IPv4', '10.0.0.1'],
      ['IPv6', 'fd00::1'],
    ]);
  });

  it('removes all after the service, and leaves Endpoints alone that are not its own', () => {
    const state = { ...step({ ...empty, pods: [pod('1')] }), service: undefined };
    expect(kinds(plan(state))).toEqual(['deleteSlice', 'deleteEndpoints']);
    const handmade = { metadata: { name: 'web', namespace: 'default' } };
    expect(plan({ ...state, slices: [], endpoints: handmade })).toEqual([]);
    expect(plan({ ...empty, service: service({ selector: {} }), endpoints: handmade })).toEqual([]);
  });

  it('replaces the slices of a former service of the name', () => {
    const state = step({ ...empty, pods: [pod('1')] });
    const reborn: Service = { ...service(), metadata: { ...service().metadata, uid: 'svc-2' } };
    expect(kinds(plan({ ...state, service: reborn }))).toEqual(['createSlice', 'deleteSlice']);
  });
});

describe('properties', () => {
  const anyPod = fc.record({ port: fc.constantFrom(8080, 9090), ready: fc.boolean(), deleting: fc.boolean() });
  const population = fc.array(fc.tuple(fc.nat(260), anyPod), { maxLength: 260 });

  it('each pod has exactly one endpoint, slices keep their bound, a second pass does nothing', () => {
    fc.assert(
      fc.property(fc.array(population, { minLength: 1, maxLength: 4 }), (lives) => {
        let state = empty;
        for (const life of lives) {
          const pods = [...new Map(life)].map(([number, input]) => pod(String(number), input));
          state = step({ ...state, pods });
          const names = state.slices.flatMap(({ endpoints }: EndpointSlice) =>
            endpoints.map(({ targetRef }) => targetRef?.name ?? ''),
          );
          expect(new Set(names)).toEqual(new Set(pods.map(({ metadata }) => metadata.name)));
          expect(names).toHaveLength(pods.length);
          for (const slice of state.slices) expect(slice.endpoints.length).toBeLessThanOrEqual(100);
          expect(plan(state)).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('one pod more or less writes one slice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 250 }), (count) => {
        const pods = Array.from({ length: count }, (_, index) => pod(String(index + 1000)));
        const state = step({ ...empty, pods });
        const sliceWrites = (next: readonly Pod[]): string[] =>
          kinds(plan({ ...state, pods: next })).filter((kind) => kind.endsWith('Slice'));
        expect(sliceWrites([...pods, pod('1')])).toHaveLength(1);
        expect(sliceWrites(pods.slice(1))).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });
});
