import type { Env } from '@timonel/sdk';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import { BackendPicker, type Attempts } from './backend-picker.ts';
import type { ClientMemory } from './client-memory.ts';

/** What a listener asks for each client. */
export type Picker = Pick<BackendPicker, 'asksWho' | 'attempts' | 'accepted'>;

/** The backends of one service address. */
export interface Choice {
  readonly backends: readonly Backend[];
  /** Those of clients outside of the cluster; undefined: the same. */
  readonly outside: readonly Backend[] | undefined;
  /** Of the service port; undefined: clients are not remembered. */
  readonly memory: ClientMemory | undefined;
  /** Ranges that clients must be of; undefined: anybody. */
  readonly sources: readonly string[] | undefined;
}

/** Chooses among the backends that a client may have: those of clients outside of the cluster may be others. */
export class ClientPicker implements Picker {
  readonly #inside: BackendPicker;
  readonly #outside: BackendPicker;
  readonly #isOutside: (client: string) => boolean;
  #differ = false;

  constructor(env: Env, isOutside: (client: string) => boolean) {
    this.#inside = new BackendPicker(env);
    this.#outside = new BackendPicker(env);
    this.#isOutside = isOutside;
  }

  update({ backends, outside, memory, sources }: Choice): void {
    this.#differ = outside !== undefined;
    this.#inside.update(backends, memory);
    this.#outside.update(outside ?? [], memory);
    for (const picker of [this.#inside, this.#outside]) picker.restrict(sources);
  }

  get asksWho(): boolean {
    return this.#differ || this.#inside.asksWho;
  }

  attempts(client: string): Attempts {
    return this.#of(client).attempts(client);
  }

  accepted(client: string, backend: Backend): void {
    this.#of(client).accepted(client, backend);
  }

  #of(client: string): BackendPicker {
    return this.#differ && this.#isOutside(client) ? this.#outside : this.#inside;
  }
}
