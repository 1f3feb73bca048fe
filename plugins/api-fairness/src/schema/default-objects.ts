/** The flow schemas and priority levels that every cluster has. Source: Kubernetes' defaults of API priority and fairness. */
import type {
  FlowPathRule,
  FlowResourceRule,
  FlowRule,
  FlowSchema,
  FlowSubject,
  PriorityLevelConfiguration,
} from '@timonel/sdk/kube';

/** `false`: the object is left as it is. */
const autoUpdate = 'apf.kubernetes.io/autoupdate-spec';
const annotations = { [autoUpdate]: 'true' };

function limited(
  name: string,
  nominalConcurrencyShares: number,
  queuing: { queues: number; handSize: number } | undefined,
  lendablePercent = 0,
): PriorityLevelConfiguration {
  return {
    metadata: { name, annotations },
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares,
        lendablePercent,
        limitResponse:
          queuing === undefined ? { type: 'Reject' } : { type: 'Queue', queuing: { ...queuing, queueLengthLimit: 50 } },
      },
    },
  };
}

export const defaultLevels: readonly PriorityLevelConfiguration[] = [
  {
    metadata: { name: 'exempt', annotations },
    spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  },
  limited('catch-all', 5, undefined),
  limited('system', 30, { queues: 64, handSize: 6 }, 33),
  limited('node-high', 40, { queues: 64, handSize: 6 }, 25),
  limited('leader-election', 10, { queues: 16, handSize: 4 }),
  limited('workload-high', 40, { queues: 128, handSize: 6 }, 50),
  limited('workload-low', 100, { queues: 128, handSize: 6 }, 90),
  limited('global-default', 20, { queues: 128, handSize: 6 }, 50),
];

const group = (name: string): FlowSubject => ({ kind: 'Group', group: { name } });
const user = (name: string): FlowSubject => ({ kind: 'User', user: { name } });
const account = (name: string): FlowSubject => ({
  kind: 'ServiceAccount',
  serviceAccount: { namespace: 'kube-system', name },
});
const everyone = [group('system:authenticated'), group('system:unauthenticated')];
const anyResource: FlowResourceRule = {
  verbs: ['*'],
  apiGroups: ['*'],
  resources: ['*'],
  clusterScope: true,
  namespaces: ['*'],
};
const anyPath: FlowPathRule = { verbs: ['*'], nonResourceURLs: ['*'] };
const leaseVerbs = ['get', 'create', 'update'];
const leases = (namespaces: string[]): FlowResourceRule => {
  return { verbs: leaseVerbs, apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces };
};

function anything(...subjects: FlowSubject[]): FlowRule {
  return { subjects, resourceRules: [anyResource], nonResourceRules: [anyPath] };
}

interface SchemaText {
  readonly level: string;
  readonly precedence: number;
  readonly by?: 'ByUser' | 'ByNamespace';
  readonly rules: FlowRule[];
}

function schema(name: string, { level, precedence, by, rules }: SchemaText): FlowSchema {
  return {
    metadata: { name, annotations },
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence: precedence,
      ...(by === undefined ? {} : { distinguisherMethod: { type: by } }),
      rules,
    },
  };
}

export const defaultSchemas: readonly FlowSchema[] = [
  schema('exempt', { level: 'exempt', precedence: 1, rules: [anything(group('system:masters'))] }),
  schema('probes', {
    level: 'exempt',
    precedence: 2,
    rules: [
      {
        subjects: everyone,
        nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
      },
    ],
  }),
  schema('system-leader-election', {
    level: 'leader-election',
    precedence: 100,
    by: 'ByUser',
    rules: [
      {
        subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler')],
        resourceRules: [leases(['kube-system'])],
      },
    ],
  }),
  schema('endpoint-controller', {
    level: 'workload-high',
    precedence: 150,
    by: 'ByUser',
    rules: [
      {
        subjects: [
          user('system:kube-controller-manager'),
          account('endpoint-controller'),
          account('endpointslicemirroring-controller'),
        ],
        resourceRules: [
          { verbs: ['get', 'create', 'update'], apiGroups: [''], resources: ['endpoints'], namespaces: ['*'] },
          {
            verbs: ['create', 'list', 'update'],
            apiGroups: ['discovery.k8s.io'],
            resources: ['endpointslices'],
            namespaces: ['*'],
          },
        ],
      },
    ],
  }),
  schema('workload-leader-election', {
    level: 'leader-election',
    precedence: 200,
    by: 'ByUser',
    rules: [{ subjects: [group('system:serviceaccounts:kube-system')], resourceRules: [leases(['*'])] }],
  }),
  schema('system-node-high', {
    level: 'node-high',
    precedence: 400,
    by: 'ByUser',
    rules: [
      {
        subjects: [group('system:nodes')],
        resourceRules: [
          {
            verbs: ['*'],
            apiGroups: [''],
            resources: ['nodes', 'nodes/status'],
            clusterScope: true,
            namespaces: ['*'],
          },
          { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
        ],
      },
    ],
  }),
  schema('system-nodes', { level: 'system', precedence: 500, by: 'ByUser', rules: [anything(group('system:nodes'))] }),
  schema('kube-controller-manager', {
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    rules: [anything(user('system:kube-controller-manager'))],
  }),
  schema('kube-scheduler', {
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    rules: [anything(user('system:kube-scheduler'))],
  }),
  schema('kube-system-service-accounts', {
    level: 'workload-high',
    precedence: 900,
    by: 'ByNamespace',
    rules: [anything(group('system:serviceaccounts:kube-system'))],
  }),
  schema('service-accounts', {
    level: 'workload-low',
    precedence: 9000,
    by: 'ByUser',
    rules: [anything(group('system:serviceaccounts'))],
  }),
  schema('global-default', { level: 'global-default', precedence: 9900, by: 'ByUser', rules: [anything(...everyone)] }),
  schema('catch-all', { level: 'catch-all', precedence: 10_000, by: 'ByUser', rules: [anything(...everyone)] }),
];

/** One that is there is brought back to the default, unless its annotation says that it is left alone. */
export function completed<T extends FlowSchema | PriorityLevelConfiguration>(found: T, wanted: T): T | undefined {
  if (found.metadata.annotations?.[autoUpdate] !== 'true') return undefined;
  return holds(found.spec, wanted.spec) ? undefined : { ...found, spec: wanted.spec };
}

/** Whether all that is wanted is there. The server fills in defaults beside. */
function holds(found: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(found) && found.length === wanted.length && wanted.every((item, index) => holds(found[index], item))
    );
  }
  if (typeof wanted !== 'object' || wanted === null) return found === wanted;
  if (typeof found !== 'object' || found === null) return false;
  return Object.entries(wanted).every(([key, value]) => holds((found as Record<string, unknown>)[key], value));
}
