import { describe, expect, it } from '@jest/globals';
import type { Pod, PodSpec } from '../kube/index.ts';
import type { PodClass } from '../contracts/scheduler/index.ts';
import { PodClasses } from './pod-class.ts';

function pod(spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'p', namespace: 'ns', uid: 'u', ...metadata },
    spec: { containers: [{ name: 'c', image: 'app:1' }], ...spec },
  };
}

const classOf = (spec?: Partial<PodSpec>, metadata?: Partial<Pod['metadata']>): PodClass =>
  new PodClasses().classOf(pod(spec, metadata));

describe('PodClasses', () => {
  it('has one class for pods that are alike, whatever their names', () => {
    const classes = new PodClasses();
    const one = classes.classOf(pod({}, { name: 'a', uid: '1', labels: { x: '1', y: '2' } }));
    expect(classes.classOf(pod({}, { name: 'b', uid: '2', labels: { y: '2', x: '1' } }))).toBe(one);
    const labelled = classes.classOf(pod({}, { labels: { x: '2' } }));
    expect(labelled).not.toBe(one);
    expect(labelled.rowKey).toBe(one.rowKey);
    expect(classes.classOf(pod({ nodeSelector: { disk: 'ssd' } })).rowKey).not.toBe(one.rowKey);
  });

  it('tells pods apart that mount other images', () => {
    const classes = new PodClasses();
    const mounts = (reference: string): PodClass =>
      classes.classOf(pod({ volumes: [{ name: 'v', image: { reference } }] }));
    expect(mounts('models:1')).not.toBe(mounts('models:2'));
    expect(mounts('models:1')).toBe(mounts('models:1'));
  });

  it('forgets the oldest of too many', () => {
    const classes = new PodClasses({ limit: 2 });
    const first = classes.classOf(pod({ priority: 1 }));
    classes.classOf(pod({ priority: 2 }));
    classes.classOf(pod({ priority: 3 }));
    const again = classes.classOf(pod({ priority: 1 }));
    expect(again).not.toBe(first);
    expect(again.key).toBe(first.key);
    expect(again.id).not.toBe(first.id);
  });

  it.each<[string, Partial<PodSpec>, Partial<PodClass['request']>]>([
    ['nothing', {}, { milliCpu: 0, memoryBytes: 0 }],
    [
      'limits without requests',
      { containers: [{ name: 'c', resources: { limits: { cpu: '1', memory: '1Gi' } } }] },
      { milliCpu: 1000, memoryBytes: 2 ** 30 },
    ],
    [
      'a demanding init container',
      {
        containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }],
        initContainers: [{ name: 'i', resources: { requests: { cpu: '3' } } }],
      },
      { milliCpu: 3000 },
    ],
    [
      'a sidecar before an init container, and overhead',
      {
        containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }],
        initContainers: [
          { name: 's', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
          { name: 'i', resources: { requests: { cpu: '3' } } },
        ],
        overhead: { cpu: '100m' },
      },
      { milliCpu: 4100 },
    ],
    [
      'resources of the pod as a whole',
      { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }], resources: { requests: { cpu: '2500m' } } },
      { milliCpu: 2500 },
    ],
    [
      'extended resources',
      { containers: [{ name: 'c', resources: { limits: { 'example.com/gpu': '2' } } }] },
      { extended: { 'example.com/gpu': 2 } },
    ],
  ])('sums up %s', (_what, spec, request) => {
    expect(classOf(spec).request).toMatchObject(request);
  });

  it('counts 100 mCPU and 200 MiB for a container without requests in scores', () => {
    const containers = [{ name: 'a' }, { name: 'b', resources: { requests: { cpu: '1' } } }];
    expect(classOf({ containers }).scoringRequest).toEqual({ milliCpu: 1100, memoryBytes: 400 * 2 ** 20 });
  });

  it('has the ports of the host, also of a pod in its network', () => {
    const containers = [
      { name: 'c', ports: [{ containerPort: 80 }, { containerPort: 53, hostPort: 5353, protocol: 'UDP' }] },
    ];
    expect(classOf({ containers }).hostPorts).toEqual([{ ip: '0.0.0.0', protocol: 'UDP', port: 5353 }]);
    expect(classOf({ containers, hostNetwork: true }).hostPorts).toEqual([
      { ip: '0.0.0.0', protocol: 'TCP', port: 80 },
      { ip: '0.0.0.0', protocol: 'UDP', port: 5353 },
    ]);
  });

  const term = (more: object): Partial<PodSpec> => ({
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'a' } }, ...more },
        ],
      },
    },
  });
  const matches = (
    spec: Partial<PodSpec>,
    labels: Record<string, string>,
    namespace = 'ns',
    ofNamespace = {},
  ): boolean | undefined => {
    const [term] = classOf(spec, { labels: { version: '1' } }).requiredAntiAffinity;
    return term?.matcher.matches(classOf({}, { labels, namespace }), ofNamespace);
  };

  it('means pods of its own namespace unless a term says otherwise', () => {
    const a = { app: 'a' };
    expect(matches(term({}), a)).toBe(true);
    expect(matches(term({}), { app: 'b' })).toBe(false);
    expect(matches(term({}), a, 'other')).toBe(false);
    expect(matches(term({ namespaces: ['other'] }), a, 'other')).toBe(true);
    expect(matches(term({ namespaces: ['other'] }), a)).toBe(false);
    expect(matches(term({ namespaceSelector: {} }), a, 'any')).toBe(true);
    const selected = term({ namespaceSelector: { matchLabels: { team: 'x' } } });
    expect(matches(selected, a, 'any', { team: 'x' })).toBe(true);
    expect(matches(selected, a, 'any', { team: 'y' })).toBe(false);
    expect(matches(term({ labelSelector: undefined }), a)).toBe(false);
  });

  it('adds labels of the pod itself to the selector', () => {
    expect(matches(term({ matchLabelKeys: ['version', 'absent'] }), { app: 'a', version: '1' })).toBe(true);
    expect(matches(term({ matchLabelKeys: ['version'] }), { app: 'a', version: '2' })).toBe(false);
    expect(matches(term({ mismatchLabelKeys: ['version'] }), { app: 'a', version: '1' })).toBe(false);
  });

  it('fills in what a spread constraint leaves out', () => {
    const spec = { topologySpreadConstraints: [{ topologyKey: 'zone', maxSkew: 1, labelSelector: {} }] };
    expect(classOf(spec).spread).toMatchObject([
      {
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        minDomains: 1,
        nodeAffinityPolicy: 'Honor',
        nodeTaintsPolicy: 'Ignore',
        isDefault: false,
      },
    ]);
  });

  it('spreads the pods of a workload by default, where nothing is said', () => {
    const classes = new PodClasses({ workloadSelector: () => ({ matchLabels: { app: 'a' } }) });
    expect(classes.classOf(pod()).spread).toMatchObject([
      { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway', isDefault: true },
      { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, isDefault: true },
    ]);
    const own = { topologySpreadConstraints: [{ topologyKey: 'rack', maxSkew: 1 }] };
    expect(classes.classOf(pod(own)).spread).toHaveLength(1);
  });

  it('knows claims, those of ephemeral volumes too', () => {
    const volumes = [
      { name: 'data', persistentVolumeClaim: { claimName: 'disk' } },
      { name: 'scratch', ephemeral: {} },
      { name: 'conf', configMap: { name: 'x' } },
    ];
    expect(classOf({ volumes }).claims).toEqual(['disk', 'p-scratch']);
  });

  it('reads pod groups, and what is wrong in their annotations as the default', () => {
    const labels = { 'scheduling.timonel.dev/pod-group': 'gang' };
    const group = (annotations: Record<string, string>): unknown => classOf({}, { labels, annotations }).group;
    expect(group({})).toEqual({ key: 'ns/gang', minMember: 1, timeoutMs: 60_000 });
    const given = {
      'scheduling.timonel.dev/min-member': '3',
      'scheduling.timonel.dev/group-timeout-seconds': '5',
    };
    expect(group(given)).toEqual({ key: 'ns/gang', minMember: 3, timeoutMs: 5000 });
    expect(group({ 'scheduling.timonel.dev/min-member': '-3' })).toMatchObject({ minMember: 1 });
    expect(classOf().group).toBeUndefined();
  });
});
