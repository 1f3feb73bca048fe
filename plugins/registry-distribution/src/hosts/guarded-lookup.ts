/** Names that a registry chose must not lead back to this node, whatever their owner lets them resolve to. */
import { lookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { untrusted } from '../failure.ts';
import { addressClass } from '@timonel/sdk/tunnel';

const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) {
      callback(error, '', 0);
      return;
    }
    const [first] = addresses;
    const local = addresses.find(({ address }) => addressClass(address) !== 'elsewhere');
    if (local !== undefined) callback(refusal(hostname, local.address), '', 0);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first?.address ?? '', first?.family);
  });
};

export function refusal(hostname: string, address: string): Error {
  return untrusted(`the registry names ${hostname}, which is ${address}, an address of this node: it is not followed`);
}

/** Where a lookup of ours is given to a connection, it is this one. */
export function isGuarded(lookup: unknown): boolean {
  return lookup === guardedLookup;
}

/** For a request to `url` that `from` named; undefined: the usual resolution. */
export function guardFor(from: URL, url: URL): LookupFunction | undefined {
  const elsewhere = addressClass(from.hostname) === 'elsewhere';
  return elsewhere && from.hostname !== url.hostname ? guardedLookup : undefined;
}
