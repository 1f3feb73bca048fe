/** One valid object of every kind that is served, and a status where the kind has one. */

export interface Sample {
  /** `apps/v1/deployments`; of the core group `v1/pods`. */
  readonly path: string;
  readonly kind: string;
  readonly object: Readonly<Record<string, unknown>>;
  /** For kinds whose names say what is in them: the object of a name. */
  readonly objectOf?: (name: string) => Readonly<Record<string, unknown>>;
  /** Names of the objects; `a` and `b` when nothing else is said. */
  readonly names?: readonly [string, string];
  readonly status?: Readonly<Record<string, unknown>>;
  /** Names of the columns that kubectl shows, and of those of `-o wide`. */
  readonly columns: readonly [always: string, wide: string];
  /** A deletion only marks it. */
  readonly lingers?: true;
}

const labels = { app: 'x' };
const selector = { matchLabels: labels };
const containers = [{ name: 'c', image: 'nginx:1.27' }];
const template = { metadata: { labels }, spec: { containers } };
const jobTemplate = { spec: { restartPolicy: 'Never', containers } };
const workloadWide = 'Containers, Images, Selector';
const condition = { type: 'Ready', status: 'True', reason: 'Because', lastTransitionTime: '2026-01-01T00:00:00Z' };
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const plain = ['Name, Created At', ''] as const;
const aged = ['Name, Age', ''] as const;

const pem = (text: string): string => Buffer.from(text).toString('base64');
const request = pem('-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n');
const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const webhooks = [
  {
    name: 'a.example.com',
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    clientConfig: { service: { namespace: 'default', name: 'hook' } },
    rules: [rule],
  },
];
const devices = { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] };
const eventColumns = [
  'Last Seen, Type, Reason, Object, Message',
  'Subobject, Source, First Seen, Count, Name',
] as const;
const autoscalerColumns = ['Name, Reference, Targets, MinPods, MaxPods, Replicas, Age', ''] as const;
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const bindingColumns = ['Name, Role, Age', 'Users, Groups, ServiceAccounts'] as const;
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
const subjects = [{ kind: 'User', name: 'ada' }];

const core: readonly Sample[] = [
  {
    path: 'v1/pods',
    kind: 'Pod',
    object: { spec: { containers } },
    status: { phase: 'Running' },
    columns: ['Name, Ready, Status, Restarts, Age', 'IP, Node, Nominated Node, Readiness Gates'],
  },
  {
    path: 'v1/nodes',
    kind: 'Node',
    object: {},
    status: { conditions: [condition] },
    columns: [
      'Name, Status, Roles, Age, Version',
      'Internal-IP, External-IP, OS-Image, Kernel-Version, Container-Runtime',
    ],
  },
  {
    path: 'v1/namespaces',
    kind: 'Namespace',
    object: {},
    status: { phase: 'Active', conditions: [condition] },
    columns: ['Name, Status, Age', ''],
    lingers: true,
  },
  {
    path: 'v1/services',
    kind: 'Service',
    object: { spec: { ports: [{ port: 80 }] } },
    status: { loadBalancer: {}, conditions: [condition] },
    columns: ['Name, Type, Cluster-IP, External-IP, Port(s), Age', 'Selector'],
  },
  { path: 'v1/endpoints', kind: 'Endpoints', object: {}, columns: ['Name, Endpoints, Age', ''] },
  { path: 'v1/configmaps', kind: 'ConfigMap', object: { data: { a: '1' } }, columns: ['Name, Data, Age', ''] },
  { path: 'v1/secrets', kind: 'Secret', object: { data: { a: 'MQ==' } }, columns: ['Name, Type, Data, Age', ''] },
  { path: 'v1/serviceaccounts', kind: 'ServiceAccount', object: {}, columns: ['Name, Secrets, Age', ''] },
  {
    path: 'v1/events',
    kind: 'Event',
    object: { involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' }, reason: 'Started', type: 'Normal' },
    columns: eventColumns,
  },
  {
    path: 'v1/replicationcontrollers',
    kind: 'ReplicationController',
    object: { spec: { template } },
    status: { replicas: 1 },
    columns: ['Name, Desired, Current, Ready, Age', workloadWide],
  },
  {
    path: 'v1/podtemplates',
    kind: 'PodTemplate',
    object: { template },
    columns: ['Name, Containers, Images, Pod Labels', ''],
  },
  {
    path: 'v1/limitranges',
    kind: 'LimitRange',
    object: { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } },
    columns: plain,
  },
  {
    path: 'v1/resourcequotas',
    kind: 'ResourceQuota',
    object: { spec: { hard: { pods: '4' } } },
    status: { hard: { pods: '4' }, used: { pods: '1' } },
    columns: ['Name, Request, Limit, Age', ''],
  },
  {
    path: 'v1/persistentvolumes',
    kind: 'PersistentVolume',
    object: {
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/srv/volume' } },
    },
    status: { phase: 'Available' },
    columns: [
      'Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, Age',
      'VolumeMode',
    ],
  },
  {
    path: 'v1/persistentvolumeclaims',
    kind: 'PersistentVolumeClaim',
    object: { spec: claim },
    status: { phase: 'Lost' },
    columns: ['Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age', 'VolumeMode'],
  },
];

const workloads: readonly Sample[] = [
  {
    path: 'apps/v1/deployments',
    kind: 'Deployment',
    object: { spec: { selector, template } },
    status: { replicas: 1 },
    columns: ['Name, Ready, Up-to-date, Available, Age', workloadWide],
  },
  {
    path: 'apps/v1/replicasets',
    kind: 'ReplicaSet',
    object: { spec: { selector, template } },
    status: { replicas: 1 },
    columns: ['Name, Desired, Current, Ready, Age', workloadWide],
  },
  {
    path: 'apps/v1/statefulsets',
    kind: 'StatefulSet',
    object: { spec: { serviceName: 'db', selector, template } },
    status: { replicas: 1, availableReplicas: 1 },
    columns: ['Name, Ready, Age', 'Containers, Images'],
  },
  {
    path: 'apps/v1/daemonsets',
    kind: 'DaemonSet',
    object: { spec: { selector, template } },
    status: { currentNumberScheduled: 1, numberMisscheduled: 0, desiredNumberScheduled: 1, numberReady: 1 },
    columns: ['Name, Desired, Current, Ready, Up-to-date, Available, Node Selector, Age', workloadWide],
  },
  {
    path: 'apps/v1/controllerrevisions',
    kind: 'ControllerRevision',
    object: { data: { spec: {} }, revision: 1 },
    columns: ['Name, Controller, Revision, Age', ''],
  },
  {
    path: 'batch/v1/jobs',
    kind: 'Job',
    object: { spec: { template: jobTemplate } },
    status: { active: 1, startTime: '2026-01-01T00:00:00Z' },
    columns: ['Name, Status, Completions, Duration, Age', workloadWide],
  },
  {
    path: 'batch/v1/cronjobs',
    kind: 'CronJob',
    object: { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: jobTemplate } } } },
    status: { lastScheduleTime: '2026-01-01T00:00:00Z' },
    columns: ['Name, Schedule, Timezone, Suspend, Active, Last Schedule, Age', workloadWide],
  },
  {
    path: 'autoscaling/v2/horizontalpodautoscalers',
    kind: 'HorizontalPodAutoscaler',
    object: { spec: { maxReplicas: 3, scaleTargetRef } },
    status: { currentReplicas: 1, desiredReplicas: 2, currentMetrics: null },
    columns: autoscalerColumns,
  },
  {
    path: 'autoscaling/v1/horizontalpodautoscalers',
    kind: 'HorizontalPodAutoscaler',
    object: { spec: { maxReplicas: 3, targetCPUUtilizationPercentage: 50, scaleTargetRef } },
    status: { currentReplicas: 1, desiredReplicas: 2, currentCPUUtilizationPercentage: 40 },
    columns: autoscalerColumns,
  },
  {
    path: 'policy/v1/poddisruptionbudgets',
    kind: 'PodDisruptionBudget',
    object: { spec: { minAvailable: 1, selector } },
    status: { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 },
    columns: ['Name, Min Available, Max Unavailable, Allowed Disruptions, Age', ''],
  },
];

const networking: readonly Sample[] = [
  {
    path: 'discovery.k8s.io/v1/endpointslices',
    kind: 'EndpointSlice',
    object: { addressType: 'IPv4', endpoints: [] },
    columns: ['Name, AddressType, Ports, Endpoints, Age', ''],
  },
  {
    path: 'networking.k8s.io/v1/ingresses',
    kind: 'Ingress',
    object: { spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } } },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    columns: ['Name, Class, Hosts, Address, Ports, Age', ''],
  },
  {
    path: 'networking.k8s.io/v1/ingressclasses',
    kind: 'IngressClass',
    object: { spec: { controller: 'example.com/ingress' } },
    columns: ['Name, Controller, Parameters, Age', ''],
  },
  {
    path: 'networking.k8s.io/v1/networkpolicies',
    kind: 'NetworkPolicy',
    object: { spec: { podSelector: selector } },
    columns: ['Name, Pod-Selector, Age', ''],
  },
  {
    path: 'networking.k8s.io/v1/ipaddresses',
    kind: 'IPAddress',
    names: ['192.0.2.1', '2001:db8::1'],
    object: { spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } } },
    columns: ['Name, ParentRef, Age', ''],
  },
  {
    path: 'networking.k8s.io/v1/servicecidrs',
    kind: 'ServiceCIDR',
    object: { spec: { cidrs: ['192.0.2.0/24'] } },
    status: { conditions: [condition] },
    columns: ['Name, CIDRs, Age', ''],
  },
];

const storage: readonly Sample[] = [
  {
    path: 'storage.k8s.io/v1/storageclasses',
    kind: 'StorageClass',
    object: { provisioner: 'example.com/disk' },
    columns: ['Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age', ''],
  },
  {
    path: 'storage.k8s.io/v1/volumeattachments',
    kind: 'VolumeAttachment',
    object: {
      spec: { attacher: 'disk.example.com', nodeName: 'node-1', source: { persistentVolumeName: 'volume' } },
    },
    status: { attached: true },
    columns: ['Name, Attacher, PV, Node, Attached, Age', ''],
  },
  {
    path: 'storage.k8s.io/v1/csidrivers',
    kind: 'CSIDriver',
    object: { spec: {} },
    columns: [
      'Name, AttachRequired, PodInfoOnMount, StorageCapacity, TokenRequests, RequiresRepublish, Modes, Age',
      '',
    ],
  },
  {
    path: 'storage.k8s.io/v1/csinodes',
    kind: 'CSINode',
    object: { spec: { drivers: [{ name: 'disk.example.com', nodeID: 'n1' }] } },
    columns: ['Name, Drivers, Age', ''],
  },
  {
    path: 'storage.k8s.io/v1/csistoragecapacities',
    kind: 'CSIStorageCapacity',
    object: { storageClassName: 'fast', capacity: '10Gi' },
    columns: ['Name, StorageClassName, Capacity', ''],
  },
  {
    path: 'storage.k8s.io/v1/volumeattributesclasses',
    kind: 'VolumeAttributesClass',
    object: { driverName: 'disk.example.com', parameters: { iops: '4000' } },
    columns: ['Name, DriverName, Age', ''],
  },
];

const devicesAndClasses: readonly Sample[] = [
  { path: 'resource.k8s.io/v1/deviceclasses', kind: 'DeviceClass', object: { spec: {} }, columns: aged },
  {
    path: 'resource.k8s.io/v1/resourceclaims',
    kind: 'ResourceClaim',
    object: { spec: { devices } },
    status: { allocation: {} },
    columns: ['Name, State, Age', ''],
  },
  {
    path: 'resource.k8s.io/v1/resourceclaimtemplates',
    kind: 'ResourceClaimTemplate',
    object: { spec: { spec: { devices } } },
    columns: aged,
  },
  {
    path: 'resource.k8s.io/v1/resourceslices',
    kind: 'ResourceSlice',
    object: {
      spec: {
        driver: 'gpu.example.com',
        nodeName: 'node-1',
        pool: { name: 'node-1', generation: 1, resourceSliceCount: 1 },
        devices: [{ name: 'gpu-0', attributes: { model: { string: 'x' } } }],
      },
    },
    columns: ['Name, Node, Driver, Pool, Age', ''],
  },
  {
    path: 'scheduling.k8s.io/v1/priorityclasses',
    kind: 'PriorityClass',
    object: { value: 100 },
    columns: ['Name, Value, Global-Default, Age, PreemptionPolicy', ''],
  },
  {
    path: 'node.k8s.io/v1/runtimeclasses',
    kind: 'RuntimeClass',
    object: { handler: 'runc' },
    columns: ['Name, Handler, Age', ''],
  },
];

const access: readonly Sample[] = [
  {
    path: 'rbac.authorization.k8s.io/v1/roles',
    kind: 'Role',
    object: { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] },
    columns: plain,
  },
  {
    path: 'rbac.authorization.k8s.io/v1/clusterroles',
    kind: 'ClusterRole',
    object: { rules: [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }] },
    columns: plain,
  },
  {
    path: 'rbac.authorization.k8s.io/v1/rolebindings',
    kind: 'RoleBinding',
    object: { roleRef, subjects },
    columns: bindingColumns,
  },
  {
    path: 'rbac.authorization.k8s.io/v1/clusterrolebindings',
    kind: 'ClusterRoleBinding',
    names: ['system:a', 'system:b'],
    object: { roleRef, subjects },
    columns: bindingColumns,
  },
  {
    path: 'certificates.k8s.io/v1/certificatesigningrequests',
    kind: 'CertificateSigningRequest',
    object: { spec: { request, signerName: 'example.com/signer', usages: ['client auth'] } },
    status: { certificate: pem('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n') },
    columns: ['Name, Age, SignerName, Requestor, RequestedDuration, Condition', ''],
  },
];

const extension: readonly Sample[] = [
  {
    path: 'coordination.k8s.io/v1/leases',
    kind: 'Lease',
    object: { spec: { holderIdentity: 'a' } },
    columns: ['Name, Holder, Age', ''],
  },
  {
    path: 'events.k8s.io/v1/events',
    kind: 'Event',
    object: {
      eventTime: '2026-01-01T00:00:00.000000Z',
      action: 'Starting',
      regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
      reason: 'Started',
      reportingController: 'example.com/controller',
      reportingInstance: 'controller-1',
      type: 'Normal',
    },
    columns: eventColumns,
  },
  {
    path: 'admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
    kind: 'ValidatingWebhookConfiguration',
    object: { webhooks },
    columns: ['Name, Webhooks, Age', ''],
  },
  {
    path: 'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    kind: 'MutatingWebhookConfiguration',
    object: { webhooks },
    columns: ['Name, Webhooks, Age', ''],
  },
  {
    path: 'admissionregistration.k8s.io/v1/validatingadmissionpolicies',
    kind: 'ValidatingAdmissionPolicy',
    object: { spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] } },
    status: { observedGeneration: 1 },
    columns: ['Name, Validations, ParamKind, Age', ''],
  },
  {
    path: 'admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
    kind: 'ValidatingAdmissionPolicyBinding',
    object: { spec: { policyName: 'policy', validationActions: ['Deny'] } },
    columns: ['Name, PolicyName, ParamRef, Age', ''],
  },
  {
    path: 'admissionregistration.k8s.io/v1/mutatingadmissionpolicies',
    kind: 'MutatingAdmissionPolicy',
    object: {
      spec: {
        matchConstraints: { resourceRules: [rule] },
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }],
        reinvocationPolicy: 'Never',
      },
    },
    columns: ['Name, Mutations, ParamKind, Age', ''],
  },
  {
    path: 'admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings',
    kind: 'MutatingAdmissionPolicyBinding',
    object: { spec: { policyName: 'policy' } },
    columns: ['Name, PolicyName, ParamRef, Age', ''],
  },
  {
    path: 'admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies',
    kind: 'MutatingAdmissionPolicy',
    object: {
      spec: {
        matchConstraints: { resourceRules: [rule] },
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }],
        reinvocationPolicy: 'Never',
      },
    },
    columns: ['Name, Mutations, ParamKind, Age', ''],
  },
  {
    path: 'admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicybindings',
    kind: 'MutatingAdmissionPolicyBinding',
    object: { spec: { policyName: 'policy' } },
    columns: ['Name, PolicyName, ParamRef, Age', ''],
  },
  {
    path: 'flowcontrol.apiserver.k8s.io/v1/flowschemas',
    kind: 'FlowSchema',
    object: { spec: { priorityLevelConfiguration: { name: 'workload-low' } } },
    status: { conditions: [{ ...condition, type: 'Dangling' }] },
    columns: ['Name, PriorityLevel, MatchingPrecedence, DistinguisherMethod, Age, MissingPL', ''],
  },
  {
    path: 'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations',
    kind: 'PriorityLevelConfiguration',
    object: { spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } } },
    status: { conditions: [condition] },
    columns: ['Name, Type, NominalConcurrencyShares, Queues, HandSize, QueueLengthLimit, Age', ''],
  },
];

function definitionOf(name: string): Readonly<Record<string, unknown>> {
  const [plural = '', ...group] = name.split('.');
  const schema = { openAPIV3Schema: { type: 'object', properties: { $ref: { type: 'string' } } } };
  return {
    spec: {
      group: group.join('.'),
      scope: 'Namespaced',
      names: { plural, kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}

function serviceOf(name: string): Readonly<Record<string, unknown>> {
  const [version = '', ...group] = name.split('.');
  return { spec: { group: group.join('.'), version, groupPriorityMinimum: 100, versionPriority: 10 } };
}

const further: readonly Sample[] = [
  {
    path: 'apiextensions.k8s.io/v1/customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    lingers: true,
    names: ['as.example.com', 'bs.example.com'],
    object: definitionOf('as.example.com'),
    objectOf: definitionOf,
    status: { conditions: [{ ...condition, type: 'Established' }], storedVersions: ['v1'] },
    columns: plain,
  },
  {
    path: 'apiregistration.k8s.io/v1/apiservices',
    kind: 'APIService',
    names: ['v1.a.example.com', 'v1.b.example.com'],
    object: serviceOf('v1.a.example.com'),
    objectOf: serviceOf,
    status: { conditions: [{ ...condition, type: 'Available' }] },
    columns: ['Name, Service, Available, Age', ''],
  },
];

export const samples: readonly Sample[] = [
  ...core,
  ...workloads,
  ...networking,
  ...storage,
  ...devicesAndClasses,
  ...access,
  ...extension,
  ...further,
];
