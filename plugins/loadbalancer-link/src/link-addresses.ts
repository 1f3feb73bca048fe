import type { AddressLink } from '@timonel/sdk/command';
import type { Addresses } from './announcer.ts';

/** A link of an earlier run stays as it is until it is known what it should have; without addresses there is no link. */
export class LinkAddresses implements Addresses {
  readonly #link: AddressLink;

  constructor(link: AddressLink) {
    this.#link = link;
    link.adopt();
  }

  async set(wanted: ReadonlySet<string>): Promise<void> {
    if (wanted.size > 0) {
      this.#link.forget();
      await this.#link.set(wanted);
      return;
    }
    // Where there is no program `ip`, there is no link either.
    await this.#link.close().catch(() => undefined);
    this.#link.adopt();
  }
}
