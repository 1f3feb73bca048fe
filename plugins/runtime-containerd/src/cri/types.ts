/** What is read of containerd's answers. Times in nanoseconds since the epoch, as numbers. */

export const sandboxReady = 0;
export const containerStates = { created: 0, running: 1, exited: 2, unknown: 3 } as const;

type Texts = Readonly<Record<string, string>>;

export interface CriSandbox {
  readonly id: string;
  readonly state: number;
  readonly createdAt: number;
  readonly annotations: Texts;
}

export interface CriContainer {
  readonly id: string;
  readonly podSandboxId: string;
  readonly state: number;
  readonly annotations: Texts;
}

export interface CriContainerStatus {
  readonly id: string;
  readonly state: number;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly annotations: Texts;
  readonly logPath: string;
}

export interface CriStats {
  readonly attributes: { readonly id: string; readonly annotations: Texts } | null;
  readonly cpu: { readonly usageCoreNanoSeconds: { readonly value: number } | null } | null;
  readonly memory: {
    readonly workingSetBytes: { readonly value: number } | null;
    readonly usageBytes: { readonly value: number } | null;
  } | null;
}

export interface CriStatus {
  readonly status: {
    readonly conditions: readonly {
      readonly type: string;
      readonly status: boolean;
      readonly reason: string;
      readonly message: string;
    }[];
  } | null;
  readonly info: Texts;
}

/** What containerd's answers are, by method. */
export interface Answers {
  Version: { readonly runtimeName: string; readonly runtimeVersion: string };
  Status: CriStatus;
  RunPodSandbox: { readonly podSandboxId: string };
  StopPodSandbox: object;
  RemovePodSandbox: object;
  PodSandboxStatus: { readonly status: CriSandbox | null; readonly info: Texts };
  ListPodSandbox: { readonly items: readonly CriSandbox[] };
  CreateContainer: { readonly containerId: string };
  StartContainer: object;
  StopContainer: object;
  RemoveContainer: object;
  ReopenContainerLog: object;
  ListContainers: { readonly containers: readonly CriContainer[] };
  ContainerStatus: { readonly status: CriContainerStatus | null; readonly info: Texts };
  UpdateContainerResources: object;
  Attach: { readonly url: string };
  ListContainerStats: { readonly stats: readonly CriStats[] };
  ImageStatus: { readonly image: { readonly id: string; readonly repoTags: readonly string[] } | null };
  RemoveImage: object;
  Exec: object;
  Start: { readonly pid: number };
  Wait: { readonly exitStatus: number };
  Kill: object;
  CloseIO: object;
  DeleteProcess: { readonly exitStatus: number };
  ResizePty: object;
  Update: object;
  ListPids: {
    readonly processes: readonly { readonly pid: number; readonly info: { readonly value?: Uint8Array } | null }[];
  };
  GetRecord: {
    readonly container: { readonly spec: { readonly typeUrl: string; readonly value: Uint8Array } | null } | null;
  };
  UpdateRecord: object;
  Subscribe: { readonly namespace: string; readonly topic: string };
}
