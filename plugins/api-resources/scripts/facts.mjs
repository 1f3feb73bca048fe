// What the models of @kubernetes/client-node do not say: patch strategies, merge keys, list types and quantities.

/** Fields that hold quantities, by OpenAPI type. `*` after a field: a map of quantities. */
export const quantityFields = {
  ResourceRequirements: ['limits*', 'requests*'],
  VolumeResourceRequirements: ['limits*', 'requests*'],
  PodSpec: ['overhead*'],
  NodeStatus: ['capacity*', 'allocatable*'],
  ContainerStatus: ['allocatedResources*'],
  PodStatus: ['allocatedResources*'],
  ResourceFieldSelector: ['divisor'],
  EmptyDirVolumeSource: ['sizeLimit'],
};

const merge = (key) => ({ strategy: 'merge', key, list: 'map', keys: [key] });
const atomic = { list: 'atomic' };
const set = { list: 'set' };

/**
 * Per type and field: strategy and key of a strategic merge patch, and how server-side apply sees a list: `list` is atomic,
 * set, or map by `keys`.
 */
export const listFacts = {
  PodSpec: {
    containers: merge('name'),
    initContainers: merge('name'),
    ephemeralContainers: merge('name'),
    volumes: { ...merge('name'), strategy: 'merge,retainKeys' },
    imagePullSecrets: merge('name'),
    hostAliases: merge('ip'),
    readinessGates: atomic,
    tolerations: atomic,
    resourceClaims: { ...merge('name'), strategy: 'merge,retainKeys' },
    schedulingGates: merge('name'),
    topologySpreadConstraints: {
      ...merge('topologyKey'),
      keys: ['topologyKey', 'whenUnsatisfiable'],
    },
  },
  Container: {
    ports: { ...merge('containerPort'), keys: ['containerPort', 'protocol'] },
    env: merge('name'),
    volumeMounts: merge('mountPath'),
    volumeDevices: merge('devicePath'),
    resizePolicy: atomic,
    args: atomic,
    command: atomic,
    envFrom: atomic,
    restartPolicyRules: atomic,
  },
  EphemeralContainer: {
    ports: { ...merge('containerPort'), keys: ['containerPort', 'protocol'] },
    env: merge('name'),
    volumeMounts: merge('mountPath'),
    volumeDevices: merge('devicePath'),
    resizePolicy: atomic,
    args: atomic,
    command: atomic,
    envFrom: atomic,
    restartPolicyRules: atomic,
  },
  ResourceRequirements: { claims: { list: 'map', keys: ['name'] } },
  PodStatus: {
    conditions: merge('type'),
    podIPs: { ...merge('ip') },
    hostIPs: { strategy: 'merge', key: 'ip', list: 'atomic' },
    containerStatuses: atomic,
    initContainerStatuses: atomic,
    ephemeralContainerStatuses: atomic,
    resourceClaimStatuses: { ...merge('name'), strategy: 'merge,retainKeys' },
  },
  ServiceSpec: {
    ports: { ...merge('port'), keys: ['port', 'protocol'] },
    clusterIPs: atomic,
    externalIPs: atomic,
    ipFamilies: atomic,
    loadBalancerSourceRanges: atomic,
  },
  ServiceStatus: { conditions: merge('type') },
  LoadBalancerStatus: { ingress: atomic },
  NodeSpec: { podCIDRs: { strategy: 'merge', list: 'set' }, taints: atomic },
  NodeStatus: {
    addresses: { strategy: 'merge', key: 'type', list: 'map', keys: ['type'] },
    conditions: merge('type'),
    images: atomic,
    volumesAttached: atomic,
    volumesInUse: atomic,
    runtimeHandlers: atomic,
    declaredFeatures: atomic,
  },
  NamespaceSpec: { finalizers: atomic },
  NamespaceStatus: { conditions: merge('type') },
  ServiceAccount: { secrets: merge('name'), imagePullSecrets: atomic },
  Endpoints: { subsets: atomic },
  EndpointSubset: { addresses: atomic, notReadyAddresses: atomic, ports: atomic },
  EndpointSlice: { endpoints: atomic, ports: atomic },
  Endpoint: { addresses: set },
  EndpointHints: { forZones: atomic, forNodes: atomic },
  DeploymentStatus: { conditions: merge('type') },
  ReplicaSetStatus: { conditions: merge('type') },
  DeploymentSpec: { strategy: { strategy: 'retainKeys' } },
  ObjectMeta: {
    finalizers: { strategy: 'merge', list: 'set' },
    ownerReferences: merge('uid'),
    managedFields: atomic,
  },
  LabelSelector: { matchExpressions: atomic },
  LabelSelectorRequirement: { values: atomic },
  NodeSelector: { nodeSelectorTerms: atomic },
  NodeSelectorTerm: { matchExpressions: atomic, matchFields: atomic },
  NodeSelectorRequirement: { values: atomic },
  NodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: atomic },
  PodAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: atomic,
    requiredDuringSchedulingIgnoredDuringExecution: atomic,
  },
  PodAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: atomic,
    requiredDuringSchedulingIgnoredDuringExecution: atomic,
  },
  PodAffinityTerm: { namespaces: atomic, matchLabelKeys: atomic, mismatchLabelKeys: atomic },
  TopologySpreadConstraint: { matchLabelKeys: atomic },
  PodDNSConfig: { nameservers: atomic, options: atomic, searches: atomic },
  PodSecurityContext: { supplementalGroups: atomic, sysctls: atomic },
  Capabilities: { add: atomic, drop: atomic },
  ExecAction: { command: atomic },
  HTTPGetAction: { httpHeaders: atomic },
  HostAlias: { hostnames: atomic },
  ConfigMapVolumeSource: { items: atomic },
  SecretVolumeSource: { items: atomic },
  DownwardAPIVolumeSource: { items: atomic },
  ProjectedVolumeSource: { sources: atomic },
};

/** Types whose objects are replaced as a whole by server-side apply. */
export const atomicTypes = [
  'LabelSelector',
  'NodeSelector',
  'NodeSelectorTerm',
  'ObjectReference',
  'OwnerReference',
  'LocalObjectReference',
  'TypedLocalObjectReference',
  'SecretReference',
  'SecretKeySelector',
  'ConfigMapKeySelector',
  'ObjectFieldSelector',
  'ResourceFieldSelector',
];

/** Types that belong to meta/v1, whichever kind reaches them first. */
export const metaTypes = [
  'ObjectMeta',
  'ListMeta',
  'OwnerReference',
  'ManagedFieldsEntry',
  'LabelSelector',
  'LabelSelectorRequirement',
  'Condition',
  'Status',
  'StatusDetails',
  'StatusCause',
  'DeleteOptions',
  'Preconditions',
  'APIResource',
  'APIResourceList',
  'APIGroup',
  'APIGroupList',
  'APIVersions',
  'GroupVersionForDiscovery',
  'ServerAddressByClientCIDR',
];

/** Types that JSON writes as one value. */
export const scalarTypes = {
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': {
    description: 'A time as RFC 3339, in whole seconds.',
    type: 'string',
    format: 'date-time',
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': {
    description: 'A time as RFC 3339, with microseconds.',
    type: 'string',
    format: 'date-time',
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': {
    description: 'A set of fields, as nested objects.',
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
  },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
    description: 'A whole number, or a text: a name or a percentage.',
    format: 'int-or-string',
    oneOf: [{ type: 'integer' }, { type: 'string' }],
    'x-kubernetes-int-or-string': true,
  },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': {
    description: 'A fixed-point number with a unit: 100m, 1.5, 64Mi.',
    oneOf: [{ type: 'string' }, { type: 'number' }],
  },
};
