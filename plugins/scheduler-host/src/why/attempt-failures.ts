/** Why pods that had been given a node were not bound to it: the last failure of each of the last pods. O(1) each. */
export interface AttemptFailure {
  /** `refused`: a plugin of the scheduler said no at Reserve, Permit or PreBind. `binding`: the binding was not written. */
  readonly what: 'refused' | 'binding';
  readonly nodeName: string;
  /** Who refused. */
  readonly plugin?: string;
  readonly message: string;
  /** RFC 3339. */
  readonly at: string;
}

const limit = 1000;

export class AttemptFailures {
  readonly #byUid = new Map<string, AttemptFailure>();

  add(uid: string, failure: AttemptFailure): void {
    this.#byUid.delete(uid);
    this.#byUid.set(uid, failure);
    if (this.#byUid.size <= limit) return;
    for (const oldest of this.#byUid.keys()) {
      this.#byUid.delete(oldest);
      return;
    }
  }

  of(uid: string): AttemptFailure | undefined {
    return this.#byUid.get(uid);
  }

  /** It was bound, or is gone. */
  delete(uid: string): void {
    this.#byUid.delete(uid);
  }

  get size(): number {
    return this.#byUid.size;
  }
}
