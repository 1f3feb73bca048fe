/**
 * Pods that are counted on a node before the informer has confirmed it: from the decision on. Once the binding is written, the informer
 * has 30 s to confirm it; a pod that is not confirmed by then is gone, or the informer is far behind, and will tell in time.
 */
const confirmLimitMs = 30_000;

export class Assumed {
  /** Uid → monotonic ms at which the assumption ends, in this order; of those whose binding is written. */
  readonly #written = new Map<string, number>();
  /** Those whose binding is under way, with whoever carries it out: a pod that went and came back may have two of them. */
  readonly #underWay = new Map<string, unknown>();

  get size(): number {
    return this.#underWay.size + this.#written.size;
  }

  has(uid: string): boolean {
    return this.#underWay.has(uid) || this.#written.has(uid);
  }

  add(uid: string, owner?: unknown): void {
    this.#written.delete(uid);
    this.#underWay.set(uid, owner);
  }

  /** Whether it is assumed because of `owner`, whose binding is under way. */
  isOf(uid: string, owner?: unknown): boolean {
    return this.#underWay.has(uid) && this.#underWay.get(uid) === owner;
  }

  written(uid: string, nowMs: number, owner?: unknown): void {
    if (!this.isOf(uid, owner)) return;
    this.#underWay.delete(uid);
    this.#written.set(uid, nowMs + confirmLimitMs);
  }

  /** It is confirmed, or came to nothing. Answers whether it was assumed. */
  delete(uid: string): boolean {
    return this.#underWay.delete(uid) || this.#written.delete(uid);
  }

  /** Takes those out that were not confirmed in time. */
  expired(nowMs: number): readonly string[] {
    const uids: string[] = [];
    for (const [uid, until] of this.#written) {
      if (until > nowMs) break;
      uids.push(uid);
      this.#written.delete(uid);
    }
    return uids;
  }
}
