// What kube-apiserver 1.35 serves when nothing is switched on or off: facts from its discovery.
// A line: resource, kind, `ns` (in namespaces) or `cl`, short names, categories, and verbs when they are not all eight.
// A subresource: its path, kind, verbs.

const read = 'get,list';
const part = 'get,patch,update';
const proxied = 'create,delete,get,patch,update';

export const kubernetesVersion = '1.35';

export const everyVerb = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** By group and version. */
export const kubernetesApi = {
  v1: `
    bindings Binding ns - - create
    componentstatuses ComponentStatus cl cs - ${read}
    configmaps ConfigMap ns cm -
    endpoints Endpoints ns ep -
    events Event ns ev -
    limitranges LimitRange ns limits -
    namespaces Namespace cl ns - create,delete,get,list,patch,update,watch
    namespaces/finalize Namespace update
    namespaces/status Namespace ${part}
    nodes Node cl no -
    nodes/proxy NodeProxyOptions ${proxied}
    nodes/status Node ${part}
    persistentvolumeclaims PersistentVolumeClaim ns pvc -
    persistentvolumeclaims/status PersistentVolumeClaim ${part}
    persistentvolumes PersistentVolume cl pv -
    persistentvolumes/status PersistentVolume ${part}
    pods Pod ns po all
    pods/attach PodAttachOptions create,get
    pods/binding Binding create
    pods/ephemeralcontainers Pod ${part}
    pods/eviction Eviction create
    pods/exec PodExecOptions create,get
    pods/log Pod get
    pods/portforward PodPortForwardOptions create,get
    pods/proxy PodProxyOptions ${proxied}
    pods/resize Pod ${part}
    pods/status Pod ${part}
    podtemplates PodTemplate ns - -
    replicationcontrollers ReplicationController ns rc all
    replicationcontrollers/scale Scale ${part}
    replicationcontrollers/status ReplicationController ${part}
    resourcequotas ResourceQuota ns quota -
    resourcequotas/status ResourceQuota ${part}
    secrets Secret ns - -
    serviceaccounts ServiceAccount ns sa -
    serviceaccounts/token TokenRequest create
    services Service ns svc all
    services/proxy ServiceProxyOptions ${proxied}
    services/status Service ${part}`,
  'admissionregistration.k8s.io/v1': `
    mutatingwebhookconfigurations MutatingWebhookConfiguration cl - api-extensions
    validatingadmissionpolicies ValidatingAdmissionPolicy cl - api-extensions
    validatingadmissionpolicies/status ValidatingAdmissionPolicy ${part}
    validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding cl - api-extensions
    validatingwebhookconfigurations ValidatingWebhookConfiguration cl - api-extensions`,
  'apiextensions.k8s.io/v1': `
    customresourcedefinitions CustomResourceDefinition cl crd,crds api-extensions
    customresourcedefinitions/status CustomResourceDefinition ${part}`,
  'apiregistration.k8s.io/v1': `
    apiservices APIService cl - api-extensions
    apiservices/status APIService ${part}`,
  'apps/v1': `
    controllerrevisions ControllerRevision ns - -
    daemonsets DaemonSet ns ds all
    daemonsets/status DaemonSet ${part}
    deployments Deployment ns deploy all
    deployments/scale Scale ${part}
    deployments/status Deployment ${part}
    replicasets ReplicaSet ns rs all
    replicasets/scale Scale ${part}
    replicasets/status ReplicaSet ${part}
    statefulsets StatefulSet ns sts all
    statefulsets/scale Scale ${part}
    statefulsets/status StatefulSet ${part}`,
  'authentication.k8s.io/v1': `
    selfsubjectreviews SelfSubjectReview cl - - create
    tokenreviews TokenReview cl - - create`,
  'authorization.k8s.io/v1': `
    localsubjectaccessreviews LocalSubjectAccessReview ns - - create
    selfsubjectaccessreviews SelfSubjectAccessReview cl - - create
    selfsubjectrulesreviews SelfSubjectRulesReview cl - - create
    subjectaccessreviews SubjectAccessReview cl - - create`,
  'autoscaling/v1': `
    horizontalpodautoscalers HorizontalPodAutoscaler ns hpa all
    horizontalpodautoscalers/status HorizontalPodAutoscaler ${part}`,
  'autoscaling/v2': `
    horizontalpodautoscalers HorizontalPodAutoscaler ns hpa all
    horizontalpodautoscalers/status HorizontalPodAutoscaler ${part}`,
  'batch/v1': `
    cronjobs CronJob ns cj all
    cronjobs/status CronJob ${part}
    jobs Job ns - all
    jobs/status Job ${part}`,
  'certificates.k8s.io/v1': `
    certificatesigningrequests CertificateSigningRequest cl csr -
    certificatesigningrequests/approval CertificateSigningRequest ${part}
    certificatesigningrequests/status CertificateSigningRequest ${part}`,
  'coordination.k8s.io/v1': 'leases Lease ns - -',
  'discovery.k8s.io/v1': 'endpointslices EndpointSlice ns - -',
  'events.k8s.io/v1': 'events Event ns ev -',
  'flowcontrol.apiserver.k8s.io/v1': `
    flowschemas FlowSchema cl - -
    flowschemas/status FlowSchema ${part}
    prioritylevelconfigurations PriorityLevelConfiguration cl - -
    prioritylevelconfigurations/status PriorityLevelConfiguration ${part}`,
  'networking.k8s.io/v1': `
    ingressclasses IngressClass cl - -
    ingresses Ingress ns ing -
    ingresses/status Ingress ${part}
    ipaddresses IPAddress cl ip -
    networkpolicies NetworkPolicy ns netpol -
    servicecidrs ServiceCIDR cl - -
    servicecidrs/status ServiceCIDR ${part}`,
  'node.k8s.io/v1': 'runtimeclasses RuntimeClass cl - -',
  'policy/v1': `
    poddisruptionbudgets PodDisruptionBudget ns pdb -
    poddisruptionbudgets/status PodDisruptionBudget ${part}`,
  'rbac.authorization.k8s.io/v1': `
    clusterrolebindings ClusterRoleBinding cl - -
    clusterroles ClusterRole cl - -
    rolebindings RoleBinding ns - -
    roles Role ns - -`,
  'resource.k8s.io/v1': `
    deviceclasses DeviceClass cl - -
    resourceclaims ResourceClaim ns - -
    resourceclaims/status ResourceClaim ${part}
    resourceclaimtemplates ResourceClaimTemplate ns - -
    resourceslices ResourceSlice cl - -`,
  'scheduling.k8s.io/v1': 'priorityclasses PriorityClass cl pc -',
  'storage.k8s.io/v1': `
    csidrivers CSIDriver cl - -
    csinodes CSINode cl - -
    csistoragecapacities CSIStorageCapacity ns - -
    storageclasses StorageClass cl sc -
    volumeattachments VolumeAttachment cl - -
    volumeattachments/status VolumeAttachment ${part}
    volumeattributesclasses VolumeAttributesClass cl vac -`,
  // Served by metrics-server, beside the API server.
  'metrics.k8s.io/v1beta1': `
    nodes NodeMetrics cl - - ${read}
    pods PodMetrics ns - - ${read}`,
};

/** Versions that kube-apiserver has too, and serves only when they are switched on. */
export const offByDefault = [
  'admissionregistration.k8s.io/v1beta1',
  'admissionregistration.k8s.io/v1alpha1',
  'certificates.k8s.io/v1beta1',
  'certificates.k8s.io/v1alpha1',
  'coordination.k8s.io/v1beta1',
  'coordination.k8s.io/v1alpha2',
  'internal.apiserver.k8s.io/v1alpha1',
  'networking.k8s.io/v1beta1',
  'resource.k8s.io/v1beta2',
  'resource.k8s.io/v1beta1',
  'resource.k8s.io/v1alpha3',
  'scheduling.k8s.io/v1alpha1',
  'storage.k8s.io/v1beta1',
  'storagemigration.k8s.io/v1beta1',
];

/** Paths that are no resources. */
export const otherPaths = [
  '/.well-known/openid-configuration',
  '/api',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
  '/debug/pprof/',
  '/debug/flags/v',
  '/logs/',
  '/metrics/slis',
];
