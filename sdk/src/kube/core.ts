/** core/v1 kinds, the parts that Timonel's own plugins use. Fields that no plugin reads pass through untouched. */
import { defineResource, type Condition, type KubeObject, type ObjectMeta, type ResourceType } from './meta.ts';

export type Quantities = Record<string, string>;

export interface ContainerPort {
  name?: string;
  containerPort: number;
  hostPort?: number;
  hostIP?: string;
  protocol?: string;
}

export interface EnvVarSource {
  fieldRef?: { apiVersion?: string; fieldPath: string };
  resourceFieldRef?: { containerName?: string; resource: string; divisor?: string };
  configMapKeyRef?: { name?: string; key: string; optional?: boolean };
  secretKeyRef?: { name?: string; key: string; optional?: boolean };
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: EnvVarSource;
}

export interface EnvFromSource {
  prefix?: string;
  configMapRef?: { name?: string; optional?: boolean };
  secretRef?: { name?: string; optional?: boolean };
}

export interface VolumeMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
  /** `Disabled` (default), `IfPossible`, `Enabled`. */
  recursiveReadOnly?: string;
  subPath?: string;
  subPathExpr?: string;
  mountPropagation?: string;
}

export interface Probe {
  exec?: { command?: string[] };
  httpGet?: {
    path?: string;
    port: number | string;
    host?: string;
    scheme?: string;
    httpHeaders?: { name: string; value: string }[];
  };
  tcpSocket?: { port: number | string; host?: string };
  grpc?: { port: number; service?: string };
  initialDelaySeconds?: number;
  timeoutSeconds?: number;
  periodSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
  terminationGracePeriodSeconds?: number;
}

/** `RuntimeDefault`, `Unconfined`, `Localhost`. Of system calls, and of AppArmor. */
export interface ConfinementProfile {
  type?: string;
  /** With Localhost. */
  localhostProfile?: string;
}

export interface SecurityContext {
  privileged?: boolean;
  runAsUser?: number;
  runAsGroup?: number;
  runAsNonRoot?: boolean;
  readOnlyRootFilesystem?: boolean;
  allowPrivilegeEscalation?: boolean;
  capabilities?: { add?: string[]; drop?: string[] };
  seccompProfile?: ConfinementProfile;
  appArmorProfile?: ConfinementProfile;
  /** `Default`, `Unmasked`. */
  procMount?: string;
  windowsOptions?: { hostProcess?: boolean };
}

export interface PodSecurityContext {
  runAsUser?: number;
  runAsGroup?: number;
  runAsNonRoot?: boolean;
  supplementalGroups?: number[];
  /** `Merge` (default), `Strict`. */
  supplementalGroupsPolicy?: string;
  fsGroup?: number;
  /** `Always` (default), `OnRootMismatch`. */
  fsGroupChangePolicy?: string;
  sysctls?: { name: string; value: string }[];
  seccompProfile?: ConfinementProfile;
  appArmorProfile?: ConfinementProfile;
  windowsOptions?: { hostProcess?: boolean };
}

export interface ResourceRequirements {
  limits?: Quantities;
  requests?: Quantities;
}

/** Whether a change of cpu or memory needs a new start of the container. */
export interface ContainerResizePolicy {
  /** `cpu`, `memory`. */
  resourceName: string;
  /** `NotRequired`, `RestartContainer`. */
  restartPolicy: string;
}

export interface ContainerRestartRule {
  /** `Restart`. */
  action: string;
  /** Operator `In` or `NotIn`. */
  exitCodes?: { operator: string; values?: number[] };
}

export interface Container {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  ports?: ContainerPort[];
  env?: EnvVar[];
  envFrom?: EnvFromSource[];
  resources?: ResourceRequirements;
  resizePolicy?: ContainerResizePolicy[];
  volumeMounts?: VolumeMount[];
  volumeDevices?: { name: string; devicePath: string }[];
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
  lifecycle?: Record<string, unknown>;
  terminationMessagePath?: string;
  terminationMessagePolicy?: string;
  imagePullPolicy?: string;
  securityContext?: SecurityContext;
  restartPolicy?: string;
  /** The first whose exit codes fit goes before `restartPolicy`. */
  restartPolicyRules?: ContainerRestartRule[];
  stdin?: boolean;
  stdinOnce?: boolean;
  tty?: boolean;
}

/** A container that is added to a running pod for a look into it, and never restarted. */
export interface EphemeralContainer extends Container {
  /** Name of the container whose processes it sees. */
  targetContainerName?: string;
}

/** A volume: its name and exactly one source under the source's own key. */
export interface Volume {
  name: string;
  [source: string]: unknown;
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
}

export interface NodeSelectorTerm {
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
  matchFields?: { key: string; operator: string; values?: string[] }[];
}

export interface Affinity {
  nodeAffinity?: {
    requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeSelectorTerm[] };
    preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; preference: NodeSelectorTerm }[];
  };
  podAffinity?: Record<string, unknown>;
  podAntiAffinity?: Record<string, unknown>;
}

export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  ephemeralContainers?: EphemeralContainer[];
  volumes?: Volume[];
  restartPolicy?: string;
  terminationGracePeriodSeconds?: number;
  activeDeadlineSeconds?: number;
  dnsPolicy?: string;
  nodeSelector?: Record<string, string>;
  serviceAccountName?: string;
  nodeName?: string;
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  shareProcessNamespace?: boolean;
  securityContext?: PodSecurityContext;
  /** False: a user namespace of its own. */
  hostUsers?: boolean;
  imagePullSecrets?: { name?: string }[];
  os?: { name?: string };
  hostname?: string;
  subdomain?: string;
  affinity?: Affinity;
  schedulerName?: string;
  tolerations?: Toleration[];
  priority?: number;
  priorityClassName?: string;
  runtimeClassName?: string;
  enableServiceLinks?: boolean;
  overhead?: Quantities;
  schedulingGates?: { name: string }[];
  readinessGates?: { conditionType: string }[];
  [field: string]: unknown;
}

export interface ContainerStateWaiting {
  reason?: string;
  message?: string;
}

export interface ContainerStateRunning {
  startedAt?: string;
}

export interface ContainerStateTerminated {
  exitCode: number;
  signal?: number;
  reason?: string;
  message?: string;
  startedAt?: string;
  finishedAt?: string;
  containerID?: string;
}

export interface ContainerStateStatus {
  waiting?: ContainerStateWaiting;
  running?: ContainerStateRunning;
  terminated?: ContainerStateTerminated;
}

export interface VolumeMountStatus {
  name: string;
  mountPath: string;
  readOnly?: boolean;
  /** `Disabled`, `Enabled`; of mounts that are read only. */
  recursiveReadOnly?: string;
}

export interface LinuxUser {
  uid: number;
  gid: number;
  supplementalGroups?: number[];
}

export interface PodContainerStatus {
  name: string;
  state: ContainerStateStatus;
  lastState: ContainerStateStatus;
  ready: boolean;
  started?: boolean;
  restartCount: number;
  image: string;
  imageID: string;
  containerID?: string;
  /** Requests that the node granted. */
  allocatedResources?: Quantities;
  /** In force. */
  resources?: ResourceRequirements;
  volumeMounts?: VolumeMountStatus[];
  /** Who its first process ran as at first. */
  user?: { linux?: LinuxUser };
  /** That ends it, where the pod names one. */
  stopSignal?: string;
}

export interface PodStatus {
  phase?: string;
  conditions?: Condition[];
  message?: string;
  reason?: string;
  hostIP?: string;
  hostIPs?: { ip: string }[];
  podIP?: string;
  podIPs?: { ip: string }[];
  startTime?: string;
  nominatedNodeName?: string;
  observedGeneration?: number;
  initContainerStatuses?: PodContainerStatus[];
  containerStatuses?: PodContainerStatus[];
  ephemeralContainerStatuses?: PodContainerStatus[];
  qosClass?: string;
}

export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: PodStatus;
}

export interface PodTemplateSpec {
  metadata?: ObjectMeta;
  spec: PodSpec;
}

/** The body of `pods/binding`. */
export interface Binding extends KubeObject {
  target: { apiVersion?: string; kind?: string; name: string };
}

export interface Taint {
  key: string;
  value?: string;
  effect: string;
  timeAdded?: string;
}

export interface Node extends KubeObject {
  spec: { podCIDR?: string; podCIDRs?: string[]; providerID?: string; unschedulable?: boolean; taints?: Taint[] };
  status?: {
    capacity?: Quantities;
    allocatable?: Quantities;
    conditions?: Condition[];
    addresses?: { type: string; address: string }[];
    nodeInfo?: Record<string, unknown>;
    images?: { names: string[]; sizeBytes: number }[];
    daemonEndpoints?: { kubeletEndpoint?: { Port: number } };
    runtimeHandlers?: {
      name?: string;
      features?: { recursiveReadOnlyMounts?: boolean; userNamespaces?: boolean };
    }[];
    features?: { supplementalGroupsPolicy?: boolean };
    /** Volumes that are not to be detached from the node, and those that are attached to it. */
    volumesInUse?: string[];
    volumesAttached?: { name: string; devicePath: string }[];
  };
}

export interface ServicePort {
  name?: string;
  protocol?: string;
  appProtocol?: string;
  port: number;
  targetPort?: number | string;
  nodePort?: number;
}

export interface LoadBalancerIngress {
  ip?: string;
  hostname?: string;
  /** `VIP`: packets arrive with it as their destination. */
  ipMode?: string;
}

export interface Service extends KubeObject {
  spec: {
    type?: string;
    selector?: Record<string, string>;
    ports?: ServicePort[];
    clusterIP?: string;
    clusterIPs?: string[];
    ipFamilies?: string[];
    ipFamilyPolicy?: string;
    externalIPs?: string[];
    externalName?: string;
    sessionAffinity?: string;
    sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } };
    externalTrafficPolicy?: string;
    healthCheckNodePort?: number;
    internalTrafficPolicy?: string;
    publishNotReadyAddresses?: boolean;
    /** `PreferSameZone` (alias `PreferClose`), `PreferSameNode`. */
    trafficDistribution?: string;
    /** A wished address. */
    loadBalancerIP?: string;
    loadBalancerClass?: string;
    loadBalancerSourceRanges?: string[];
    [field: string]: unknown;
  };
  status?: { loadBalancer?: { ingress?: LoadBalancerIngress[] }; conditions?: Condition[] };
}

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
  immutable?: boolean;
}

export interface Secret extends KubeObject {
  type?: string;
  /** Base64. */
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  immutable?: boolean;
}

export interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: string; conditions?: Condition[] };
}

export interface ServiceAccount extends KubeObject {
  secrets?: { name?: string }[];
  imagePullSecrets?: { name?: string }[];
  automountServiceAccountToken?: boolean;
}

export interface ObjectReference {
  apiVersion?: string;
  kind?: string;
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  fieldPath?: string;
}

/** core/v1 Event. */
export interface CoreEvent extends KubeObject {
  involvedObject: ObjectReference;
  reason?: string;
  message?: string;
  source?: { component?: string; host?: string };
  firstTimestamp?: string;
  lastTimestamp?: string;
  eventTime?: string | null;
  count?: number;
  type?: string;
  reportingComponent?: string;
  reportingInstance?: string;
}

const v1 = { group: '', version: 'v1' } as const;
export const pods: ResourceType<Pod> = defineResource({ ...v1, resource: 'pods', kind: 'Pod', namespaced: true });
export const nodes: ResourceType<Node> = defineResource({ ...v1, resource: 'nodes', kind: 'Node', namespaced: false });
export const services: ResourceType<Service> = defineResource({
  ...v1,
  resource: 'services',
  kind: 'Service',
  namespaced: true,
});
export const configMaps: ResourceType<ConfigMap> = defineResource({
  ...v1,
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});
export const secrets: ResourceType<Secret> = defineResource({
  ...v1,
  resource: 'secrets',
  kind: 'Secret',
  namespaced: true,
});
export const namespaces: ResourceType<Namespace> = defineResource({
  ...v1,
  resource: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
});
export const serviceAccounts: ResourceType<ServiceAccount> = defineResource({
  ...v1,
  resource: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
});
export const coreEvents: ResourceType<CoreEvent> = defineResource({
  ...v1,
  resource: 'events',
  kind: 'Event',
  namespaced: true,
});
