import type { Informer } from '@timonel/sdk/controller';
import { objectKey, type PersistentVolumeClaim } from '@timonel/sdk/kube';

type Claim = PersistentVolumeClaim;

/** Tells those who wait for something of one claim of its changes. */
export class ClaimWatch {
  readonly #claims: Informer<Claim>;
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(claims: Informer<Claim>) {
    this.#claims = claims;
    const tell = (claim: Claim): void => {
      for (const listener of this.#listeners.get(objectKey(claim)) ?? []) listener();
    };
    claims.addHandler({ added: tell, updated: tell, deleted: tell });
  }

  /** Resolves with the first answer of `look` to the claim as it is now, or becomes. Rejects with the signal's reason. */
  until<A>(key: string, look: (claim: Claim | undefined) => A | undefined, signal: AbortSignal): Promise<A> {
    return new Promise((resolve, reject) => {
      const listeners = this.#listeners.get(key) ?? new Set<() => void>();
      const end = (): void => {
        listeners.delete(check);
        if (listeners.size === 0) this.#listeners.delete(key);
        signal.removeEventListener('abort', stop);
      };
      const check = (): void => {
        const answer = look(this.#claims.get(key));
        if (answer === undefined) return;
        end();
        resolve(answer);
      };
      const stop = (): void => {
        end();
        reject(signal.reason as Error);
      };
      this.#listeners.set(key, listeners.add(check));
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      else check();
    });
  }

  /** For how many claims somebody waits. */
  get size(): number {
    return this.#listeners.size;
  }
}
