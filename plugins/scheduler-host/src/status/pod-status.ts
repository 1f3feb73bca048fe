/**
 * Writes on waiting pods why they wait and which node is to be theirs. Only what changed is written, the last of several wishes for a
 * pod, some at once; never on a pod that has a node meanwhile.
 *
 * Bounds: writes of 10,000 pods wait; what comes over it is dropped, and written when the pod was tried again.
 */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { compareResourceVersions } from '@timonel/sdk/controller';
import { apiErrorReason, isNotFound, pods, type Condition, type Pod } from '@timonel/sdk/kube';
import { Lanes } from '../binding/lanes.ts';

const parallelWrites = 8;
const waitingLimit = 10_000;
const conflictLimit = 3;
const fieldManager = 'scheduler-host';

export interface WaitingReason {
  /** `Unschedulable`, `SchedulingGated`, `SchedulerError`. */
  readonly reason: string;
  readonly message: string;
}

/** What is to stand in the status. Absent: as it is. */
export interface WantedStatus {
  readonly because?: WaitingReason;
  /** null: none. */
  readonly nominatedNodeName?: string | null;
}

interface Known extends WantedStatus {
  /** After our last write. */
  readonly resourceVersion?: string | undefined;
}

interface Wish {
  readonly pod: Pod;
  readonly wanted: WantedStatus;
}

function conditionOf(pod: Pod): Condition | undefined {
  return pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
}

function newer(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareResourceVersions(a, b) < 0 ? b : a;
}

export class PodStatusWriter {
  readonly #api: ApiClient;
  readonly #env: Env;
  readonly #log: Logger;
  readonly #lanes: Lanes;
  readonly #mayWrite: () => boolean;
  readonly #wishes = new Map<string, Wish>();
  /** What we wrote, or are about to write, on pods that wait. */
  readonly #known = new Map<string, Known>();

  /** What is not written yet when `mayWrite` answers false is not to be. */
  constructor(api: ApiClient, env: Env, log: Logger, mayWrite: () => boolean = () => true) {
    this.#mayWrite = mayWrite;
    this.#api = api;
    this.#env = env;
    this.#log = log;
    const onFault = (error: unknown): void =>
      log.error({ err: { message: errorMessage(error) } }, 'a status was not written');
    this.#lanes = new Lanes(parallelWrites, onFault);
  }

  /** Answers whether the reason is another one than before. Does not wait for the write. */
  write(pod: Pod, wanted: WantedStatus): boolean {
    const uid = pod.metadata.uid ?? '';
    const changes = this.#changes(pod, wanted);
    if (changes === undefined) return false;
    const wish = this.#wishes.get(uid);
    if (wish === undefined && this.#wishes.size >= waitingLimit) return false;
    this.#wishes.set(uid, { pod, wanted: { ...wish?.wanted, ...changes } });
    this.#known.set(uid, { ...this.#known.get(uid), ...changes });
    if (wish === undefined) this.#lanes.run(() => this.#next(uid));
    return changes.because !== undefined;
  }

  /** Whether something of the pod is not written yet. */
  busy(uid: string): boolean {
    return this.#wishes.has(uid);
  }

  /** The pod waits no more: what is not written yet is not to be. */
  forget(uid: string): void {
    this.#wishes.delete(uid);
    this.#known.delete(uid);
  }

  /** Somebody else may have written meanwhile: what stands on the pods counts. */
  readAnew(): void {
    for (const uid of this.#known.keys()) if (!this.busy(uid)) this.#known.delete(uid);
  }

  /** A pod that got another node than the nominated one. */
  clearNomination(pod: Pod): void {
    this.#lanes.run(() => this.#guarded(pod, () => this.#patch(pod, { nominatedNodeName: null }, undefined)));
  }

  /** Resolves when all is written. */
  async idle(): Promise<void> {
    await this.#lanes.below(0);
  }

  #changes(pod: Pod, { because, nominatedNodeName }: WantedStatus): WantedStatus | undefined {
    const known = this.#known.get(pod.metadata.uid ?? '');
    const condition = conditionOf(pod);
    const before = known?.because ?? (condition?.status === 'False' ? condition : undefined);
    const node = known?.nominatedNodeName ?? (known?.nominatedNodeName === null ? null : pod.status?.nominatedNodeName);
    const sameReason =
      because === undefined || (before?.reason === because.reason && before.message === because.message);
    const sameNode = nominatedNodeName === undefined || (node ?? null) === nominatedNodeName;
    if (sameReason && sameNode) return undefined;
    return { ...(sameReason ? {} : { because }), ...(sameNode ? {} : { nominatedNodeName }) };
  }

  async #next(uid: string): Promise<void> {
    const wish = this.#wishes.get(uid);
    if (wish === undefined) return;
    if (!this.#mayWrite()) {
      this.forget(uid);
      return;
    }
    await this.#guarded(wish.pod, () => this.#writeWish(uid, wish));
    if (this.#wishes.get(uid) === wish) this.#wishes.delete(uid);
    else if (this.#wishes.has(uid)) this.#lanes.run(() => this.#next(uid));
  }

  async #writeWish(uid: string, { pod, wanted }: Wish): Promise<void> {
    let current = pod;
    for (let attempt = 0; attempt < conflictLimit; attempt++) {
      if (!this.#wishes.has(uid)) return;
      const version = newer(current.metadata.resourceVersion, this.#known.get(uid)?.resourceVersion);
      const written = await this.#patch(current, wanted, version);
      const known = this.#known.get(uid);
      if (written !== undefined) {
        if (known !== undefined) this.#known.set(uid, { ...known, resourceVersion: written.metadata.resourceVersion });
        return;
      }
      current = await this.#api.get(pods, { namespace: pod.metadata.namespace, name: pod.metadata.name ?? '' });
      if (current.metadata.uid !== uid || current.spec.nodeName) return;
    }
    this.#known.delete(uid);
  }

  /** undefined: somebody else wrote meanwhile. */
  async #patch(pod: Pod, wanted: WantedStatus, resourceVersion: string | undefined): Promise<Pod | undefined> {
    const { namespace, name = '', uid } = pod.metadata;
    const { because, nominatedNodeName } = wanted;
    const status = {
      ...(because === undefined ? {} : { conditions: [this.#condition(pod, because)] }),
      ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    };
    const metadata = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    try {
      return await this.#api.patch(
        pods,
        { namespace, name },
        { type: 'strategic', body: { metadata, status } },
        { subresource: 'status', fieldManager },
      );
    } catch (error) {
      if (apiErrorReason(error) === 'Conflict') return undefined;
      throw error;
    }
  }

  #condition(pod: Pod, { reason, message }: WaitingReason): Condition {
    const before = conditionOf(pod);
    const now = this.#env.clock.timestamp();
    const lastTransitionTime = before?.status === 'False' ? (before.lastTransitionTime ?? now) : now;
    return { type: 'PodScheduled', status: 'False', reason, message, lastProbeTime: null, lastTransitionTime };
  }

  async #guarded(pod: Pod, write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      const { namespace = '', name = '', uid = '' } = pod.metadata;
      this.#known.delete(uid);
      if (isNotFound(error)) return;
      const fields = { pod: `${namespace}/${name}`, err: { message: errorMessage(error) } };
      this.#log.warn(fields, 'the status of a waiting pod could not be written');
    }
  }
}
