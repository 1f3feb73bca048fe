/** Pods: what is asked of them, and how they are. */
import type { ConfinementProfile, Container, EphemeralContainer, ResourceRequirements } from './containers.ts';
import { defineResource, type Condition, type KubeObject, type ObjectMeta, type ResourceType } from './meta.ts';
import type { Quantities } from './quantity.ts';

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

export const pods: ResourceType<Pod> = defineResource({
  group: '',
  version: 'v1',
  resource: 'pods',
  kind: 'Pod',
  namespaced: true,
});
