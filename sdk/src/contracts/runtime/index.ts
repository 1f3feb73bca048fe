/**
 * The container runtime, in the spirit of the Kubernetes CRI (k8s.io/cri-api v1): sandboxes (what the containers of a pod
 * share) and containers. Containers outlive the plugin: a restarted runtime finds and re-adopts what runs.
 * Every operation is idempotent unless said otherwise. Several runtimes may be present; a RuntimeClass handler names one.
 */
import type { Duplex } from 'node:stream';
import { defineService, type ServiceToken } from '../../kernel/index.ts';

export { dialLocalhost } from './dial-localhost.ts';
export { stopSignalNumber } from './stop-signal.ts';
export { updatedResources } from './updated-resources.ts';

export interface SandboxConfig {
  /** Unique for each attempt: pod uid and attempt. Chosen by the caller; DNS label characters. */
  readonly id: string;
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  /** Name in the uts namespace. */
  readonly hostname: string;
  /** Share the node's network namespace in place of an own one. */
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  /** Containers of the pod see each other's processes. */
  readonly shareProcessNamespace: boolean;
  /** Where the logs of its containers go: `<logDirectory>/<container>/<attempt>.log`. Absolute. */
  readonly logDirectory: string;
  readonly sysctls: Readonly<Record<string, string>>;
  /** Limits of the pod as a whole; absent: no limit. */
  readonly resources: LinuxResources;
  /** Limit of all pods of the runtime together, by the newest of them. Absent: none. Runtimes without control groups of their own leave it. */
  readonly together?: Pick<LinuxResources, 'memoryLimitBytes'>;
  readonly qosClass: 'Guaranteed' | 'Burstable' | 'BestEffort';
  /** An own user namespace for the pod (`hostUsers: false`). Absent: the node's. Not with hostNetwork, hostPid or hostIpc. */
  readonly userNamespace?: UserNamespace;
  readonly labels: Readonly<Record<string, string>>;
}

/** Ids 0 … length - 1 of the pod are ids first … first + length - 1 of the node. Volumes are mounted with the same mapping. */
export interface UserNamespace {
  readonly firstUid: number;
  readonly firstGid: number;
  readonly length: number;
}

export type SandboxState = 'ready' | 'notready';

export interface SandboxStatus {
  readonly id: string;
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly state: SandboxState;
  /** ms since the epoch. */
  readonly createdAt: number;
  /** Path of the network namespace, for the network plugin. Undefined with hostNetwork or where there is none. */
  readonly networkNamespace: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** The limits in force, also after `updateSandbox`. Absent: this runtime enforces none. */
  readonly resources?: LinuxResources;
}

export interface LinuxResources {
  readonly memoryLimitBytes?: number;
  /** CFS quota in thousandths of a cpu. */
  readonly cpuLimitMillis?: number;
  /** From the cpu request. */
  readonly cpuShares?: number;
  readonly pidsLimit?: number;
  /** -1000 … 1000. */
  readonly oomScoreAdj?: number;
  /** Memory that is not reclaimed, and where throttling begins: cgroup v2 (`memory.min`, `memory.high`); v1 takes the first as soft limit. */
  readonly memoryMinBytes?: number;
  readonly memoryHighBytes?: number;
  /** Swap beside the memory; 0: none. Where the kernel accounts for swap. */
  readonly swapLimitBytes?: number;
  /** Bytes by page size, as Kubernetes names them: `{ '2Mi': 4194304 }`. */
  readonly hugePageLimits?: Readonly<Record<string, number>>;
  /** Lists as the kernel takes them: `0-3,7`. */
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
}

/** What `updateContainer` and `updateSandbox` change: what is absent stays; a limit of -1 is taken away. */
export type ResourceUpdate = Pick<
  LinuxResources,
  | 'memoryLimitBytes'
  | 'cpuLimitMillis'
  | 'cpuShares'
  | 'pidsLimit'
  | 'memoryMinBytes'
  | 'memoryHighBytes'
  | 'swapLimitBytes'
>;

export interface Mount {
  /** Absolute path on the node. A directory or a file. */
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  readonly propagation: 'private' | 'rslave' | 'rshared';
  /** With readOnly: mounts beneath it too. Absent: true. */
  readonly recursiveReadOnly?: boolean;
}

/** A device node of the host, shown in the container and allowed by its cgroup. */
export interface Device {
  readonly hostPath: string;
  readonly containerPath: string;
  /** Of `rwm`: read, write, mknod. */
  readonly permissions: string;
}

/** setrlimit(2): `nofile`, `nproc`, `core`, … without RLIMIT_. */
export interface ResourceLimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

export interface ContainerConfig {
  /** Unique; chosen by the caller. */
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  /** Number of this try, from 0. Names the log file. */
  readonly attempt: number;
  /** A resolved image of the image service. */
  readonly image: RootFilesystem;
  readonly command: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly workingDir: string;
  /** Numeric, or names that are looked up in the image's /etc/passwd and /etc/group: `uid[:gid]`. Empty: root. */
  readonly user: string;
  readonly supplementalGroups: readonly number[];
  /** Merge: and the groups of the user in the image's /etc/group. Absent: Merge. */
  readonly supplementalGroupsPolicy?: 'Merge' | 'Strict';
  readonly mounts: readonly Mount[];
  readonly devices?: readonly Device[];
  readonly resourceLimits?: readonly ResourceLimit[];
  readonly resources: LinuxResources;
  readonly security: SecuritySettings;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** See the processes of this running container of the same sandbox, and be seen by them. Absent: as the sandbox says. */
  readonly processesOf?: string;
  /** Path in the container whose content becomes the termination message (at most 4096 bytes are kept). Empty: none. */
  readonly terminationMessagePath: string;
  /** What `stopContainer` sends first, as an image names it: `SIGQUIT`, `QUIT`, `SIGRTMIN+3`, `3`. Absent or not a signal: SIGTERM. */
  readonly stopSignal?: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SecuritySettings {
  readonly privileged: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly noNewPrivileges: boolean;
  /** Names without CAP_, added to and dropped from the default set; `ALL` is allowed. */
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  /** System calls. Absent: RuntimeDefault, and Unconfined when privileged. */
  readonly seccomp?: SeccompProfile;
  /** Name of an AppArmor profile that is loaded on the node, where the kernel has AppArmor; `unconfined`. Absent: none asked for. */
  readonly appArmor?: string;
  /** Unmasked: /proc as it is. Only in a user namespace. Absent: Default. */
  readonly procMount?: 'Default' | 'Unmasked';
}

/** `path`: absolute, a seccomp profile of the OCI runtime specification (`linux.seccomp`) or of Docker, as JSON. */
export type SeccompProfile =
  | { readonly type: 'RuntimeDefault' }
  | { readonly type: 'Unconfined' }
  | { readonly type: 'Localhost'; readonly path: string };

/** What the image service hands to the runtime. */
export interface RootFilesystem {
  /** Digest of the image configuration: `sha256:…`. */
  readonly imageId: string;
  readonly reference: string;
  /** Unpacked layers, top first, as overlayfs wants lowerdir. Absolute, read-only. */
  readonly layers: readonly string[];
}

export type ContainerState = 'created' | 'running' | 'exited';

export interface ContainerStatus {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: ContainerState;
  readonly imageId: string;
  readonly imageReference: string;
  readonly pid: number | undefined;
  /** ms since the epoch; 0: not yet. */
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** 0–255; 128 + n when signal n ended it. */
  readonly exitCode: number | undefined;
  readonly signal: number | undefined;
  /** As the kubelet names them: `Completed`, `Error`, `OOMKilled`, `ContainerCannotRun`, `StartError`. */
  readonly reason: string;
  readonly message: string;
  readonly logPath: string;
  /** Directory with what it wrote over its image, for measuring. Absolute. Absent: this runtime does not say. */
  readonly writableLayer?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The limits in force, also after `updateContainer`. Absent: this runtime enforces none. */
  readonly resources?: LinuxResources;
}

export interface ContainerStats {
  readonly id: string;
  readonly cpuUsageNanos: number;
  /** Memory in use less inactive file pages, as the kubelet's working set. */
  readonly memoryWorkingSetBytes: number;
  readonly memoryUsageBytes: number;
  readonly pids: number;
}

export interface RuntimeEvent {
  readonly type: 'container-started' | 'container-exited' | 'sandbox-stopped';
  readonly sandboxId: string;
  readonly containerId: string | undefined;
  readonly podUid: string;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
}

/** A process in a running container. Streams are byte streams; `resize` works with a tty only. */
export interface ExecSession {
  readonly stdin: NodeJS.WritableStream | undefined;
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream | undefined;
  resize(columns: number, rows: number): void;
  /** Resolves with the exit code. */
  readonly exited: Promise<number>;
  /** Kills it. */
  kill(): void;
}

export interface AttachOptions {
  /** Write to the container's stdin, when it has one. */
  readonly stdin: boolean;
}

export interface RuntimeInfo {
  readonly name: string;
  readonly version: string;
  /** For example `linux namespaces, cgroup v1`, or `none: plain processes, no isolation`. */
  readonly isolation: string;
  readonly ready: boolean;
  /** Why not. */
  readonly reason: string;
  /** Of this runtime on this node. Absent: no. */
  readonly userNamespaces?: boolean;
  readonly recursiveReadOnlyMounts?: boolean;
  /** False: this node has no control groups to limit cpu, memory and processes with. Absent: it has. */
  readonly enforcesLimits?: boolean;
  /** Strict is heeded: nobody gets groups of the image. */
  readonly supplementalGroupsPolicy?: boolean;
  /** What is mounted may be named as an open file of the caller, `/proc/PID/fd/N`, until the container is created: no link can get in between. */
  readonly mountsOpenFiles?: boolean;
}

export interface ContainerRuntime {
  info(): Promise<RuntimeInfo>;
  /** Makes what the pod's containers share. Fails (not idempotent) when the id exists. */
  runSandbox(config: SandboxConfig): Promise<SandboxStatus>;
  /** Ends all of its containers (SIGKILL) and its namespaces. An unknown id is no error. */
  stopSandbox(id: string): Promise<void>;
  /** Removes all traces, stops first when needed. An unknown id is no error. */
  removeSandbox(id: string): Promise<void>;
  listSandboxes(): Promise<readonly SandboxStatus[]>;
  /** Fails when the id exists. @throws RuntimeError with a reason for the pod's status. */
  createContainer(config: ContainerConfig): Promise<ContainerStatus>;
  /** Resolves when the command was executed (execve succeeded). @throws RuntimeError StartError: not found → exit code 127 or 128. */
  startContainer(id: string): Promise<void>;
  /** The container's stop signal, after `gracePeriodMs` SIGKILL. Resolves when it has exited. Unknown: no error. */
  stopContainer(id: string, gracePeriodMs: number): Promise<void>;
  /** Removes an exited or created container; kills a running one. The log file stays. Unknown: no error. */
  removeContainer(id: string): Promise<void>;
  containerStatus(id: string): Promise<ContainerStatus | undefined>;
  listContainers(): Promise<readonly ContainerStatus[]>;
  stats(): Promise<readonly ContainerStats[]>;
  /**
   * Changes the limits of a container that is there, running or not, in place; they hold at once, and after a restart of the runtime.
   * @throws RuntimeError ResizeError when it is unknown, or the limit cannot be (memory below what is in use): then nothing changed
   */
  updateContainer(id: string, update: ResourceUpdate): Promise<void>;
  /** The same for the pod as a whole. */
  updateSandbox(id: string, update: ResourceUpdate): Promise<void>;
  exec(id: string, options: ExecOptions): Promise<ExecSession>;
  /**
   * Joins the streams of a running container's first process, also after a restart of the runtime: what it writes from now on (no
   * stderr with a tty), and its stdin when the container has one and that is still open. Several may; each input is passed on. Who
   * reads more slowly than the container writes, beyond 1 MiB or so, sets its pace, for as long as he goes on reading: the wait begins anew
   * whenever he takes something. Who takes nothing for 5 s is dropped, with a line that says so. Once the container has ended, its log gets all it wrote,
   * whoever is behind. Input that ends closes the container's stdin with `stdinOnce` (and no tty) only. `exited`: the exit code of the container; after `kill`,
   * which only leaves, 0, and 1 for who was dropped. @throws RuntimeError AttachError
   */
  attach(id: string, options: AttachOptions): Promise<ExecSession>;
  /**
   * A TCP connection to `localhost` (127.0.0.1, else ::1) as the containers of a ready sandbox see it. It is closed with the sandbox.
   * @throws RuntimeError DialError when nothing listens there
   */
  dial(sandboxId: string, port: number): Promise<Duplex>;
  /** Calls back for every event from now on, until the returned function is called. A hint to look, never the only source. */
  onEvent(listener: (event: RuntimeEvent) => void): () => void;
}

/** Token of the runtimes. `many`: each provider's plugin name without `runtime-` is its handler name. */
export const containerRuntime: ServiceToken<ContainerRuntime, 'many'> = defineService<ContainerRuntime, 'many'>(
  'runtime',
  { major: 1, cardinality: 'many', sync: ['onEvent'] },
);

/** @throws RuntimeError DialError when it is not the number of a TCP port. */
export function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return;
  throw new RuntimeError('DialError', `${port} is not a port: give a whole number from 1 to 65535`);
}

/** A failed runtime operation that belongs into a pod's status. Recognise it by `name` and `reason`. */
export class RuntimeError extends Error {
  override readonly name: string = 'RuntimeError';
  /** As the kubelet words it: `CreateContainerError`, `StartError`, `ContainerCannotRun`, `CreateContainerConfigError`, `FailedCreatePodSandBox`. */
  readonly reason: string;
  /** With StartError: 126 not executable, 127 command not found, 128 other. */
  readonly exitCode: number | undefined;

  constructor(reason: string, message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.exitCode = options.exitCode;
  }
}
