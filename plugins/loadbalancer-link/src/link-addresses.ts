import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { Turns } from '@timonel/sdk';
import { CommandError, type AddressLink } from '@timonel/sdk/command';
import type { Addresses } from './announcer.ts';
import { advertise, attend, withdraw } from './ndp-addresses.ts';

/** New links are as this setting says; a kernel without IPv6 has none. */
async function machineHasIpv6(): Promise<boolean> {
  const text = await readFile('/proc/sys/net/ipv6/conf/default/disable_ipv6', 'utf8').catch(() => '');
  return text.trim() === '0';
}

/** A link of an earlier run stays as it is until it is known what it should have; without addresses there is no link. */
export class LinkAddresses implements Addresses {
  readonly #link: AddressLink;
  readonly #turns: Turns = new Turns();
  /** Whether there may be addresses of IPv6, for instance of an earlier run. */
  #hasIpv6 = true;

  constructor(link: AddressLink) {
    this.#link = link;
    link.adopt();
  }

  set(wanted: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    return this.#inTurn(async () => {
      const asksForIpv6 = [...wanted].some(isIPv6);
      const takes =
        !asksForIpv6 || (await machineHasIpv6()) ? wanted : new Set([...wanted].filter((each) => !isIPv6(each)));
      await this.#set(takes);
      return takes;
    });
  }

  /** Puts back what the machine's links have lost, as one that goes down loses its addresses of IPv6. @throws Error */
  async refresh(): Promise<void> {
    if (this.#hasIpv6) await this.#inTurn(() => attend(this.#link.name));
  }

  /** Tells the neighbours of addresses of IPv6. @throws Error */
  advertise(addresses: readonly string[]): Promise<void> {
    return this.#inTurn(() => advertise(this.#link.name, addresses));
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#withdraw(new Set()).catch(() => undefined);
      await this.#link.close();
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run('addresses', work);
  }

  async #set(wanted: ReadonlySet<string>): Promise<void> {
    if (wanted.size > 0) {
      await this.#withdraw(wanted);
      this.#link.forget();
      const hasIpv6 = [...wanted].some(isIPv6);
      this.#hasIpv6 ||= hasIpv6;
      await this.#link.set(wanted);
      if (hasIpv6) await attend(this.#link.name);
      this.#hasIpv6 = hasIpv6;
      return;
    }
    // Where there is no program `ip`, there is no link either.
    await this.#withdraw(wanted).catch((error: unknown) => {
      if (!(error instanceof CommandError) || error.result !== undefined) throw error;
    });
    await this.#link.close().catch(() => undefined);
    this.#hasIpv6 = false;
    this.#link.adopt();
  }

  async #withdraw(wanted: ReadonlySet<string>): Promise<void> {
    if (this.#hasIpv6) await withdraw(this.#link.name, wanted);
  }
}
