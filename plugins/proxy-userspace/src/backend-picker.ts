import { BlockList } from 'node:net';
import type { Env } from '@timonel/sdk';
import { familyOf } from '@timonel/sdk/contracts/network';
import type { Backend } from '@timonel/sdk/contracts/proxy';
import type { ClientMemory } from './client-memory.ts';

const none: readonly Backend[] = [];

/** The backends of one client, in the order in which to try them. */
export class Attempts {
  readonly #backends: readonly Backend[];
  readonly #known: Backend | undefined;
  readonly #start: number;
  #tried = 0;
  #hasKnown: boolean;

  /** `start`: number of the one to begin with, after the one that is known. */
  constructor(backends: readonly Backend[], start: number, known: Backend | undefined) {
    this.#backends = backends;
    this.#start = start;
    this.#known = known;
    this.#hasKnown = known !== undefined;
  }

  /** Undefined: there are no more. */
  next(): Backend | undefined {
    if (this.#hasKnown) {
      this.#hasKnown = false;
      return this.#known;
    }
    while (this.#tried < this.#backends.length) {
      const backend = this.#backends[(this.#start + this.#tried++) % this.#backends.length];
      if (backend !== this.#known) return backend;
    }
    return undefined;
  }
}

/** Chooses backends for each client: at random, or, where clients are remembered, the same again. */
export class BackendPicker {
  readonly #env: Env;
  #backends: readonly Backend[] = none;
  #memory: ClientMemory | undefined;
  /** Undefined: anybody. */
  #sources: BlockList | undefined;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Whether it depends on the client which backends it has. */
  get asksWho(): boolean {
    return this.#memory !== undefined || this.#sources !== undefined;
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

  /** Without any where there are no backends, or none for this client. */
  attempts(client: string): Attempts {
    const isAllowed = this.#sources?.check(client, `ipv${familyOf(client)}`) !== false;
    const backends = isAllowed ? this.#backends : none;
    // In turn, two clients that ask in turn would have one each.
    const start = backends.length > 1 ? this.#env.random.int(backends.length) : 0;
    return new Attempts(backends, start, this.#memory?.find(client, backends));
  }

  /** Tells which backend took the client. */
  accepted(client: string, backend: Backend): void {
    this.#memory?.remember(client, backend);
  }
}
