/** The ranges of user and group ids that pods with a user namespace of their own have: never two pods the same. */
import type { UserNamespace } from '@timonel/sdk/contracts/runtime';
import { ConfigError } from '../container/config-error.ts';

/** What a pod gets, as in Kubernetes: all ids of 16 bits. */
export const idsPerPod = 65_536;

export interface IdRangeOptions {
  /** The first id of the first range. */
  readonly firstId: number;
  readonly ranges: number;
}

export class IdRanges {
  readonly #options: IdRangeOptions;
  /** First ids by pod uid. */
  readonly #held = new Map<string, number>();

  constructor(options: IdRangeOptions) {
    this.#options = options;
  }

  /** The pod has it already: a former agent gave it. Perhaps from other ranges than are configured now. */
  hold(podUid: string, firstId: number): void {
    if (!this.#held.has(podUid)) this.#held.set(podUid, firstId);
  }

  of(podUid: string): number | undefined {
    return this.#held.get(podUid);
  }

  /** The pod's range; the first free one, when it has none yet. @throws ConfigError when all are taken */
  take(podUid: string): UserNamespace {
    const firstId = this.#held.get(podUid) ?? this.#free();
    this.#held.set(podUid, firstId);
    return { firstUid: firstId, firstGid: firstId, length: idsPerPod };
  }

  /** Nothing is left of the pod. */
  release(podUid: string): void {
    this.#held.delete(podUid);
  }

  #free(): number {
    const { firstId, ranges } = this.#options;
    const taken = [...this.#held.values()].toSorted((a, b) => a - b);
    let candidate = firstId;
    for (const other of taken)
      if (other > candidate - idsPerPod && other < candidate + idsPerPod) candidate = other + idsPerPod;
    if (candidate < firstId + ranges * idsPerPod) return candidate;
    throw new ConfigError(
      `all ${ranges} ranges of ids for pods with hostUsers: false are taken; raise userNamespaceRanges of node-agent`,
    );
  }
}
