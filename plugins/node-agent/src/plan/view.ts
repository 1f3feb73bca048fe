/** What the plan looks at: the pod as declared, what the runtime shows, and what the agent remembers. */
import type { EnsuredImage } from '@timonel/sdk/contracts/images';
import type { Attachment } from '@timonel/sdk/contracts/network';
import type { ContainerStatus, SandboxStatus } from '@timonel/sdk/contracts/runtime';
import type { LinuxUser, Pod } from '@timonel/sdk/kube';
import type { Rejection } from '../admission/rejection.ts';
import type { BackOffEntry } from './back-off.ts';
import type { Ending } from './ending.ts';
import { emptyResize, type ResizeMemory } from './resize.ts';

/** A start that failed before there was a container to look at. */
export interface StartFailure {
  /** `ErrImagePull`, `InvalidImageName`, `CreateContainerConfigError`, `CreateContainerError`, `RunContainerError`, … */
  readonly reason: string;
  readonly message: string;
  /** ms since the epoch. */
  readonly failedAt: number;
  readonly retryAt: number;
  readonly delayMs: number;
}

export interface SandboxFailure {
  readonly message: string;
  /** ms since the epoch. */
  readonly retryAt: number;
  readonly delayMs: number;
}

/** The reason of volumes that cannot be had. */
export const failedMount = 'FailedMount';

/** Failures after which the status says ImagePullBackOff until the next try. */
export const pullReasons: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'RegistryUnavailable',
  'CorruptImage',
  'SignatureValidationFailed',
]);

/** An image that is being fetched for a container, or was just now. */
export interface Pull {
  readonly reference: string;
  readonly abort: AbortController;
  /** Undefined: not here yet. */
  readonly image: EnsuredImage | undefined;
}

/** How long a failed pull is shown as such before it is shown as waiting for the next try. */
export const pullErrorShownMs = 2000;

/** What the probes say of one container. */
export interface ProbeVerdict {
  readonly ready: boolean;
  readonly started: boolean;
  /** Set when the liveness or startup probe gave it up: why. */
  readonly unhealthy: string | undefined;
  /** Of the probe that gave it up, where it names one. */
  readonly gracePeriodSeconds?: number;
}

/** Kept by the pod's worker between two plans. Lost with the agent; everything in it can be rebuilt or begins anew. */
export interface PodMemory {
  sandboxAttempt: number;
  sandboxFailure: SandboxFailure | undefined;
  attachment: Attachment | undefined;
  /** Back-off of restarts by container name. */
  readonly restarts: Map<string, BackOffEntry>;
  /** Failed starts by container name. */
  readonly starts: Map<string, StartFailure>;
  /** By container name. */
  readonly pulls: Map<string, Pull>;
  /** Containers being stopped, by id: the grace period in ms they were given. */
  readonly stopping: Map<string, number>;
  /** By container id. */
  readonly verdicts: Map<string, ProbeVerdict>;
  /** Ids of containers whose postStart hook runs. */
  readonly hooks: Set<string>;
  /** By container id: who it ran as at first. */
  readonly users: Map<string, LinuxUser>;
  /** The last finished try by container name, kept when its record in the runtime is gone. */
  readonly finished: Map<string, ContainerStatus>;
  readonly resize: ResizeMemory;
  /** Whether the node can run the pod was asked. */
  isAdmitted: boolean;
  /** This node cannot run the pod, whatever is tried. */
  rejection: Rejection | undefined;
  /** This node ends the pod. */
  ending: Ending | undefined;
  /** Disk is short: what is not needed of it goes. */
  frees: boolean;
  /** The last status was written before the traces of the pod are removed. */
  finalReported: boolean;
  dataRemoved: boolean;
  objectDeleted: boolean;
  /** ms since the epoch: no further try to delete the object before. */
  deleteRetryAt: number;
}

export function emptyMemory(): PodMemory {
  return {
    sandboxAttempt: -1,
    sandboxFailure: undefined,
    attachment: undefined,
    restarts: new Map(),
    starts: new Map(),
    pulls: new Map(),
    stopping: new Map(),
    verdicts: new Map(),
    hooks: new Set(),
    users: new Map(),
    finished: new Map(),
    resize: emptyResize(),
    isAdmitted: false,
    rejection: undefined,
    ending: undefined,
    frees: false,
    finalReported: false,
    dataRemoved: false,
    objectDeleted: false,
    deleteRetryAt: 0,
  };
}

export interface PodView {
  readonly pod: Pod;
  /** The object is gone from the API: only clean up. */
  readonly gone: boolean;
  readonly sandboxes: readonly SandboxStatus[];
  readonly containers: readonly ContainerStatus[];
  readonly memory: Readonly<PodMemory>;
}
