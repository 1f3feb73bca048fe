/** Why pods that had been given a node were not bound to it: the last failure of each of the last pods. O(1) each. */
import { errorMessage, type Clock } from '@timonel/sdk';

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

/** As the host tells it. */
export type Lost =
  | { readonly what: 'refused'; readonly plugin: string; readonly message: string }
  | { readonly what: 'failed'; readonly error: unknown };

const limit = 1000;

/** An observer of the host. */
export class AttemptFailures {
  readonly #clock: Clock;
  readonly #byUid = new Map<string, AttemptFailure>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  bindingLost({ uid }: { readonly uid: string }, nodeName: string, lost: Lost): void {
    const at = this.#clock.timestamp();
    const failure: AttemptFailure =
      lost.what === 'refused'
        ? { what: 'refused', nodeName, plugin: lost.plugin, message: lost.message, at }
        : { what: 'binding', nodeName, message: errorMessage(lost.error), at };
    this.#byUid.delete(uid);
    this.#byUid.set(uid, failure);
    if (this.#byUid.size <= limit) return;
    for (const oldest of this.#byUid.keys()) {
      this.#byUid.delete(oldest);
      return;
    }
  }

  bound({ uid }: { readonly uid: string }): void {
    this.#byUid.delete(uid);
  }

  podGone(uid: string): void {
    this.#byUid.delete(uid);
  }

  of(uid: string): AttemptFailure | undefined {
    return this.#byUid.get(uid);
  }

  get size(): number {
    return this.#byUid.size;
  }
}
