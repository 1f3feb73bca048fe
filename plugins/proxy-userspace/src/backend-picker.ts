import { BlockList } from 'node:net';
import type { Env } from '@timonel/sdk';
import { familyOf } from '@timonel/sdk/contracts/network';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import { keyOf, type ClientMemory } from './client-memory.ts';

/** Chooses a backend for each client: in turn, or, where clients are remembered, the same again. */
export class BackendPicker {
  readonly #env: Env;
  #backends: readonly Backend[] = [];
  #memory: ClientMemory | undefined;
  /** Undefined: anybody. */
  #sources: BlockList | undefined;
  #next: number;

  constructor(env: Env) {
    this.#env = env;
    this.#next = env.random.int(1 << 16);
  }

  update(backends: readonly Backend[], memory: ClientMemory | undefined): void {
    this.#backends = backends;
    this.#memory = memory;
  }

  /** Only clients of these ranges have backends. Undefined: all have. */
  restrict(sources: readonly string[] | undefined): void {
    this.#sources = sources === undefined ? undefined : new BlockList();
    for (const range of sources ?? []) {
      const [network = '', prefix = ''] = range.split('/');
      this.#sources?.addSubnet(network, Number(prefix), `ipv${familyOf(network)}`);
    }
  }

  /** All backends, the one to try first at the front. Empty: there is none, or none for this client. */
  order(client: string): readonly Backend[] {
    const count = this.#backends.length;
    if (count === 0 || this.#sources?.check(client, `ipv${familyOf(client)}`) === false) return [];
    if (this.#memory !== undefined)
      return this.#knownFirst(client, this.#from(this.#env.random.int(count)), this.#memory);
    this.#next = (this.#next + 1) % count;
    return this.#from(this.#next);
  }

  /** Tells which backend took the client. */
  accepted(client: string, backend: Backend): void {
    this.#memory?.remember(client, backend);
  }

  #from(start: number): readonly Backend[] {
    return start === 0 ? this.#backends : [...this.#backends.slice(start), ...this.#backends.slice(0, start)];
  }

  #knownFirst(client: string, backends: readonly Backend[], memory: ClientMemory): readonly Backend[] {
    const known = memory.find(client, this.#backends);
    return known === undefined ? backends : [known, ...backends.filter((backend) => keyOf(backend) !== keyOf(known))];
  }
}
