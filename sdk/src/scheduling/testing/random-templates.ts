/** Nodes and pods at random: few labels and few values, so that they meet. */
import fc from 'fast-check';
import type { Node, Pod } from '../../kube/index.ts';

export const zoneKey = 'topology.kubernetes.io/zone';
export const hostKey = 'kubernetes.io/hostname';
/** Called like a member of every object. */
export const oddKey = 'constructor';
export const topologyKeys: readonly string[] = [zoneKey, hostKey, oddKey];

export interface NodeSketch {
  readonly zone: string | undefined;
  readonly host: string | undefined;
  readonly odd: string | undefined;
  readonly taint: 'none' | 'NoSchedule' | 'PreferNoSchedule';
  readonly disk: string | undefined;
}

export const nodeSketch: fc.Arbitrary<NodeSketch> = fc.record({
  zone: fc.constantFrom('a', 'b', 'c', undefined),
  host: fc.constantFrom('h1', 'h2', 'h3', 'h4', 'h5', undefined),
  odd: fc.constantFrom('x', undefined, undefined),
  taint: fc.constantFrom('none', 'none', 'NoSchedule', 'PreferNoSchedule'),
  disk: fc.constantFrom('ssd', 'hdd', undefined),
});

export function nodeOf(name: string, { zone, host, odd, taint, disk }: NodeSketch): Node {
  const labels: Record<string, string> = {};
  if (zone !== undefined) labels[zoneKey] = zone;
  if (host !== undefined) labels[hostKey] = host;
  if (odd !== undefined) labels[oddKey] = odd;
  if (disk !== undefined) labels['disk'] = disk;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: taint === 'none' ? {} : { taints: [{ key: 'dedicated', effect: taint, value: 'x' }] },
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '20', 'example.com/gpu': zone === 'a' ? '2' : '0' } },
  };
}

type Term = Readonly<Record<string, unknown>>;

const selectors: fc.Arbitrary<unknown> = fc.constantFrom(
  { matchLabels: { app: 'a' } },
  { matchLabels: { app: 'b' } },
  { matchExpressions: [{ key: 'tier', operator: 'Exists' }] },
  { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] },
  {},
  undefined,
);

const term: fc.Arbitrary<Term> = fc.record({
  topologyKey: fc.constantFrom(...topologyKeys),
  labelSelector: selectors,
  namespaces: fc.constantFrom(undefined, undefined, ['x', 'y']),
  namespaceSelector: fc.constantFrom(undefined, undefined, {}, { matchLabels: { team: 'blue' } }),
  matchLabelKeys: fc.constantFrom(undefined, undefined, ['tier'], [oddKey]),
  mismatchLabelKeys: fc.constantFrom(undefined, undefined, undefined, ['tier']),
});

const few = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant<T[]>([]) }, { weight: 2, arbitrary: fc.array(item, { maxLength: 2 }) });
const weighted = fc.record({ weight: fc.constantFrom(1, 7, 100), podAffinityTerm: term });
const affinity = fc.record({
  requiredDuringSchedulingIgnoredDuringExecution: few(term),
  preferredDuringSchedulingIgnoredDuringExecution: few(weighted),
});

const spread: fc.Arbitrary<Term> = fc.record({
  topologyKey: fc.constantFrom(zoneKey, hostKey),
  maxSkew: fc.constantFrom(1, 1, 2, 3),
  whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'ScheduleAnyway'),
  labelSelector: selectors,
  minDomains: fc.constantFrom(undefined, undefined, 2, 4),
  nodeAffinityPolicy: fc.constantFrom(undefined, 'Honor', 'Ignore'),
  nodeTaintsPolicy: fc.constantFrom(undefined, 'Honor', 'Ignore'),
  matchLabelKeys: fc.constantFrom(undefined, undefined, ['tier']),
});

/** A pod's template: no name, no uid. */
export type Template = Pick<Pod, 'spec'> & { readonly metadata: { namespace: string; labels: Record<string, string> } };

export interface Wishes {
  readonly affinity?: boolean;
  readonly spread?: boolean;
}

function labelsOf(app: string | undefined, tier: string | undefined): Record<string, string> {
  return { ...(app === undefined ? {} : { app }), ...(tier === undefined ? {} : { tier }) };
}

export function template({
  affinity: withAffinity = false,
  spread: withSpread = false,
}: Wishes): fc.Arbitrary<Template> {
  const parts = fc.record({
    namespace: fc.constantFrom('x', 'x', 'y', 'z'),
    app: fc.constantFrom('a', 'a', 'b', undefined),
    tier: fc.constantFrom('1', '2', undefined),
    cpu: fc.constantFrom(undefined, '100m', '1'),
    gpu: fc.constantFrom(undefined, undefined, '1'),
    group: fc.constantFrom(undefined, undefined, 'g'),
    podAffinity: withAffinity ? affinity : fc.constant(undefined),
    podAntiAffinity: withAffinity ? affinity : fc.constant(undefined),
    constraints: withSpread ? fc.array(spread, { maxLength: 3 }) : fc.constant([]),
    disk: fc.constantFrom(undefined, undefined, 'ssd'),
    avoid: fc.constantFrom(undefined, undefined, 'hdd'),
    tolerates: fc.boolean(),
  });
  return parts.map((of): Template => {
    const labels = labelsOf(of.app, of.tier);
    if (of.group !== undefined) labels['scheduling.timonel.dev/pod-group'] = of.group;
    const requests = { ...(of.cpu && { cpu: of.cpu }), ...(of.gpu && { 'example.com/gpu': of.gpu }) };
    const notThere = [{ matchExpressions: [{ key: 'disk', operator: 'NotIn', values: [of.avoid ?? ''] }] }];
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: notThere } };
    return {
      metadata: { namespace: of.namespace, labels },
      spec: {
        containers: [{ name: 'main', resources: { requests } }],
        ...(of.disk && { nodeSelector: { disk: of.disk } }),
        ...(of.tolerates && { tolerations: [{ key: 'dedicated', operator: 'Exists' }] }),
        affinity: {
          ...(of.avoid && { nodeAffinity }),
          podAffinity: of.podAffinity as unknown as Record<string, unknown>,
          podAntiAffinity: of.podAntiAffinity as unknown as Record<string, unknown>,
        },
        ...(of.constraints.length > 0 && { topologySpreadConstraints: of.constraints }),
      },
    };
  });
}

export function podOf(name: string, from: Template, leaving = false): Pod {
  const { namespace, labels } = from.metadata;
  const deletion = leaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {};
  const metadata = { name, namespace, uid: `uid-${name}`, labels, ...deletion };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: from.spec };
}
