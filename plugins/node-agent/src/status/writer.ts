/** Writes the status of one pod: only when it changed, one write at a time, the newest state wins, faults are tried again. */
import { isDeepStrictEqual } from 'node:util';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import { isConflict, isNotFound, pods, type Condition, type Pod, type PodStatus } from '@timonel/sdk/kube';
import { isOwned } from './conditions.ts';

export interface StatusWriterHost {
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  /** The newest state of the object that is known. */
  latest(): Pod;
  /** The object after a write or a read. */
  learned(pod: Pod): void;
}

const conflictTries = 5;
const firstRetryMs = 250;
const longestRetryMs = 10_000;
const ownedByOthers = (condition: Condition, own: readonly Condition[]): boolean =>
  !isOwned(condition.type) && !own.some((other) => other.type === condition.type);

export class StatusWriter {
  readonly #host: StatusWriterHost;
  #wanted: PodStatus | undefined;
  #writing: Promise<void> | undefined;
  #retry: TimerHandle | undefined;
  #retryMs = firstRetryMs;
  #closed = false;

  constructor(host: StatusWriterHost) {
    this.#host = host;
  }

  /** A write is under way; waiting for the next try does not count. */
  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  /** Asks for this status; returns at once. */
  set(status: PodStatus): void {
    if (this.#closed) return;
    this.#wanted = status;
    if (this.#writing === undefined && this.#retry === undefined) this.#begin();
  }

  /** Writes this status now; resolves when it is written or cannot be. */
  async flush(status: PodStatus): Promise<void> {
    this.#retry?.cancel();
    this.#retry = undefined;
    await this.#writing;
    this.set(status);
    await this.#writing;
  }

  /** Tries at once what could not be written; resolves when it is written, or cannot be again. */
  async catchUp(): Promise<void> {
    if (this.#retry !== undefined && this.#writing === undefined) {
      this.#retry.cancel();
      this.#retry = undefined;
      this.#begin();
    }
    await this.#writing;
  }

  close(): void {
    this.#closed = true;
    this.#wanted = undefined;
    this.#retry?.cancel();
    this.#retry = undefined;
  }

  #begin(): void {
    this.#writing = this.#drain().finally(() => {
      this.#writing = undefined;
    });
  }

  async #drain(): Promise<void> {
    while (this.#wanted !== undefined) {
      const wanted = this.#wanted;
      this.#wanted = undefined;
      try {
        await this.#write(wanted);
        this.#retryMs = firstRetryMs;
      } catch (error) {
        if (isNotFound(error) || this.#closed) return;
        this.#wanted ??= wanted;
        const { name, namespace } = this.#host.latest().metadata;
        this.#host.log.debug(
          { pod: name, namespace, error: errorMessage(error) },
          'pod status not written, will retry',
        );
        this.#retry = this.#host.env.timers.after(this.#retryMs, () => {
          this.#retry = undefined;
          if (this.#writing === undefined) this.#begin();
        });
        this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
        return;
      }
    }
  }

  async #write(wanted: PodStatus): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const base = this.#host.latest();
      const foreign = (base.status?.conditions ?? []).filter((entry) => ownedByOthers(entry, wanted.conditions ?? []));
      const status: PodStatus = { ...foreignFields(base.status), ...wanted };
      status.conditions = [...(wanted.conditions ?? []).map((own) => sinceAsKnown(own, base)), ...foreign];
      if (isDeepStrictEqual(status, base.status)) return;
      try {
        this.#host.learned(
          await this.#host.api.updateStatus(pods, { ...base, status }, { fieldManager: 'node-agent' }),
        );
        return;
      } catch (error) {
        if (!isConflict(error) || attempt >= conflictTries) throw error;
        const { name = '', namespace, uid } = base.metadata;
        const fresh = await this.#host.api.get(pods, { name, namespace });
        // Another pod of the same name: this one's status has no place any more.
        if (fresh.metadata.uid !== uid) return;
        this.#host.learned(fresh);
      }
    }
  }
}

/** A status may have been made from an older object: what holds as before holds since the time that was written then. */
function sinceAsKnown(own: Condition, base: Pod): Condition {
  const known = base.status?.conditions?.find((entry) => entry.type === own.type && entry.status === own.status);
  return known?.lastTransitionTime === undefined ? own : { ...own, lastTransitionTime: known.lastTransitionTime };
}

/** Fields that others write (nominatedNodeName, resize, …): all that the agent does not own. */
function foreignFields(status: PodStatus | undefined): Record<string, unknown> {
  const owned = new Set(
    (
      'observedGeneration phase conditions reason message hostIP hostIPs podIP podIPs startTime ' +
      'initContainerStatuses containerStatuses ephemeralContainerStatuses qosClass'
    ).split(' '),
  );
  return Object.fromEntries(Object.entries(status ?? {}).filter(([key]) => !owned.has(key)));
}
