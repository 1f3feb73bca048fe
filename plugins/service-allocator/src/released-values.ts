/** Values that services of late held and hold no more: their claims are left over, whoever comes to release them. */
import { compareResourceVersions } from '@timonel/sdk/controller';
import type { Claim } from './claim-store.ts';
import type { ValueName } from './held-values.ts';

const remembered = 10_000;

export class ReleasedValues {
  /** `uid name` → the version at which the service was seen without the value. */
  readonly #versions = new Map<string, string>();

  add(uid: string, name: ValueName, resourceVersion: string): void {
    const key = `${uid} ${name}`;
    this.#versions.delete(key);
    this.#versions.set(key, resourceVersion);
    if (this.#versions.size <= remembered) return;
    const { value: oldest, done } = this.#versions.keys().next();
    if (done !== true) this.#versions.delete(oldest);
  }

  /** Store and API count by the same revisions: a claim that was written later is of a service that wants the value again. */
  isLeftOver({ uid, name, revision }: Claim): boolean {
    const version = this.#versions.get(`${uid} ${name}`);
    return version !== undefined && compareResourceVersions(version, String(revision)) > 0;
  }
}
