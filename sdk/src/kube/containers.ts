/** What core/v1 says of the containers of a pod. */
import type { Quantities } from './quantity.ts';

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
