/** Objects for the tests of this plugin, and its pure functions applied to them. */
import type { Action } from '@timonel/sdk/controller';
import { applyActions } from '@timonel/testkit';
import { endpointSlices, type Endpoint, type EndpointSlice, type Pod, type Service } from '@timonel/sdk/kube';
import type { NodeFacts } from '../nodes.ts';
import { reconcile, type Observed } from '../reconcile.ts';

export function aService(more: Partial<Service['spec']> = {}, metadata: Partial<Service['metadata']> = {}): Service {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'svc', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    spec: { clusterIP: '10.96.0.7', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...more },
  };
}

export interface PodInput {
  readonly port?: number;
  readonly ready?: boolean;
  readonly deleting?: boolean;
  readonly phase?: string;
  readonly ips?: readonly string[];
  readonly nodeName?: string;
  readonly readySince?: string;
  readonly spec?: Partial<Pod['spec']>;
}

export function aPod(name: string, input: PodInput = {}): Pod {
  const { port = 8080, ready = true, phase = 'Running', ips = [`10.0.0.${name}`] } = input;
  const { nodeName = 'n', readySince = '2026-01-01T00:01:00Z', deleting = false } = input;
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      labels: { app: 'web' },
      ...(deleting ? { deletionTimestamp: '2026-01-01T00:02:00Z' } : {}),
    },
    spec: {
      nodeName,
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port }] }],
      ...input.spec,
    },
    status: {
      phase,
      ...(ips[0] === undefined ? {} : { podIP: ips[0] }),
      podIPs: ips.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: readySince }],
    },
  };
}

const noZone: NodeFacts = { zone: undefined, cpuMillis: 1000, counts: true };

export function observed(
  more: Partial<Observed> = {},
  nodes: Readonly<Record<string, NodeFacts>> = { n: noZone },
): Observed {
  const slices = more.slices ?? [];
  return {
    subject: aService(),
    nowMs: 0,
    timestamp: '2026-01-01T00:03:00Z',
    pods: [],
    slices,
    node: (name) => nodes[name],
    nodes: () => Object.values(nodes),
    isTaken: (name) => slices.some(({ metadata }) => metadata.name === name),
    foreignEndpoints: 0,
    ...more,
  };
}

export function apply(state: Observed, actions: readonly Action[]): Observed {
  const slices = applyActions(endpointSlices, state.slices, actions);
  return { ...state, slices, isTaken: (name) => slices.some(({ metadata }) => metadata.name === name) };
}

/** After one pass. */
export function step(state: Observed): Observed {
  return apply(state, reconcile(state).actions);
}

/** `create 8080`: what is done to the API, in order. */
export function verbs(state: Observed): string[] {
  return reconcile(state)
    .actions.filter((action) => action.do !== 'event')
    .map((action) => action.do);
}

export function allEndpoints(slices: readonly EndpointSlice[]): Endpoint[] {
  return slices.flatMap(({ endpoints }) => endpoints);
}
