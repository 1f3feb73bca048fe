/**
 * Tells the machines on the links of an address that it is here now: those that knew it elsewhere would go on to send there for seconds.
 * Everybody on a link takes over the sender of a request of ARP for an address that he knows already (RFC 826), so a datagram from the
 * address to some machine that is not known is enough, and needs no raw socket. Addresses of IPv6 are advertised by the kernel.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { errorMessage, type Env, type Logger, type Random } from '@timonel/sdk';
import { formatIpv4, parseIpv4 } from '@timonel/sdk/contracts/network';

export interface NeighbourNoticeOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Whether the address is still this node's. */
  readonly isHeld: (address: string) => boolean;
  /** Advertises addresses of IPv6. */
  readonly advertise: (addresses: readonly string[]) => Promise<void>;
  readonly send?: (address: string, target: string) => Promise<void>;
}

/** Times of the rounds. Linux does not believe two changes within a second. */
const roundsMs = [0, 600, 1_800] as const;
/** RFC 863: whoever has the address drops it. */
const discardPort = 9;
/** Links with fewer addresses have no room for somebody unknown. */
const longestPrefix = 29;
const choices = 8;

/** Addresses of the links on which the address is, one that nobody is likely to have of each. */
export function strangersOf(address: string, random: Random): readonly string[] {
  const number = parseIpv4(address);
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = new Set(all.map((entry) => entry.address));
  return all.flatMap(({ family, internal, cidr }) => {
    const [base = '', length = ''] = cidr?.split('/') ?? [];
    const first = parseIpv4(base);
    const size = 2 ** (32 - Number(length));
    if (family !== 'IPv4' || internal || number === undefined || first === undefined || Number(length) > longestPrefix)
      return [];
    const network = first - (first % size);
    if (number < network || number >= network + size) return [];
    const chosen = Array.from({ length: choices }, () => formatIpv4(network + 1 + random.int(size - 2)));
    return chosen.filter((candidate) => candidate !== address && !own.has(candidate)).slice(0, 1);
  });
}

function sendDatagram(address: string, target: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const done = (error: Error | null): void => {
      socket.close();
      if (error === null) resolve();
      else reject(error);
    };
    socket.once('error', done);
    socket.bind(0, address, () => socket.send('', discardPort, target, done));
  });
}

export class NeighbourNotice {
  readonly #options: NeighbourNoticeOptions;
  #running: Promise<void> = Promise.resolve();

  constructor(options: NeighbourNoticeOptions) {
    this.#options = options;
  }

  /** Begins the rounds for addresses that are new here. */
  tell(addresses: readonly string[]): void {
    if (addresses.length === 0) return;
    for (const ms of roundsMs) {
      this.#options.env.timers.after(ms, () => {
        this.#running = this.#running.then(() => this.#round(addresses));
      });
    }
  }

  /** Resolves when none is under way. */
  settled(): Promise<void> {
    return this.#running;
  }

  async #round(addresses: readonly string[]): Promise<void> {
    const { env, log, signal, isHeld, advertise, send = sendDatagram } = this.#options;
    const ofIpv6 = addresses.filter((address) => isIPv6(address) && isHeld(address));
    if (ofIpv6.length > 0 && !signal.aborted)
      await advertise(ofIpv6).catch((error: unknown) => {
        log.debug({ addresses: ofIpv6, error: errorMessage(error) }, 'neighbours were not told of addresses');
      });
    for (const address of addresses) {
      if (signal.aborted) return;
      if (!isHeld(address)) continue;
      for (const target of strangersOf(address, env.random)) {
        await send(address, target).catch((error: unknown) => {
          log.debug({ address, error: errorMessage(error) }, 'neighbours were not told of an address');
        });
      }
    }
  }
}
