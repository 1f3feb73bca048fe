/** The cluster's authority as its files have it: they change when it is replaced. */
import type { Env } from '@timonel/sdk';
import { keepAuthority, readAuthority, readSuccession, type Authority } from '@timonel/sdk/pki';

export class CurrentAuthority {
  readonly #env: Env;
  readonly #directory: string;
  #now: Authority;
  #succession: string;

  private constructor(env: Env, directory: string, now: Authority, succession: string) {
    this.#env = env;
    this.#directory = directory;
    this.#now = now;
    this.#succession = succession;
  }

  /** @throws PkiError */
  static async open(env: Env, directory: string): Promise<CurrentAuthority> {
    return new CurrentAuthority(env, directory, await keepAuthority(env, directory), await readSuccession(directory));
  }

  get now(): Authority {
    return this.#now;
  }

  /** How it came from the authorities of before. */
  get succession(): string {
    return this.#succession;
  }

  /** Looks at the files again, and makes none. @throws PkiError; what was known stays */
  async refresh(): Promise<void> {
    this.#now = await readAuthority(this.#env, this.#directory);
    this.#succession = await readSuccession(this.#directory);
  }
}
