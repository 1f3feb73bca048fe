/** Which pods wait for the going of which victims. */
export class Preemptions {
  readonly #victimsOf = new Map<string, Set<string>>();
  readonly #waitingFor = new Map<string, Set<string>>();

  /** Replaces what the pod waited for so far. */
  begin(podUid: string, victims: readonly string[]): void {
    this.drop(podUid);
    if (victims.length === 0) return;
    this.#victimsOf.set(podUid, new Set(victims));
    for (const victim of victims) {
      const waiting = this.#waitingFor.get(victim);
      if (waiting === undefined) this.#waitingFor.set(victim, new Set([podUid]));
      else waiting.add(podUid);
    }
  }

  waits(podUid: string): boolean {
    return this.#victimsOf.has(podUid);
  }

  /** A pod has gone. Answers who waits for nobody any more. */
  gone(victim: string): readonly string[] {
    const freed: string[] = [];
    for (const podUid of this.#waitingFor.get(victim) ?? []) {
      const victims = this.#victimsOf.get(podUid);
      victims?.delete(victim);
      if (victims?.size !== 0) continue;
      this.#victimsOf.delete(podUid);
      freed.push(podUid);
    }
    this.#waitingFor.delete(victim);
    return freed;
  }

  /** It waits no more. */
  drop(podUid: string): void {
    for (const victim of this.#victimsOf.get(podUid) ?? []) {
      const waiting = this.#waitingFor.get(victim);
      waiting?.delete(podUid);
      if (waiting?.size === 0) this.#waitingFor.delete(victim);
    }
    this.#victimsOf.delete(podUid);
  }

  /** For leak checks. */
  get size(): number {
    return this.#victimsOf.size + this.#waitingFor.size;
  }
}
