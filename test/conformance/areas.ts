/**
 * What users of the Kubernetes API rely on of controllers and nodes, in our own words: the lines of docs/reference/conformance.md. Each line
 * stands for tests of Kubernetes' conformance list (up to 1.35); the tests of a line are those whose `describe` has its title.
 */
export interface Behaviour {
  readonly text: string;
  /** Tests of the conformance list that it stands for. */
  readonly official: number;
  /** Of the names of the line's tests, those that show it. */
  readonly shownBy: RegExp;
}

export interface Line {
  /** `area: kind`. */
  readonly title: string;
  readonly behaviours: readonly Behaviour[];
}

const behaviour = (official: number, text: string, shownBy: RegExp): Behaviour => ({ text, official, shownBy });

const apps: readonly Line[] = [
  {
    title: 'apps: ControllerRevision',
    behaviours: [behaviour(1, 'life of the revisions of a DaemonSet', /revision/i)],
  },
  {
    title: 'apps: CronJob',
    behaviours: [
      behaviour(1, 'several jobs at once where that is allowed', /allow|several|concurren/i),
      behaviour(1, 'no second job while one runs (Forbid)', /forbid/i),
      behaviour(1, 'the running job is replaced (Replace)', /replace/i),
      behaviour(1, 'no jobs while suspended', /suspend/i),
      behaviour(1, 'all verbs and the status', /verb|status|patch/i),
    ],
  },
  {
    title: 'apps: DaemonSet',
    behaviours: [
      behaviour(1, 'a pod on every node, made anew when it is deleted', /every node|deleted/i),
      behaviour(1, 'pods follow the node selector', /selector|label/i),
      behaviour(1, 'failed pods are replaced', /failed/i),
      behaviour(1, 'rolling update', /rolling|rolls|update/i),
      behaviour(1, 'going back without needless restarts', /back|undo/i),
      behaviour(1, 'list and deletion of a collection', /collection|list/i),
      behaviour(1, 'the status', /status/i),
    ],
  },
  {
    title: 'apps: Deployment',
    behaviours: [
      behaviour(1, 'Recreate', /recreate/i),
      behaviour(1, 'RollingUpdate', /rolling|rolls/i),
      behaviour(1, 'old replica sets are cleaned up', /history|clean/i),
      behaviour(1, 'rollover in the middle of a roll-out', /rollover|mid/i),
      behaviour(1, 'scaling in proportion', /proportion/i),
      behaviour(1, 'the scale', /scale subresource|\/scale|the scale/i),
      behaviour(1, 'the status', /status/i),
      behaviour(1, 'life with all verbs', /verb|life|patch/i),
    ],
  },
  {
    title: 'apps: PodDisruptionBudget',
    behaviours: [
      behaviour(1, 'all verbs', /verb|made|create/i),
      behaviour(1, 'deletion of a collection', /collection/i),
      behaviour(1, 'its status is computed', /status|counts|observes/i),
      behaviour(1, 'change of its status', /patch|replac|update/i),
      behaviour(1, 'evictions are refused until it allows them', /evict/i),
    ],
  },
  {
    title: 'apps: Job',
    behaviours: [
      behaviour(1, 'completes though containers fail and restart', /restart/i),
      behaviour(1, 'parallel pods; deletion takes them along', /parallel|delet/i),
      behaviour(1, 'adopts orphans, releases what does not match', /adopt|releas|orphan/i),
      behaviour(1, 'Indexed', /index/i),
      behaviour(1, 'the status', /status/i),
      behaviour(1, 'life with suspension', /suspend/i),
      behaviour(1, 'podFailurePolicy: FailJob on an exit code', /failjob/i),
      behaviour(1, 'podFailurePolicy: Ignore on DisruptionTarget', /ignore/i),
      behaviour(1, 'podFailurePolicy: FailIndex', /failindex/i),
      behaviour(1, 'backoffLimitPerIndex', /backofflimitperindex|index.*back-?off|back-?off.*index/i),
      behaviour(1, 'maxFailedIndexes', /maxfailedindexes/i),
      behaviour(1, 'successPolicy: all indexes', /success.*(all|every|without rules)/i),
      behaviour(1, 'successPolicy: some indexes', /success.*(index|some)/i),
      behaviour(1, 'successPolicy: a count', /success.*(count|number)/i),
    ],
  },
  {
    title: 'apps: ReplicaSet',
    behaviours: [
      behaviour(1, 'all replicas run and are kept', /kept|replica/i),
      behaviour(1, 'adopts and releases pods', /adopt|releas/i),
      behaviour(1, 'the scale', /scale/i),
      behaviour(1, 'the status', /status/i),
      behaviour(1, 'replace and patch', /replac|patch/i),
      behaviour(1, 'list and deletion of a collection', /collection|list/i),
    ],
  },
  {
    title: 'apps: ReplicationController',
    behaviours: [
      behaviour(1, 'all replicas run and are kept', /kept|replica/i),
      behaviour(1, 'a condition when a quota is exceeded', /quota|replicafailure|refus/i),
      behaviour(1, 'adopts matching pods', /adopt/i),
      behaviour(1, 'releases pods that do not match any more', /releas/i),
      behaviour(1, 'life with a watch', /watch|life|patch|status/i),
      behaviour(1, 'the scale', /scale/i),
    ],
  },
  {
    title: 'apps: StatefulSet',
    behaviours: [
      behaviour(1, 'scaling in order, halted by an unhealthy pod', /order|halt/i),
      behaviour(1, 'scaling in a burst (Parallel)', /parallel|burst/i),
      behaviour(1, 'rolling update and back', /rolling|rolls/i),
      behaviour(1, 'canary and phased updates by partition', /partition|canary/i),
      behaviour(1, 'evicted and failed pods are made anew', /evict|failed/i),
      behaviour(1, 'the scale', /scale subresource|\/scale|the scale/i),
      behaviour(1, 'the status', /status/i),
      behaviour(1, 'list, patch, deletion of a collection', /collection|patch/i),
    ],
  },
];

/** What `apps` shows with nodes in name only, once more with real containers: tests of the list are counted there. */
const appsWithContainers: readonly Line[] = [
  {
    title: 'apps: DaemonSet with containers',
    behaviours: [
      behaviour(0, 'a pod on the node, made anew when it is deleted', /deleted/),
      behaviour(0, 'pods follow the node selector', /selector/),
      behaviour(0, 'failed pods are replaced', /failed/),
      behaviour(0, 'rolling update', /rolling/),
      behaviour(0, 'going back without needless restarts', /going back/),
    ],
  },
  {
    title: 'apps: Deployment with containers',
    behaviours: [
      behaviour(0, 'Recreate: no old and new containers at once', /Recreate/),
      behaviour(0, 'RollingUpdate behind a Service that answers', /RollingUpdate/),
      behaviour(0, 'old replica sets are cleaned up', /history/),
      behaviour(0, 'rollover in the middle of a roll-out', /rollover/),
    ],
  },
  {
    title: 'apps: Job with containers',
    behaviours: [
      behaviour(0, 'completes though containers fail and restart', /restarted/),
      behaviour(0, 'parallel pods; deletion takes them along', /parallel/),
      behaviour(0, 'adopts orphans, releases what does not match', /adopts/),
      behaviour(0, 'Indexed: annotation, variable, hostname', /^Indexed/),
      behaviour(0, 'life with suspension', /suspended/),
      behaviour(0, 'podFailurePolicy: FailJob on an exit code', /FailJob/),
      behaviour(0, 'podFailurePolicy: Ignore on DisruptionTarget', /Ignore/),
      behaviour(0, 'podFailurePolicy: FailIndex', /FailIndex/),
      behaviour(0, 'backoffLimitPerIndex', /backoffLimitPerIndex/),
      behaviour(0, 'maxFailedIndexes', /maxFailedIndexes/),
      behaviour(0, 'successPolicy: all indexes', /successPolicy by all/),
      behaviour(0, 'successPolicy: some indexes', /successPolicy by some/),
      behaviour(0, 'successPolicy: a count', /successPolicy by a count/),
    ],
  },
  ...['ReplicaSet', 'ReplicationController'].map((kind) => ({
    title: `apps: ${kind} with containers`,
    behaviours: [
      behaviour(0, 'each replica serves, and is replaced', /serves on each/),
      behaviour(0, 'adopts matching pods', /adopts/),
      behaviour(0, 'releases pods that do not match any more', /releases/),
    ],
  })),
  {
    title: 'apps: StatefulSet with containers',
    behaviours: [
      behaviour(0, 'scaling in order, halted by an unhealthy pod', /halts/),
      behaviour(0, 'scaling in a burst (Parallel)', /Parallel/),
      behaviour(0, 'rolling update and back', /^rolls/),
      behaviour(0, 'canary and phased updates by partition', /partition/),
      behaviour(0, 'evicted and failed pods are made anew', /made anew/),
    ],
  },
];

const apiMachinery: readonly Line[] = [
  {
    title: 'api-machinery: Namespace',
    behaviours: [
      behaviour(1, 'deletion removes its pods', /pods/i),
      behaviour(1, 'deletion removes its services', /services/i),
      behaviour(1, 'pods go before other objects', /before/i),
      behaviour(1, 'finalizers through /finalize', /finaliz/i),
      behaviour(1, 'update', /update|replace/i),
      behaviour(1, 'patch', /patch/i),
      behaviour(1, 'the status', /status/i),
    ],
  },
  {
    title: 'api-machinery: Garbage collector',
    behaviours: [
      behaviour(1, 'background: Deployment to ReplicaSet to pods', /background.*deployment/i),
      behaviour(1, 'background: ReplicationController to pods', /background.*replicationcontroller/i),
      behaviour(1, 'orphans of a ReplicationController', /orphan.*replicationcontroller/i),
      behaviour(1, 'orphans of a Deployment', /orphan.*deployment/i),
      behaviour(1, 'foreground keeps the owner until the pods are gone', /foreground/i),
      behaviour(1, 'what has a second owner stays', /two owners|second owner/i),
      behaviour(1, 'a circle of owners blocks nothing', /circle|cycle/i),
    ],
  },
  {
    title: 'api-machinery: CustomResourceDefinition',
    behaviours: [
      behaviour(1, 'creation and deletion', /created and deleted/),
      behaviour(1, 'lists by label, deletion of a collection', /collection/),
      behaviour(1, 'the status: read, replaced, patched', /status/),
      behaviour(1, 'watches of its objects', /watched/),
      behaviour(1, 'discovery', /discovery/),
      behaviour(1, 'defaults when objects are written and read, and after they change', /defaults/),
      behaviour(1, 'selectable fields in lists and watches, over two versions with conversion', /selected by fields/),
      behaviour(1, 'conversion by a webhook from one version to another', /converted by a webhook/),
      behaviour(1, 'a list of objects that are stored in several versions', /mixed versions/),
    ],
  },
  {
    title: 'api-machinery: OpenAPI of custom resources',
    behaviours: [
      behaviour(1, 'a kind with a schema', /validated and explained by its schema/),
      behaviour(1, 'a kind without a schema', /without a schema/),
      behaviour(1, 'unknown fields kept at the root', /at the root/),
      behaviour(1, 'unknown fields kept in an object of the schema', /in a nested object/),
      behaviour(1, 'several groups', /several groups/),
      behaviour(1, 'several versions of a group', /several versions/),
      behaviour(1, 'several kinds of a group and version', /several kinds/),
      behaviour(1, 'a version that gets another name', /renamed/),
      behaviour(1, 'a version that is served no more', /served no more/),
    ],
  },
  {
    title: 'api-machinery: field validation',
    behaviours: [
      behaviour(1, 'unknown fields of typed objects', /unknown fields of typed objects/),
      behaviour(1, 'duplicate fields of typed objects', /duplicate fields of typed objects/),
      behaviour(1, 'unknown fields of custom resources', /unknown fields of custom resources/),
      behaviour(1, 'duplicate fields of custom resources', /duplicate fields of custom resources/),
      behaviour(1, 'unknown metadata of typed objects and custom resources', /unknown metadata/),
      behaviour(1, 'custom resources without a schema take anything', /without a schema/),
      behaviour(1, 'what is valid passes in every mode', /every mode/),
    ],
  },
  {
    title: 'api-machinery: webhooks',
    behaviours: [
      behaviour(1, 'pods and config maps are denied, but in exempt namespaces', /pods and config maps|exempt/),
      behaviour(1, 'attaching to a pod is denied', /attach/),
      behaviour(
        1,
        'custom resources and definitions are denied',
        /^deny the creation.* (custom resources|definitions)/,
      ),
      behaviour(1, 'mutation in order, with defaults afterwards', /in order|defaults/),
      behaviour(1, 'mutation of custom resources: pruned, of several versions', /^mutate custom resources/),
      behaviour(1, 'timeouts and failure policies', /timeout/),
      behaviour(1, 'closed with a bad authority', /fail closed/),
      behaviour(1, 'configurations themselves are never mutated or blocked', /never asked about configurations/),
      behaviour(0, 'in discovery', /in discovery/),
    ],
  },
  {
    title: 'api-machinery: configurations of webhooks',
    behaviours: ['mutating', 'validating']
      .flatMap((type) => [
        behaviour(1, `list and deletion of a collection, ${type}`, new RegExp(`${type} kind are listed`)),
        behaviour(1, `operations switched off and on, ${type}`, new RegExp(`${type} kind are updated`)),
        behaviour(1, `match conditions are kept and updated, ${type}`, new RegExp(`${type} kind keep`)),
        behaviour(1, `invalid match conditions are refused, ${type}`, new RegExp(`${type} kind with invalid`)),
      ])
      .concat(behaviour(1, 'everything but skip-me is mutated', /skip-me/)),
  },
  {
    title: 'api-machinery: ValidatingAdmissionPolicy',
    behaviours: [
      behaviour(1, 'all verbs and the status', /verbs and a status/),
      behaviour(1, 'all verbs of bindings', /bindings with all verbs/),
      behaviour(1, 'validation of a Deployment', /validates a Deployment/),
      behaviour(1, 'variables', /variables/),
    ],
  },
  {
    // Of the list of 1.36.
    title: 'api-machinery: MutatingAdmissionPolicy',
    behaviours: [
      behaviour(0, 'all verbs', /has all verbs/),
      behaviour(0, 'all verbs of bindings', /bindings with all verbs/),
      behaviour(0, 'mutation of a Deployment', /changes a Deployment/),
      behaviour(0, 'annotations', /annotations/),
    ],
  },
  {
    title: 'api-machinery: discovery',
    behaviours: [
      behaviour(1, 'the preferred version of each group', /preferred version/),
      behaviour(1, 'resources in each group and version', /resources in each/),
      behaviour(1, 'the version of the server', /version of the server/),
      behaviour(1, 'aggregated at /api', /aggregated at \/api for/),
      behaviour(1, 'aggregated at /apis', /aggregated at \/apis/),
      behaviour(1, 'aggregated by the Accept header', /other forms/),
      behaviour(1, 'aggregated with custom resources', /come and go/),
    ],
  },
  {
    title: 'api-machinery: list chunking',
    behaviours: [
      behaviour(1, 'pages of one version, and what is left', /pages of one/),
      behaviour(1, 'goes on after a compaction, not consistent', /compaction/),
    ],
  },
  {
    title: 'api-machinery: watches',
    behaviours: [
      behaviour(1, 'several watchers with label selectors', /label selector selects/),
      behaviour(1, 'from a resourceVersion', /resourceVersion/),
      behaviour(1, 'from where one stopped', /where they were cut/),
      behaviour(1, 'leaving a selector is DELETED, returning ADDED', /leaves the selector/),
      behaviour(1, 'the same order for all', /same order/),
    ],
  },
  {
    title: 'api-machinery: Tables',
    behaviours: [behaviour(1, '406 where there are none to print', /406/)],
  },
  {
    title: 'api-machinery: flow control',
    behaviours: [
      behaviour(1, 'FlowSchema: all verbs and the status', /^FlowSchema/),
      behaviour(1, 'PriorityLevelConfiguration: all verbs and the status', /^PriorityLevelConfiguration/),
    ],
  },
  {
    title: 'api-machinery: Aggregator',
    behaviours: [behaviour(1, 'an API that a pod serves, by an APIService', /a pod serves/)],
  },
  {
    title: 'api-machinery: ResourceQuota',
    behaviours: [
      behaviour(1, 'its status is there soon', /soon/i),
      behaviour(1, 'life of a ConfigMap', /config map/i),
      behaviour(1, 'life of a Secret', /secret/i),
      behaviour(1, 'life of a Service', /life of a service/i),
      behaviour(1, 'life of a ReplicationController', /replication controller/i),
      behaviour(1, 'life of a ReplicaSet', /replica set/i),
      behaviour(1, 'life of a pod, with an extended resource', /extended/i),
      behaviour(1, 'scopes BestEffort and NotBestEffort', /besteffort/i),
      behaviour(1, 'scopes Terminating and NotTerminating', /notterminating/i),
      behaviour(1, 'update and deletion', /replaced and deleted/i),
      behaviour(1, 'the status apart from the spec', /status that/i),
      behaviour(1, 'life with deletion of a collection', /collection/i),
    ],
  },
];

const node: readonly Line[] = [
  {
    title: 'node: pods',
    behaviours: [
      behaviour(1, 'the address of the node', /address of their node/),
      behaviour(1, 'submitted, run and ended within the grace period', /within their grace period/),
      behaviour(1, 'new labels', /new labels/),
      behaviour(1, 'activeDeadlineSeconds', /activeDeadlineSeconds/),
      behaviour(1, 'environment variables of services', /variables of the services/),
      behaviour(1, 'commands over WebSocket', /run commands over WebSocket/),
      behaviour(1, 'logs over WebSocket', /logs over WebSocket/),
      behaviour(1, 'deletion of a collection', /as a collection/),
      behaviour(1, 'life of pods and their status', /have a life/),
      behaviour(1, 'patch of the status', /conditions of others/),
    ],
  },
  {
    title: 'node: QoS class and generation',
    behaviours: [
      behaviour(1, 'the QoS class', /class/),
      behaviour(1, 'generation starts at 1 and grows', /starts at 1/),
      behaviour(1, 'graceful deletion is a generation', /gracefully/),
      behaviour(1, '500 updates are observed', /500/),
    ],
  },
  {
    title: 'node: restart policies and termination messages',
    behaviours: [
      behaviour(1, 'phases, restarts and states by policy', /phases/),
      behaviour(1, 'message from the file', /of the file/),
      behaviour(1, 'message from the log on an error', /end of the log/),
      behaviour(1, 'no message on success', /no message/),
      behaviour(1, 'message from a path of its own, not as root', /path of its own/),
    ],
  },
  {
    title: 'node: command and arguments',
    behaviours: [
      behaviour(1, 'those of the image', /of the image where/),
      behaviour(1, 'arguments alone', /arguments alone/),
      behaviour(1, 'a command alone', /command alone/),
      behaviour(1, 'both', /both/),
    ],
  },
  {
    title: 'node: probes',
    behaviours: [
      behaviour(1, 'readiness with an initial delay', /initial delay/),
      behaviour(1, 'never ready, never restarted', /never be ready/),
      behaviour(2, 'liveness by a command', /command of liveness/),
      behaviour(2, 'liveness over HTTP', /over HTTP/),
      behaviour(1, 'liveness over TCP', /takes? .*connections over TCP/),
      behaviour(2, 'liveness over gRPC', /over gRPC/),
      behaviour(1, 'the count of restarts never falls', /never fall/),
    ],
  },
  {
    title: 'node: lifecycle hooks',
    behaviours: [
      behaviour(1, 'postStart by a command', /postStart runs/),
      behaviour(1, 'preStop by a command', /preStop runs/),
      behaviour(1, 'postStart over HTTP', /postStart asks/),
      behaviour(1, 'preStop over HTTP', /preStop asks/),
      behaviour(1, 'preStop before the end', /preStop is over/),
    ],
  },
  {
    title: 'node: init containers',
    behaviours: [
      behaviour(1, 'in order, in a pod that is not restarted', /in order.*not restarted/),
      behaviour(1, 'in order, in a pod that is restarted', /in order.*is restarted/),
      behaviour(1, 'failure blocks the containers and is tried again', /tried again/),
      behaviour(1, 'failure ends a pod that is not restarted', /let the pod fail/),
      behaviour(0, 'sidecars', /sidecars/),
    ],
  },
  {
    title: 'node: ephemeral containers',
    behaviours: [behaviour(2, 'added, and once more', /once more/)],
  },
  {
    title: 'node: environment',
    behaviours: [
      behaviour(3, 'from a ConfigMap: one key, all keys, with prefixes', /ConfigMap/),
      behaviour(3, 'from a Secret: one key, all keys, with prefixes', /Secret/),
      behaviour(3, 'names are expanded in variables, command and arguments', /expand/),
      behaviour(2, 'subPathExpr leads to directories', /by subPathExpr/),
      behaviour(2, 'a bad subPathExpr is refused', /subPathExpr that/),
      behaviour(1, 'a bad subPathExpr is mended while the pod fails', /mended/),
    ],
  },
  {
    title: 'node: downward API in the environment',
    behaviours: [
      behaviour(1, 'name, namespace and address', /name, namespace/),
      behaviour(2, 'addresses of the host', /of the host/),
      behaviour(1, 'uid', /uid/),
      behaviour(1, 'limits and requests', /limits and requests/),
      behaviour(1, 'what the node has, without limits', /without limits/),
    ],
  },
  {
    title: 'node: files of the host name',
    behaviours: [behaviour(1, 'hostAliases', /hostAliases/), behaviour(1, '/etc/hosts is managed', /managed/)],
  },
  {
    title: 'node: security context',
    behaviours: [
      behaviour(1, 'user of a container', /user of a container/),
      behaviour(2, 'user and group of pod and container', /user and group/),
      behaviour(1, 'not privileged', /privileged: false/),
      behaviour(2, 'read-only root, and one that is not', /root file system/),
      behaviour(1, 'no escalation of privileges', /allowPrivilegeEscalation/),
    ],
  },
  {
    title: 'node: sysctls',
    behaviours: [behaviour(1, 'set', /are set/), behaviour(1, 'refused', /refused/)],
  },
  {
    title: 'node: logs',
    behaviours: [
      behaviour(1, 'what a container prints', /prints/),
      behaviour(1, 'the reason of a container that fails', /always fails/),
      behaviour(1, 'deletion of a pod that fails', /go when it is deleted/),
    ],
  },
];

const architecture: Line = {
  title: 'architecture: nodes',
  behaviours: [behaviour(1, 'at least two nodes take pods', /at least two/)],
};

const nodeKinds: Line = {
  title: 'node: kinds of the API',
  behaviours: [
    behaviour(3, 'ConfigMap and Secret: all verbs', /^(ConfigMap|Secret) has all verbs/),
    behaviour(2, 'ConfigMap and Secret: an empty key is refused', /empty key/),
    behaviour(1, 'Lease: all verbs', /^Lease/),
    behaviour(3, 'PodTemplate: all verbs, one and a collection', /^PodTemplate/),
    behaviour(1, 'Node: all verbs and the status', /^Node/),
    ...['DeviceClass', 'ResourceClaim', 'ResourceClaimTemplate', 'ResourceSlice'].map((kind) =>
      behaviour(1, `${kind}: all verbs`, new RegExp(`^${kind} has`)),
    ),
  ],
};

const storageKinds: Line = {
  title: 'storage: kinds of the API',
  behaviours: [
    behaviour(1, 'an immutable ConfigMap', /^ConfigMap that is immutable/),
    behaviour(1, 'an immutable Secret', /^Secret that is immutable/),
    ...['CSIDriver', 'CSINode', 'CSIStorageCapacity', 'StorageClass', 'VolumeAttachment', 'VolumeAttributesClass'].map(
      (kind) => behaviour(1, `${kind}: all verbs`, new RegExp(`^${kind} has all verbs`)),
    ),
    behaviour(1, 'VolumeAttachment: the status', /^VolumeAttachment has a status/),
    behaviour(1, 'an inline CSI volume of a pod', /inline CSI/),
  ],
};

const networkKinds: Line = {
  title: 'network: kinds of the API',
  behaviours: [
    behaviour(1, 'EndpointSlice: all verbs', /^EndpointSlice/),
    behaviour(1, 'Ingress: all verbs and the status', /^Ingress has/),
    behaviour(1, 'IngressClass: all verbs', /^IngressClass/),
    behaviour(1, 'ServiceCIDR: all verbs and the status', /^ServiceCIDR/),
    behaviour(1, 'IPAddress: all verbs', /^IPAddress/),
    behaviour(1, 'the status of a Service', /^a Service has a status/),
    behaviour(1, 'deletion of a collection of Services', /^Services are deleted/),
  ],
};

const events: Line = {
  title: 'instrumentation: Events',
  behaviours: [
    behaviour(1, 'life of an Event of the core group', /^of the core group have/),
    behaviour(1, 'life of an Event of events.k8s.io', /^of events.k8s.io have/),
    behaviour(1, 'a series and a collection of the core group', /^of the core group are/),
    behaviour(1, 'a series and a collection of events.k8s.io', /^of events.k8s.io are/),
  ],
};

const storage: readonly Line[] = [
  {
    title: 'storage: ConfigMap volumes',
    behaviours: [
      behaviour(1, 'values as files', /^show the values/),
      behaviour(1, 'default mode', /default mode/),
      behaviour(1, 'not as root', /^are read by a user/),
      behaviour(1, 'chosen keys', /chosen keys alone/),
      behaviour(1, 'modes of files', /single files/),
      behaviour(1, 'chosen keys, not as root', /chosen keys to a user/),
      behaviour(1, 'changes', /follow changes/),
      behaviour(1, 'binary data', /binary/),
      behaviour(1, 'optional ones come, change and go', /optional/),
      behaviour(1, 'several in a pod', /several times/),
    ],
  },
  {
    title: 'storage: Secret volumes',
    behaviours: [
      behaviour(1, 'values as files', /^show the values/),
      behaviour(1, 'default mode', /default mode/),
      behaviour(1, 'not as root, with a mode and fsGroup', /group of the pod/),
      behaviour(1, 'chosen keys', /chosen keys alone/),
      behaviour(1, 'modes of files', /single files/),
      behaviour(1, 'the same name in two namespaces', /namespace/),
      behaviour(1, 'several in a pod', /several times/),
      behaviour(1, 'optional ones come, change and go', /optional/),
    ],
  },
  {
    title: 'storage: downward API volumes',
    behaviours: [
      behaviour(2, 'the name of the pod', /the name of the pod/),
      behaviour(2, 'default mode', /default mode/),
      behaviour(2, 'modes of files', /single files/),
      behaviour(4, 'changes of labels and annotations', /follow the/),
      behaviour(2, 'limit of CPU', /limit of CPU/),
      behaviour(2, 'limit of memory', /limit of memory/),
      behaviour(2, 'request of CPU', /request of CPU/),
      behaviour(2, 'request of memory', /request of memory/),
      behaviour(2, 'CPU of the node without a limit', /CPU has no limit/),
      behaviour(2, 'memory of the node without a limit', /memory has no limit/),
    ],
  },
  {
    title: 'storage: projected volumes',
    behaviours: [
      behaviour(2, 'values as files', /^show the values/),
      behaviour(2, 'default mode', /default mode/),
      behaviour(1, 'a ConfigMap, not as root', /ConfigMap are read by a user/),
      behaviour(1, 'a Secret, not as root, with a mode and fsGroup', /Secret are read by a user/),
      behaviour(2, 'chosen keys', /chosen keys of .* alone/),
      behaviour(2, 'modes of files', /single files/),
      behaviour(1, 'chosen keys of a ConfigMap, not as root', /chosen keys of a ConfigMap to a user/),
      behaviour(1, 'changes of a ConfigMap', /follow changes of a ConfigMap/),
      behaviour(2, 'optional ones come, change and go', /optional/),
      behaviour(2, 'several in a pod', /several times/),
      behaviour(1, 'sources of all kinds together', /together/),
    ],
  },
  {
    title: 'storage: emptyDir',
    behaviours: [
      behaviour(6, 'files of root and others with modes 0644, 0666, 0777', /gives .* on the default medium/),
      behaviour(6, 'the same on tmpfs', /gives .* on tmpfs/),
      behaviour(1, 'the mode on the default medium', /on the default medium may/),
      behaviour(1, 'the mode on tmpfs', /on tmpfs may/),
      behaviour(1, 'shared by containers', /shared/),
      behaviour(1, 'no conflict with other kinds', /conflict/),
      behaviour(1, '50 volumes of ConfigMaps do not race', /race/),
    ],
  },
  {
    title: 'storage: subPath',
    behaviours: [
      behaviour(1, 'of a ConfigMap', /a ConfigMap volume/),
      behaviour(1, 'of a Secret', /a Secret volume/),
      behaviour(1, 'of the downward API', /downward API/),
      behaviour(1, 'of a projected volume', /a projected volume/),
      behaviour(1, 'over a file of the image', /over one of the image/),
    ],
  },
];

const others: readonly Line[] = [
  { title: 'auth: kube-root-ca.crt', behaviours: [behaviour(1, 'in every namespace, repaired', /anew|put right/i)] },
  {
    title: 'auth: certificate signing requests',
    behaviours: [behaviour(1, 'all verbs', /^are created, read/), behaviour(0, '/approval and /status', /\/approval/)],
  },
  {
    title: 'auth: service accounts',
    behaviours: [
      behaviour(1, 'lifecycle with watch', /^are created, watched/),
      behaviour(1, 'update', /^are updated/),
      behaviour(1, 'token and TokenReview', /TokenReview/),
    ],
  },
  {
    title: 'auth: access reviews',
    behaviours: [behaviour(1, 'agree with impersonated calls', /impersonated/)],
  },
  {
    title: 'auth: service accounts in pods',
    behaviours: [
      behaviour(1, 'token, CA and namespace are mounted', /^have a token/),
      behaviour(1, 'automount: pod by service account', /automount/),
      behaviour(1, 'a projected token', /projected/),
      behaviour(1, 'OpenID Connect discovery from a pod', /OpenID/),
    ],
  },
  {
    title: 'kubectl: without containers',
    behaviours: [
      behaviour(1, 'api-versions', /^api-versions/),
      behaviour(1, 'cluster-info', /^cluster-info/),
      behaviour(1, 'version', /^version/),
      behaviour(1, 'diff of a Deployment', /^diff/),
      behaviour(1, 'run --restart=Never', /^run/),
      behaviour(1, 'replace -f of an image', /^replace/),
      behaviour(1, 'a server-side dry run leaves the object alone', /dry run/),
      behaviour(1, 'proxy --port 0', /--port=0/),
      behaviour(1, 'proxy --unix-socket', /--unix-socket/),
    ],
  },
  {
    title: 'kubectl: with containers',
    behaviours: [
      behaviour(1, 'describe: pod, ReplicationController, service, node, namespace', /^describe/),
      behaviour(1, 'label and unlabel', /^label/),
      behaviour(1, 'patch: annotations of pods', /annotations/),
      behaviour(1, 'expose a ReplicationController and a service', /^expose/),
      behaviour(1, 'a ReplicationController is made and stopped', /^create/),
      behaviour(1, 'a ReplicationController is scaled', /^scale/),
      behaviour(1, 'logs: tail, limit of bytes, time stamps, since', /^logs/),
      behaviour(1, 'a guestbook works and is stopped', /guestbook/),
    ],
  },
  {
    title: 'network: kubernetes.default',
    behaviours: [
      behaviour(1, 'found when the services of all namespaces are listed', /all namespaces/i),
      behaviour(2, 'its Endpoints and EndpointSlice lead to every API server', /endpoints/i),
    ],
  },
  {
    title: 'network: Endpoints and EndpointSlices',
    behaviours: [
      behaviour(1, 'for pods that match', /match/i),
      behaviour(1, 'for a selector that matches none', /none|no pod|empty/i),
      behaviour(1, 'hand-made Endpoints are mirrored', /mirror/i),
      behaviour(1, 'life of Endpoints', /life|endpoints object|hand-made|verbs/i),
      behaviour(4, 'one port and several, changed and removed', /port/i),
      behaviour(1, 'soon enough for 100 services', /100|soon|many/i),
    ],
  },
  {
    title: 'network: DNS',
    behaviours: [
      behaviour(1, 'the names of the cluster', /API is found/),
      behaviour(2, 'services and headless ones: A and SRV records', /SRV/),
      behaviour(1, 'partial names', /partial/),
      behaviour(1, 'hostname and subdomain of pods', /hostname/),
      behaviour(1, 'ExternalName, and its change', /ExternalName/),
      behaviour(1, 'dnsConfig with the policy None', /dnsConfig/),
      behaviour(1, 'entries of /etc/hosts', /hosts file/),
    ],
  },
  {
    title: 'network: pods',
    behaviours: [
      behaviour(1, 'pod to pod over HTTP, on one node and between nodes', /^reach .* HTTP/),
      behaviour(1, 'pod to pod over UDP', /^reach .* UDP/),
      behaviour(1, 'node to pod over HTTP', /^are reached .* HTTP/),
      behaviour(1, 'node to pod over UDP', /^are reached .* UDP/),
    ],
  },
  {
    title: 'network: Services reached',
    behaviours: [
      behaviour(1, 'ClusterIP and NodePort', /by pods and at the node port/),
      behaviour(2, 'ExternalName becomes ClusterIP, NodePort', /from ExternalName to/),
      behaviour(2, 'ClusterIP, NodePort become ExternalName: addresses and ports are free again', /to ExternalName$/),
      behaviour(2, 'affinity of clients, at both', /affinity of clients/),
      behaviour(2, 'affinity that is switched, at both', /affinity that is switched/),
      behaviour(1, 'TCP and UDP at one port', /TCP and by UDP/),
      behaviour(2, 'several EndpointSlices of a service without a selector', /several slices/),
    ],
  },
  {
    title: 'network: proxies of the API server',
    behaviours: [
      behaviour(1, 'to a pod and a service, by paths and named ports', /paths/),
      behaviour(2, 'all HTTP methods, answers and redirects, with and without a path', /method/),
    ],
  },
  { title: 'network: hostPort', behaviours: [behaviour(1, 'no conflict across addresses and protocols', /./)] },
  {
    title: 'node: NoExecute taints',
    behaviours: [
      behaviour(1, 'eviction after tolerationSeconds', /seconds|after/i),
      behaviour(1, 'no eviction when the taint goes', /goes|cancel|removed/i),
    ],
  },
  {
    title: 'node: in-place resize',
    behaviours: [
      behaviour(2, 'a guaranteed pod, by patch and by replace', /guaranteed/),
      behaviour(2, 'a burstable pod, by patch and by replace', /burstable/),
      behaviour(2, 'several containers, by patch and by replace', /several/),
    ],
  },
  {
    title: 'node: RuntimeClass',
    behaviours: [
      behaviour(1, 'all verbs', /verb/i),
      behaviour(1, 'a pod of an unknown class is refused', /nobody has made/i),
      behaviour(1, 'a pod of a deleted class is refused', /was deleted/i),
      behaviour(1, 'a pod of a class without overhead', /without an overhead/i),
      behaviour(1, 'a pod of a class with overhead', /sets the overhead/i),
    ],
  },
  {
    title: 'scheduling: LimitRange',
    behaviours: [
      behaviour(1, 'defaults are set and limits enforced', /minimum|defaults of/i),
      behaviour(1, 'list, patch and deletion of a collection', /collection/i),
    ],
  },
  {
    title: 'scheduling: predicates',
    behaviours: [
      behaviour(1, 'resources that do not fit', /resource|cpu/i),
      behaviour(1, 'a node selector that matches no node', /matches no/i),
      behaviour(1, 'a node selector that matches', /only on|selects/i),
      behaviour(1, 'conflict of host ports with 0.0.0.0', /0\.0\.0\.0/),
    ],
  },
  {
    title: 'scheduling: preemption',
    behaviours: [
      behaviour(1, 'of a less important pod', /less important/i),
      behaviour(1, 'by a critical pod', /critical/i),
      behaviour(1, 'of pods of several priorities', /several priorities|lowest/i),
      behaviour(1, 'the condition DisruptionTarget', /disruptiontarget/i),
      behaviour(1, 'PriorityClass: all verbs, an immutable value', /priorityclass/i),
    ],
  },
  {
    title: 'storage: PersistentVolumeClaim',
    behaviours: [
      behaviour(1, 'life of a claim and its volume with all verbs', /life|verb/i),
      behaviour(1, 'the status of both', /status/i),
      behaviour(0, 'kept while a pod uses it', /kept/i),
      behaviour(0, 'WaitForFirstConsumer', /waits/i),
      behaviour(0, 'ephemeral volumes', /template/i),
    ],
  },
];

export const lines: readonly Line[] = [
  ...apps,
  ...appsWithContainers,
  ...apiMachinery,
  ...node,
  nodeKinds,
  ...others,
  networkKinds,
  ...storage,
  storageKinds,
  events,
  architecture,
];
